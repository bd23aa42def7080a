import type { Database } from "../stand-ins/redis.ts";
import type { StandInUpstash } from "../stand-ins/upstash.ts";

/** Commands of the connection and of the statistics, which Upstash does not bill. */
const NOT_BILLED = new Set(["client", "config", "hello", "info", "ping", "select"]);

/**
 * How often Redis ran each command, including those inside scripts, as Upstash bills them.
 * @param info the reply to `INFO commandstats`
 */
export function parseCommandStats(info: string): Record<string, number> {
  const counts = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(
    ([, name = "", calls]): [string, number] => [name, Number(calls)],
  );
  return Object.fromEntries(counts.filter(([name]) => !NOT_BILLED.has(name.split("|")[0] ?? "")));
}

/** The same of a redis-server, since `CONFIG RESETSTAT`. */
export async function commandStats(redis: Database): Promise<Record<string, number>> {
  return parseCommandStats(String(await redis.call("INFO", "commandstats")));
}

/**
 * The number of commands that Redis has run. The stand-in of Redis has no statistics: its HTTP requests are counted
 * instead, which are fewer.
 */
export async function commandCount({ redis, requests }: StandInUpstash, kind: string): Promise<number> {
  if (kind !== "redis-server") return requests();
  return Object.values(await commandStats(redis)).reduce((sum, calls) => sum + calls, 0);
}
