import { expect } from "vitest";
import { BOUNDS } from "../bench/week/bounds.ts";
import { RULE } from "../bench/week/data-center.ts";
import type { WeekResult } from "../bench/week/simulate-week.ts";

/** Longer than any simulation takes, in milliseconds. */
export const SIMULATION_TIMEOUT_MS = 180_000;

/** Expects the result of a week to be within its bounds, and within those of all weeks. */
export function expectWithin(
  bounds: { readonly calls: number; readonly commands: number },
  week: WeekResult,
) {
  const { calls, connectionsAhead, unusedConnections, maxCallsInWindow, commands, refused, lateness } = week;
  expect(refused).toEqual(new Map());
  expect(maxCallsInWindow).toBeLessThanOrEqual(RULE.limit);
  expect(calls).toBeLessThanOrEqual(bounds.calls);
  expect(connectionsAhead).toBeGreaterThan(0);
  expect(unusedConnections / calls).toBeLessThanOrEqual(BOUNDS.unusedConnections);
  expect(commands).toBeLessThanOrEqual(bounds.commands);
  expect(lateness.fresh.expected).toBeLessThanOrEqual(BOUNDS.expectedLatenessMs);
  expect(lateness.fresh.early).toBeLessThanOrEqual(BOUNDS.earlyLatenessMs);
}
