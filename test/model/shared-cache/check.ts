import { type CheckOptions, checkModel, type Failure, type Model } from "../check.ts";
import { chooseSetting, generateOperations } from "./generate.ts";
import { describeOperation, type SharedCacheOperation, type SharedCacheSetting } from "./history.ts";
import { SharedCacheWorld } from "./world.ts";

const MODEL: Model<SharedCacheSetting, SharedCacheOperation, SharedCacheWorld> = {
  chooseSetting,
  startWorld: (redis, setting) => new SharedCacheWorld(redis, setting),
  generateOperations,
  simplerSettings: () => [],
  describeSetting: ({ rowCounts, newestRowDays, indexEntries, leaseMs, keysEndEarly }) => [
    `HK.00001 with ${rowCounts[0]} rows; HK.00002 with ${rowCounts[1]} rows and opaque cursors; lease TTL ${leaseMs} ms`,
    `The newest rows are ${newestRowDays} days old; the index of HK.00001 has ${indexEntries} entries`,
    ...(keysEndEarly ? ["A key expires at the end of its TTL"] : []),
  ],
  describeOperation,
};

/**
 * Checks the scripts of the shared cache in random histories.
 * @returns the first failure; undefined if all histories pass
 */
export function checkSharedCache(check: CheckOptions): Promise<Failure | undefined> {
  return checkModel(MODEL, check);
}
