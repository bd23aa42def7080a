import { describe, expect, it } from "vitest";
import { freshnessPolicy } from "../../../functions/page-source/freshness.ts";
import { VirtualRedis } from "../../model/redis/virtual-redis.ts";
import { BOUNDS } from "./bounds.ts";
import { RULE } from "./data-center.ts";
import { OLD_POLICY } from "./old-policy.ts";
import { ON_TIME_WEEK, SCENARIOS } from "./publication-plan.ts";
import { simulateOutage } from "./simulate-outage.ts";
import { simulateWeek } from "./simulate-week.ts";

/** Longer than any simulation takes, in milliseconds. */
const TIMEOUT_MS = 180_000;

const redis = await VirtualRedis.create();

/** The full week is simulated on time only; `npm run bench -- week` simulates all of them. */
const SHORT_WEEK = 10_000;
/** A fifth more than measured. The old policy needs 5,800 calls and 95,000 commands. */
const SHORT_WEEK_BOUNDS = { calls: 2_500, commands: 48_000 };

/**
 * A third of the data centers of `npm run bench -- week`. The bound is harder to hold with fewer: 1.6 with 300, 1.9 with 60.
 * Without the memory of the open circuit it is 9 with 60.
 */
const OUTAGE_SIZE = { dataCenters: 100 };

describe("old policy", () => {
  it(
    "needs more calls in a week of a sixth of the requests than the bound for all",
    async () => {
      const { calls } = await simulateWeek(ON_TIME_WEEK, OLD_POLICY, redis, { requests: SHORT_WEEK });
      expect(calls).toBeGreaterThan(BOUNDS.calls);
    },
    TIMEOUT_MS,
  );
});

describe("calendar policy", () => {
  it.each(SCENARIOS)(
    "$name: calls, connections in vain, commands and the lateness of fresh answers are within the bounds",
    async (scenario) => {
      const isFull = scenario === ON_TIME_WEEK;
      const bounds = isFull ? BOUNDS : SHORT_WEEK_BOUNDS;
      const size = isFull ? {} : { requests: SHORT_WEEK };
      const result = await simulateWeek(scenario, freshnessPolicy, redis, size);
      const { calls, connectionsAhead, connectionsInVain, maxCallsInWindow, commands, refused, lateness } =
        result;
      expect(refused).toEqual(new Map());
      expect(maxCallsInWindow).toBeLessThanOrEqual(RULE.limit);
      expect(calls).toBeLessThanOrEqual(bounds.calls);
      expect(connectionsAhead).toBeGreaterThan(0);
      expect(connectionsInVain / calls).toBeLessThanOrEqual(BOUNDS.connectionsInVain);
      expect(commands).toBeLessThanOrEqual(bounds.commands);
      expect(lateness.fresh.expected).toBeLessThanOrEqual(BOUNDS.expectedLatenessMs);
      expect(lateness.fresh.early).toBeLessThanOrEqual(BOUNDS.earlyLatenessMs);
    },
    TIMEOUT_MS,
  );

  it(
    "answers every cached page during an outage, within the bound of commands",
    async () => {
      const { outage, ratio } = await simulateOutage(freshnessPolicy, redis, OUTAGE_SIZE);
      expect(outage.calls).toBe(0);
      expect(outage.unanswered).toBe(0);
      expect(outage.staleAnswers).toBeGreaterThan(outage.requests / 2);
      expect(ratio).toBeLessThanOrEqual(BOUNDS.outageRatio);
    },
    TIMEOUT_MS,
  );
});
