import { Random } from "./random.ts";
import { VirtualRedis } from "./redis/virtual-redis.ts";
import { shrink } from "./shrink.ts";

/** Histories between two calls of `onProgress`. Other work of the process has its turn then. */
const BATCH = 1_000;

/** What a history happens to. */
export interface World<Operation> {
  /** The time, for the report. */
  readonly time: string;
  /**
   * Runs one operation.
   * @returns the result, for the report
   * @throws Error if a promise is broken
   */
  apply(operation: Operation): Promise<string>;
  /**
   * Ends the history.
   * @throws Error if a promise is broken
   */
  finish(): Promise<void>;
}

/** Random histories of one subject, and the promises that they check. */
export interface Model<Setting, Operation, W extends World<Operation>> {
  chooseSetting(random: Random): Setting;
  startWorld(redis: VirtualRedis, setting: Setting): W;
  /** The operations of one history. Each may depend on the state that the earlier ones left. */
  generate(random: Random, world: W, setting: Setting): Iterable<Operation>;
  /** Simpler settings, to try a failed history with. */
  simplify(setting: Setting): readonly Setting[];
  describeSetting(setting: Setting): readonly string[];
  describeOperation(operation: Operation): string;
}

export interface Check {
  /** The same seed gives the same histories. */
  readonly seed: string;
  /** How many histories are run. */
  readonly histories: number;
  /** The number of the first history, to repeat one of them. */
  readonly first?: number;
  /** Changes the text of a script before it is compiled. */
  readonly rewrite?: (script: string) => string;
  /** Which failures count, by their messages. All do by default. */
  readonly counts?: (message: string) => boolean;
  /** Called after each 1,000 histories with their number so far. */
  readonly onProgress?: (done: number) => void;
}

export interface Failure {
  /** The number of the history that failed, from 0. */
  readonly history: number;
  /** The seed, and the shortest history that was found to fail, step by step. */
  readonly report: string;
}

/**
 * Runs random histories on a virtual Redis.
 * @returns the first failure, shrunk; undefined if every promise holds
 */
export async function checkModel<Setting, Operation, W extends World<Operation>>(
  model: Model<Setting, Operation, W>,
  { seed, histories, first = 0, rewrite, counts = () => true, onProgress }: Check,
): Promise<Failure | undefined> {
  const redis = await VirtualRedis.create(rewrite);

  /** Runs operations. Returns them with a note of each if a promise is broken. */
  async function run(setting: Setting, operationsIn: (world: W) => Iterable<Operation>, takesNotes: boolean) {
    const world = model.startWorld(redis, setting);
    const operations: Operation[] = [];
    const notes = takesNotes ? [...model.describeSetting(setting)] : [];
    try {
      for (const operation of operationsIn(world)) {
        operations.push(operation);
        if (takesNotes) notes.push(`${world.time.padStart(14)}  ${model.describeOperation(operation)}`);
        const result = await world.apply(operation);
        if (takesNotes && result !== "") notes.push(`${notes.pop()} → ${result}`);
      }
      await world.finish();
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      if (counts(message)) return { operations, notes: [...notes, message] };
    }
    return undefined;
  }

  async function report(setting: Setting, operations: readonly Operation[]): Promise<readonly string[]> {
    const fails = async (steps: readonly Operation[], simpler = setting) =>
      (await run(simpler, () => steps, false)) !== undefined;
    for (const simpler of model.simplify(setting)) {
      if (await fails(operations, simpler)) return report(simpler, operations);
    }
    const fewer = await shrink(operations, fails);
    const failed = await run(setting, () => fewer, true);
    return failed?.notes ?? ["The failure does not repeat"];
  }

  for (let number = first; number < first + histories; number += 1) {
    const random = new Random(`${seed}/${number}`);
    const setting = model.chooseSetting(random);
    const failed = await run(setting, (world) => model.generate(random, world, setting), false);
    if (failed) {
      const notes = await report(setting, failed.operations);
      return { history: number, report: [`seed ${seed}, history ${number}`, ...notes].join("\n") };
    }
    const done = number - first + 1;
    if (done % BATCH === 0) {
      onProgress?.(done);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return undefined;
}
