import { describe, expect, it } from "vitest";
import { freshnessPolicy } from "../../functions/page-source/freshness.ts";
import { BOUNDS } from "../bench/week/bounds.ts";
import { OLD_POLICY } from "../bench/week/old-policy.ts";
import { ON_TIME_WEEK, SCENARIOS } from "../bench/week/publication-plan.ts";
import { simulateWeek } from "../bench/week/simulate-week.ts";
import { VirtualRedis } from "../model/redis/virtual-redis.ts";
import { expectWithin, SIMULATION_TIMEOUT_MS } from "./expect-within.ts";

const redis = await VirtualRedis.create();

/** A sixth of the requests of a full week. */
const SIZE = { requests: 10_000 };
/** A fifth more than measured. The old policy needs 5,800 calls and 95,000 commands. */
const SHORT_WEEK_BOUNDS = { calls: 2_500, commands: 48_000 };

describe("old policy", () => {
  it(
    "needs more calls in a week of a sixth of the requests than the bound for all",
    async () => {
      const { calls } = await simulateWeek(ON_TIME_WEEK, OLD_POLICY, redis, SIZE);
      expect(calls).toBeGreaterThan(BOUNDS.calls);
    },
    SIMULATION_TIMEOUT_MS,
  );
});

describe("calendar policy", () => {
  it.each(SCENARIOS)(
    "$name: calls, unused connections, commands and the lateness of fresh answers are within the bounds",
    async (scenario) => {
      expectWithin(SHORT_WEEK_BOUNDS, await simulateWeek(scenario, freshnessPolicy, redis, SIZE));
    },
    SIMULATION_TIMEOUT_MS,
  );
});
