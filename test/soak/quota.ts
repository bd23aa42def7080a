import { CIRCUIT } from "../../functions/page-source/circuit-breaker.ts";
import type { World } from "./world.ts";

/** Reads the state of OpenD's rate limit from Redis. */

export const LIMIT = 30;
export const WINDOW_MS = 30_000;
const LOG = "short-interest:permits";
/** A wasted call lowers the limit for new symbols for this time, in milliseconds. */
const WASTE_MEMORY_MS = 300_000;
/** Wasted calls lower the limit for new symbols by at most this. */
export const MAX_RESERVE = LIMIT / 2;

/** Counts the permits in the log of all clients, or of one client. */
export async function countPermits(world: World, log = LOG): Promise<number> {
  return countSince(world, log, WINDOW_MS);
}

/** Returns the number of permits that requests for new symbols cannot acquire. */
export async function reservedPermits(world: World): Promise<number> {
  return Math.min(MAX_RESERVE, await countSince(world, `${LOG}:wasted`, WASTE_MEMORY_MS));
}

/** Whether OpenD can be called if there is a permit: the log is not blocked, and the circuit is closed. */
export async function canCallOpend(world: World): Promise<boolean> {
  return !(await isBlocked(world)) && !(await isCircuitOpen(world));
}

/** Whether this many permits are free now. The circuit may be open. */
export async function hasPermits(world: World, count: number): Promise<boolean> {
  return !(await isBlocked(world)) && (await countPermits(world)) <= LIMIT - count;
}

/** Whether the circuit is open or half-open. */
export async function isCircuitOpen(world: World): Promise<boolean> {
  return Number(await world.deps.upstash.redis.call("HEXISTS", CIRCUIT, "open")) === 1;
}

async function isBlocked(world: World): Promise<boolean> {
  return Number(await world.deps.upstash.redis.call("EXISTS", `${LOG}:blocked`)) === 1;
}

async function countSince(world: World, key: string, ms: number): Promise<number> {
  return Number(await world.deps.upstash.redis.call("ZCOUNT", key, String(Date.now() - ms), "+inf"));
}
