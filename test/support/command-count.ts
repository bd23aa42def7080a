import type { Database } from "../stand-ins/redis.ts";
import type { StandInUpstash } from "../stand-ins/upstash.ts";

/** Commands of the connection, which Upstash does not count. */
const NOT_BILLED = new Set(["client", "config", "hello", "info", "ping", "select"]);

/**
 * The commands that Redis has run, including those inside scripts, as Upstash bills them.
 * The stand-in of Redis has no statistics: its HTTP requests are counted instead, which are fewer.
 */
export async function commandCount({ redis, requests }: StandInUpstash, kind: string): Promise<number> {
  if (kind !== "redis-server") return requests();
  return Object.values(await commandStats(redis)).reduce((sum, calls) => sum + calls, 0);
}

/** The number of runs of each command in redis-server since `CONFIG RESETSTAT`, as Upstash bills them. */
export async function commandStats(redis: Database): Promise<Record<string, number>> {
  const stats = String(await redis.call("INFO", "commandstats"));
  const counts = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(
    ([, name = "", calls]) => [name, Number(calls)] as const,
  );
  return Object.fromEntries(counts.filter(([name]) => !NOT_BILLED.has(name.split("|")[0] ?? "")));
}
