import type { FailureCode } from "../errors.ts";

/** What a request can spend its time on. `edge` and `store` are asked for kept pages, `limit` for a permit. */
export type Step = "edge" | "store" | "limit" | "connect" | "call";

/** How often each of several things happened. */
export type Tally<Thing extends string = string> = ReadonlyMap<Thing, number>;

/** What happened on the way of a request, for its headers, its log line and the counters. */
export interface Trace {
  /** Adds the time until `work` ends to the step's. */
  time<T>(step: Step, work: Promise<T>): Promise<T>;
  /** Milliseconds; steps may overlap. */
  readonly steps: Tally<Step>;
  /** Counts one thing that the platform counts as a subrequest. */
  spend(): void;
  /** Subrequests so far. */
  readonly subrequests: number;
  /** What the quotas had left when a permit was last taken; absent where none was. */
  left?: { readonly client: number; readonly upstream: number };
  /** Calls that were sent to OpenD. */
  calls: number;
  /** Calls, or tries to make one, that brought no answer, by what went wrong. */
  readonly fetchFailures: Map<FailureCode, number>;
  /** The symbols that pages were wanted of. */
  readonly symbols: Set<string>;
  /** Pages by where they came from. */
  readonly pages: Map<string, number>;
  /** Pages that were past their freshness, by why. */
  readonly stale: Map<string, number>;
  /** Pages that were wanted and not had, by why. */
  readonly missed: Map<FailureCode, number>;
}

/**
 * @param now milliseconds, from whenever
 * @param whole what this is a part of, as a request is of its connection: its subrequests count there as well
 */
export function createTrace(now: () => number, whole?: Trace): Trace {
  const steps = new Map<Step, number>();
  let subrequests = 0;
  return {
    steps,
    get subrequests() {
      return subrequests;
    },
    spend() {
      subrequests += 1;
      whole?.spend();
    },
    calls: 0,
    fetchFailures: new Map(),
    symbols: new Set(),
    pages: new Map(),
    stale: new Map(),
    missed: new Map(),
    async time(step, work) {
      const began = now();
      try {
        return await work;
      } finally {
        count(steps, step, now() - began);
      }
    },
  };
}

/** Adds to what a tally has of a thing. */
export function count<Thing extends string>(tally: Map<Thing, number>, thing: Thing, more = 1): void {
  tally.set(thing, (tally.get(thing) ?? 0) + more);
}
