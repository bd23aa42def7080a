import type { StandInUpstash } from "../stand-ins/upstash.ts";

/** Commands of the connection, which Upstash does not count. */
const NOT_BILLED = new Set(["client", "hello", "info", "ping", "select"]);

/**
 * The commands that Redis has run, including those inside scripts, as Upstash bills them.
 * The stand-in of Redis has no statistics: its HTTP requests are counted instead, which are fewer.
 */
export async function commandCount({ redis, requests }: StandInUpstash, kind: string): Promise<number> {
  if (kind !== "redis-server") return requests();
  const stats = String(await redis.call("INFO", "commandstats"));
  let count = 0;
  for (const [, name = "", calls] of stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)) {
    if (!NOT_BILLED.has(name.split("|")[0] ?? "")) count += Number(calls);
  }
  return count;
}
