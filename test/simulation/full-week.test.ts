import { it } from "vitest";
import { freshnessPolicy } from "../../functions/page-source/freshness.ts";
import { BOUNDS } from "../bench/week/bounds.ts";
import { ON_TIME_WEEK } from "../bench/week/publication-plan.ts";
import { simulateWeek } from "../bench/week/simulate-week.ts";
import { VirtualRedis } from "../model/redis/virtual-redis.ts";
import { expectWithin, SIMULATION_TIMEOUT_MS } from "./expect-within.ts";

/** `npm run bench -- week` simulates all scenarios in full. */
it(
  "a week of 60,000 requests: calls, unused connections, commands and the lateness of fresh answers are within the bounds",
  async () => {
    const redis = await VirtualRedis.create();
    expectWithin(BOUNDS, await simulateWeek(ON_TIME_WEEK, freshnessPolicy, redis));
  },
  SIMULATION_TIMEOUT_MS,
);
