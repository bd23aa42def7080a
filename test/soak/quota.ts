import { CIRCUIT } from "../../functions/pages/circuit-breaker.ts";
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

/** Whether calls are allowed at all: OpenD has not refused one for its frequency, and the circuit is closed. */
export async function allowsCalls(world: World): Promise<boolean> {
  return Number(await world.parts.upstash.redis.call("EXISTS", `${LOG}:blocked`, CIRCUIT)) === 0;
}

/** Whether so many calls can be made now. */
export async function hasCalls(world: World, atLeast: number): Promise<boolean> {
  return (await allowsCalls(world)) && (await used(world)) <= LIMIT - atLeast;
}

async function countSince(world: World, key: string, ms: number): Promise<number> {
  return Number(await world.parts.upstash.redis.call("ZCOUNT", key, String(Date.now() - ms), "+inf"));
}
