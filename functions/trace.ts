/** What a request can spend its time on. `edge` and `store` are asked for kept pages, `limit` for a permit. */
export type Step = "edge" | "store" | "limit" | "connect" | "call";

/** What happened on the way of a request, for its headers. Milliseconds; steps may overlap. */
export interface Trace {
  /** Adds the time until `work` ends to the step's. */
  time<T>(step: Step, work: Promise<T>): Promise<T>;
  readonly steps: ReadonlyMap<Step, number>;
  /** What the platform counts as subrequests, so far. */
  subrequests: number;
  /** What the quotas had left when a permit was last taken; absent where none was. */
  left?: { readonly client: number; readonly upstream: number };
}

/** @param now milliseconds, from whenever */
export function createTrace(now: () => number): Trace {
  const steps = new Map<Step, number>();
  return {
    steps,
    subrequests: 0,
    async time(step, work) {
      const began = now();
      try {
        return await work;
      } finally {
        steps.set(step, (steps.get(step) ?? 0) + now() - began);
      }
    },
  };
}
