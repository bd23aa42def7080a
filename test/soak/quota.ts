import { CIRCUIT, parseCircuit } from "../../functions/page-source/circuit-breaker.ts";
import { PERMIT_LOG, type PermitEntry, readPermits, weightOf } from "../support/permit-log.ts";
import type { World } from "./world.ts";

/** Reads the state of OpenD's rate limit from Redis. */

export const LIMIT = 30;
export const WINDOW_MS = 30_000;
/** A wasted call lowers the limit for new symbols for this time, in milliseconds. */
const WASTE_MEMORY_MS = 300_000;
/** Wasted calls lower the limit for new symbols by at most this. */
export const MAX_RESERVE = LIMIT / 2;

/** Counts the permits of the last window. */
export async function countPermits(world: World): Promise<number> {
  return (await permitsSince(world, WINDOW_MS)).length;
}

/** What the permits of the last window count for a client. */
export async function countClientPermits(world: World, client: string): Promise<number> {
  return weightOf(await permitsSince(world, WINDOW_MS), client);
}

/** Returns the number of permits that requests for new symbols cannot acquire. */
export async function reservedPermits(world: World): Promise<number> {
  const wasted = (await permitsSince(world, WASTE_MEMORY_MS)).filter(({ weight }) => weight === 2);
  return Math.min(MAX_RESERVE, wasted.length);
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
  const value = await world.deps.upstash.redis.call("GET", CIRCUIT);
  const { openMs, isHalfOpen } = parseCircuit(value === null ? null : String(value), Date.now());
  return openMs > 0 || isHalfOpen;
}

async function isBlocked(world: World): Promise<boolean> {
  return Number(await world.deps.upstash.redis.call("EXISTS", `${PERMIT_LOG}:blocked`)) === 1;
}

async function permitsSince({ deps }: World, ms: number): Promise<PermitEntry[]> {
  const since = Date.now() - ms;
  return (await readPermits(deps.upstash.redis.call)).filter(({ score }) => score >= since);
}
