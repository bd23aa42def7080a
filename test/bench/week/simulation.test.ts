import { describe, expect, it } from "vitest";
import { VirtualRedis } from "../../model/redis/virtual-redis.ts";
import { BOUNDS } from "./bounds.ts";
import { RULE } from "./data-center.ts";
import { OLD_POLICY } from "./old-policy.ts";
import { POLICIES } from "./policies.ts";
import { SCENARIOS } from "./publication-plan.ts";
import { simulateOutage } from "./simulate-outage.ts";
import { simulateWeek } from "./simulate-week.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
/** Longer than any simulation takes, in milliseconds. */
const TIMEOUT_MS = 180_000;

const redis = await VirtualRedis.create();

describe("old policy", () => {
  it.each(SCENARIOS)(
    "$name: a fresh answer is behind for an hour and the trust of an edge copy at most",
    async (scenario) => {
      const { calls, maxCallsInWindow, commands, refused, lateness } = await simulateWeek(
        scenario,
        OLD_POLICY,
        redis,
        3_000,
      );
      expect(refused).toEqual(new Map());
      expect(calls).toBeGreaterThan(1_500);
      expect(calls).toBeLessThan(3_000);
      expect(commands / calls).toBeGreaterThan(10);
      expect(commands / calls).toBeLessThan(40);
      expect(maxCallsInWindow).toBeLessThanOrEqual(RULE.limit);
      expect(Math.max(lateness.fresh.expected, lateness.fresh.early)).toBeLessThan(HOUR + 5 * MINUTE);
    },
    TIMEOUT_MS,
  );

  it(
    "answers every cached page during an outage, with more than twice the commands of the same hour without it",
    async () => {
      const size = { dataCenters: 30, symbols: 5 };
      const { healthy, outage, ratio } = await simulateOutage(OLD_POLICY, redis, size);
      expect([healthy.unanswered, outage.unanswered, outage.calls]).toEqual([0, 0, 0]);
      expect(outage.staleAnswers).toBeGreaterThan(outage.requests / 2);
      expect(ratio).toBeGreaterThan(2);
    },
    TIMEOUT_MS,
  );
});

for (const { name, policy } of POLICIES.filter(({ isBounded }) => isBounded)) {
  describe(`${name} policy`, () => {
    it.each(SCENARIOS)(
      "$name: calls, commands and the lateness of fresh answers are within the bounds",
      async (scenario) => {
        const { calls, maxCallsInWindow, commands, refused, lateness } = await simulateWeek(
          scenario,
          policy,
          redis,
        );
        expect(refused).toEqual(new Map());
        expect(maxCallsInWindow).toBeLessThanOrEqual(RULE.limit);
        expect(calls).toBeLessThanOrEqual(BOUNDS.calls);
        expect(commands).toBeLessThanOrEqual(BOUNDS.commands);
        expect(lateness.fresh.expected).toBeLessThanOrEqual(BOUNDS.expectedLatenessMs);
        expect(lateness.fresh.early).toBeLessThanOrEqual(BOUNDS.earlyLatenessMs);
      },
      TIMEOUT_MS,
    );

    it(
      "answers every cached page during an outage, within the bound of commands",
      async () => {
        const { outage, ratio } = await simulateOutage(policy, redis);
        expect(outage.unanswered).toBe(0);
        expect(ratio).toBeLessThanOrEqual(BOUNDS.outageRatio);
      },
      TIMEOUT_MS,
    );
  });
}
