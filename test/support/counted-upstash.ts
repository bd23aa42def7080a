import { parseCommandStats } from "./commandstats.ts";
import { control } from "./stand-ins.ts";

/** Whether Redis counts its commands. Its imitation does not. */
export const countsCommands = (await control.redisKind()) === "redis-server";

/** Starts an Upstash on a Redis server of its own: a server counts the commands of all its databases together. */
export async function startCountedUpstash() {
  const { id, url, token } = await control.startUpstash({ ownServer: true });
  return {
    id,
    url,
    token,
    /** The variables of a Worker that uses it. */
    vars: { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token },
    redis: (name: string, ...args: string[]) => control.redis(id, name, ...args),
    /** The commands that `work` causes, by name. */
    async commandsOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
      await control.redis(id, "CONFIG", "RESETSTAT");
      await work();
      return parseCommandStats(String(await control.redis(id, "INFO", "commandstats")));
    },
  };
}
