import { type Check, checkModel, type Failure, type Model } from "../check.ts";
import { createVirtualUpstash } from "../redis/virtual-upstash.ts";
import { chooseSetting, generate } from "./generate.ts";
import { describeOperation, describeRule, type Operation, type Setting } from "./history.ts";
import { LimitWorld } from "./world.ts";

const MODEL: Model<Setting, Operation, LimitWorld> = {
  chooseSetting,
  startWorld: (redis, setting) => new LimitWorld(redis, createVirtualUpstash(redis), setting),
  generate,
  simplify({ rules: [first, second], ...setting }) {
    return first === second ? [] : [first, second].map((rule) => ({ ...setting, rules: [rule, rule] }));
  },
  describeSetting: ({ rules, keysEndEarly }) => [
    ...rules.map((rule, worker) => `Worker ${worker}: ${describeRule(rule)}`),
    ...(keysEndEarly ? ["A key is gone at the end of its time to live"] : []),
  ],
  describeOperation,
};

/**
 * Checks the rate limit's scripts in random histories against the rule of OpenD.
 * @returns the first failure; undefined if every promise holds
 */
export function checkLimit(check: Check): Promise<Failure | undefined> {
  return checkModel(MODEL, check);
}
