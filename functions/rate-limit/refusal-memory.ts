import { Failure } from "../errors.ts";

/** The refusals that this isolate remembers: repeating a refused request costs Redis nothing until they end. */
export interface Refusals {
  /**
   * @param scope what is refused: a client, or a kind of request
   * @param untilMs for how long the limiter is not asked again, in milliseconds
   */
  remember(scope: string, failure: Failure, untilMs: number): void;
  /** A permit became free before its time, so the limiter has to be asked again. */
  forget(scope: string): void;
  /** The remembered refusal, with the time that is left of it; undefined if there is none. */
  find(scope: string): Failure | undefined;
}

interface Refusal {
  readonly failure: Failure;
  readonly until: number;
  readonly retryAt: number;
}

/** An attacker with many addresses fills the memory only this far; the oldest entry is dropped first. */
const MAX_ENTRIES = 10_000;
const memory = new Map<string, Refusal>();

/**
 * @param database tells the limiter's database from those of other gateways in the same isolate
 * @param now Unix time, milliseconds
 */
export function createRefusals(database: string, now: () => number): Refusals {
  const keyOf = (scope: string) => `${database} ${scope}`;
  return {
    remember(scope, failure, untilMs) {
      if (untilMs <= 0) return;
      const key = keyOf(scope);
      memory.delete(key);
      const [oldest] = memory.keys();
      if (memory.size >= MAX_ENTRIES && oldest !== undefined) memory.delete(oldest);
      memory.set(key, {
        failure,
        until: now() + untilMs,
        retryAt: now() + (failure.retryAfterMs ?? untilMs),
      });
    },
    forget(scope) {
      memory.delete(keyOf(scope));
    },
    find(scope) {
      const key = keyOf(scope);
      const refusal = memory.get(key);
      if (!refusal) return undefined;
      if (now() < refusal.until) {
        const { code, detail } = refusal.failure;
        return new Failure(code, detail, { retryAfterMs: refusal.retryAt - now() });
      }
      memory.delete(key);
      return undefined;
    },
  };
}
