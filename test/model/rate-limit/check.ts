import { type CheckOptions, checkModel, type Failure, type Model } from "../check.ts";
import { createVirtualUpstash } from "../redis/virtual-upstash.ts";
import { chooseSetting, generateOperations } from "./generate.ts";
import {
  describeOperation,
  describeRule,
  type RateLimitOperation,
  type RateLimitSetting,
} from "./history.ts";
import { RateLimitWorld } from "./world.ts";

const MODEL: Model<RateLimitSetting, RateLimitOperation, RateLimitWorld> = {
  chooseSetting,
  startWorld: (redis, setting) => new RateLimitWorld(redis, createVirtualUpstash(redis), setting),
  generateOperations,
  simplerSettings({ rules: [first, second], ...setting }) {
    return first === second ? [] : [first, second].map((rule) => ({ ...setting, rules: [rule, rule] }));
  },
  describeSetting: ({ rules, keysEndEarly, clockOffsetMicros }) => [
    ...rules.map((rule, worker) => `Worker ${worker}: ${describeRule(rule)}`),
    `The clocks of the Workers are ${clockOffsetMicros / 1_000} ms ahead`,
    ...(keysEndEarly ? ["A key expires at the end of its TTL"] : []),
  ],
  describeOperation,
};

/**
 * Checks the rate limiter's scripts in random histories against OpenD's limit.
 * @returns the first failure; undefined if all histories pass
 */
export function checkRateLimit(check: CheckOptions): Promise<Failure | undefined> {
  return checkModel(MODEL, check);
}
