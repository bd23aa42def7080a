import type { StandInUpstash } from "../stand-ins/upstash.ts";
import { parseCommandStats, totalOf } from "./commandstats.ts";

/**
 * The commands that Redis has run, including those inside scripts, as Upstash bills them.
 * The stand-in of Redis has no statistics: its HTTP requests are counted instead, which are fewer.
 */
export async function commandCount({ redis, requests }: StandInUpstash, kind: string): Promise<number> {
  if (kind !== "redis-server") return requests();
  return totalOf(parseCommandStats(String(await redis.call("INFO", "commandstats"))));
}
