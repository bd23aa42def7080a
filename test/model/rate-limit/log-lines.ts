import type { SlidingWindowRule } from "../../../functions/rate-limit/sliding-window-log.ts";
import { type PermitEntry, permitsOf } from "../../support/permit-log.ts";

/** Lifetime of the line of a wasted call, in milliseconds. */
const WASTE_MEMORY_MS = 5 * 60_000;

/**
 * Checks the log after a grant.
 * @throws Error if it has lines that neither count nor are those of the last wasted calls
 */
export function checkLines(log: unknown, nowMs: number, { limit, windowMs }: SlidingWindowRule): void {
  const outdated = permitsOf(log).filter(({ score }) => score < nowMs - windowMs);
  const isAllowed = ({ score, weight }: PermitEntry) => weight === 2 && score >= nowMs - WASTE_MEMORY_MS;
  if (outdated.length > limit / 2 || !outdated.every(isAllowed))
    throw new Error(`The log has ${outdated.length} outdated lines`);
}
