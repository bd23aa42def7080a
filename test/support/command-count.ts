import type { Database } from "../stand-ins/redis.ts";
import type { StandInUpstash } from "../stand-ins/upstash.ts";
import { parseCommandStats, totalOf } from "./commandstats.ts";

/**
 * The commands that Redis has run, including those inside scripts, as Upstash bills them.
 * The stand-in of Redis has no statistics: its HTTP requests are counted instead, which are fewer.
 */
export async function commandCount({ redis, requests }: StandInUpstash, kind: string): Promise<number> {
  if (kind !== "redis-server") return requests();
  return totalOf(parseCommandStats(await readStats(redis)));
}

/** The number of runs of each command in redis-server since `CONFIG RESETSTAT`, as Upstash bills them. */
export async function commandStats(redis: Database): Promise<Record<string, number>> {
  return Object.fromEntries(parseCommandStats(await readStats(redis)));
}

async function readStats(redis: Database): Promise<string> {
  return String(await redis.call("INFO", "commandstats"));
}
