import { CIRCUIT } from "../../functions/page-source/circuit-breaker.ts";
import type { World } from "./world.ts";

/** The quota of OpenD's account, as Redis has it. */

export const LIMIT = 30;
export const WINDOW_MS = 30_000;
const LOG = "short-interest:opend";
/** Wasted calls lower the limit of new symbols for this long, in milliseconds. */
const WASTE_MEMORY_MS = 300_000;
/** They lower it to this at least. */
export const MAX_RESERVE = LIMIT / 2;

/** Permits in the log: of all clients, or in the log of one. */
export async function used(world: World, log = LOG): Promise<number> {
  return countSince(world, log, WINDOW_MS);
}

/** Calls that requests for new symbols must leave to others. */
export async function reserve(world: World): Promise<number> {
  return Math.min(MAX_RESERVE, await countSince(world, `${LOG}:wasted`, WASTE_MEMORY_MS));
}

/** Whether a call that is in the quota is made: OpenD has refused none for its frequency, and the circuit is closed. */
export async function allowsCalls(world: World): Promise<boolean> {
  return !(await isBlocked(world)) && !(await isCircuitOpen(world));
}

/** Whether so many permits are free now. The circuit may be open. */
export async function hasPermits(world: World, atLeast: number): Promise<boolean> {
  return !(await isBlocked(world)) && (await used(world)) <= LIMIT - atLeast;
}

/** Whether the circuit is open, or half-open: at most one call is made at a time then. */
export async function isCircuitOpen(world: World): Promise<boolean> {
  return Number(await world.parts.upstash.redis.call("HEXISTS", CIRCUIT, "open")) === 1;
}

async function isBlocked(world: World): Promise<boolean> {
  return Number(await world.parts.upstash.redis.call("EXISTS", `${LOG}:blocked`)) === 1;
}

async function countSince(world: World, key: string, ms: number): Promise<number> {
  return Number(await world.parts.upstash.redis.call("ZCOUNT", key, String(Date.now() - ms), "+inf"));
}
