import { type Check, checkModel, type Failure, type Model } from "../check.ts";
import { chooseSetting, generate } from "./generate.ts";
import { describeOperation, type Operation, type Setting } from "./history.ts";
import { StoreWorld } from "./world.ts";

const MODEL: Model<Setting, Operation, StoreWorld> = {
  chooseSetting,
  startWorld: (redis, setting) => new StoreWorld(redis, setting),
  generate,
  simplify: () => [],
  describeSetting: ({ rows, leaseMs, keysEndEarly }) => [
    `HK.00001 with ${rows[0]} rows; HK.00002 with ${rows[1]} rows and opaque cursors; a lease lives for ${leaseMs} ms`,
    ...(keysEndEarly ? ["A key is gone at the end of its time to live"] : []),
  ],
  describeOperation,
};

/**
 * Checks the scripts of the shared store in random histories.
 * @returns the first failure; undefined if every promise holds
 */
export function checkStore(check: Check): Promise<Failure | undefined> {
  return checkModel(MODEL, check);
}
