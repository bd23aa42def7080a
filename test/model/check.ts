import { Random } from "./random.ts";
import { VirtualRedis } from "./redis/virtual-redis.ts";
import { shrink } from "./shrink.ts";

/** Histories between two calls of `onProgress`. The event loop runs other work after each batch. */
const BATCH_SIZE = 1_000;

/** The system under test, and the oracle that checks it. A history is a list of operations on it. */
export interface World<Operation> {
  /** The time, for the report. */
  readonly time: string;
  /**
   * Runs one operation.
   * @returns the result, for the report
   * @throws Error if a guarantee is violated
   */
  apply(operation: Operation): Promise<string>;
  /**
   * Ends the history.
   * @throws Error if a guarantee is violated
   */
  finish(): Promise<void>;
}

/** Generates random histories of one system under test. */
export interface Model<Setting, Operation, W extends World<Operation>> {
  chooseSetting(random: Random): Setting;
  startWorld(redis: VirtualRedis, setting: Setting): W;
  /** Generates the operations of one history. An operation may depend on the effects of earlier ones. */
  generateOperations(random: Random, world: W, setting: Setting): Iterable<Operation>;
  /** Simpler settings to retry a failed history with. */
  simplerSettings(setting: Setting): readonly Setting[];
  describeSetting(setting: Setting): readonly string[];
  describeOperation(operation: Operation): string;
}

export interface CheckOptions {
  /** The same seed gives the same histories. */
  readonly seed: string;
  /** The number of histories. */
  readonly histories: number;
  /** The index of the first history, from 0. Use it to repeat one history. */
  readonly firstHistory?: number;
  /** Changes the source of a script before it is compiled. */
  readonly rewrite?: (script: string) => string;
  /** Selects failures by their messages. By default all failures are reported. */
  readonly isRelevant?: (message: string) => boolean;
  /** Called after each 1,000 histories with the number of completed ones. */
  readonly onProgress?: (done: number) => void;
}

export interface Failure {
  /** The index of the failed history, from 0. */
  readonly history: number;
  /** The seed, and the steps of the shortest failing history that was found. */
  readonly report: string;
}

/**
 * Runs random histories on a virtual Redis.
 * @returns the first failure, shrunk; undefined if all histories pass
 */
export async function checkModel<Setting, Operation, W extends World<Operation>>(
  model: Model<Setting, Operation, W>,
  { seed, histories, firstHistory = 0, rewrite, isRelevant = () => true, onProgress }: CheckOptions,
): Promise<Failure | undefined> {
  const redis = await VirtualRedis.create(rewrite);

  /** Runs operations. If a guarantee is violated, returns them, with a description of each if `isVerbose`. */
  async function run(setting: Setting, operationsIn: (world: W) => Iterable<Operation>, isVerbose: boolean) {
    const world = model.startWorld(redis, setting);
    const operations: Operation[] = [];
    const lines = isVerbose ? [...model.describeSetting(setting)] : [];
    try {
      for (const operation of operationsIn(world)) {
        operations.push(operation);
        if (isVerbose) lines.push(`${world.time.padStart(14)}  ${model.describeOperation(operation)}`);
        const result = await world.apply(operation);
        if (isVerbose && result !== "") lines.push(`${lines.pop()} → ${result}`);
      }
      await world.finish();
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      if (isRelevant(message)) return { operations, lines: [...lines, message] };
    }
    return undefined;
  }

  async function report(setting: Setting, operations: readonly Operation[]): Promise<readonly string[]> {
    const fails = async (steps: readonly Operation[], simpler = setting) =>
      (await run(simpler, () => steps, false)) !== undefined;
    for (const simpler of model.simplerSettings(setting)) {
      if (await fails(operations, simpler)) return report(simpler, operations);
    }
    const shortest = await shrink(operations, fails);
    const failed = await run(setting, () => shortest, true);
    return failed?.lines ?? ["The failure cannot be reproduced"];
  }

  for (let number = firstHistory; number < firstHistory + histories; number += 1) {
    const random = new Random(`${seed}/${number}`);
    const setting = model.chooseSetting(random);
    const failed = await run(setting, (world) => model.generateOperations(random, world, setting), false);
    if (failed) {
      const lines = await report(setting, failed.operations);
      return { history: number, report: [`seed ${seed}, history ${number}`, ...lines].join("\n") };
    }
    const done = number - firstHistory + 1;
    if (done % BATCH_SIZE === 0) {
      onProgress?.(done);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return undefined;
}
