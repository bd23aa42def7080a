import { Failure } from "../errors.ts";

/** The refusals that this isolate remembers. Until they end, a refused request that repeats costs Redis nothing. */
export interface RefusalMemory {
  /**
   * @param scope a client, or a priority
   * @param durationMs for how long to repeat the refusal without Redis, in milliseconds
   */
  remember(scope: string, failure: Failure, durationMs: number): void;
  /** Forgets a refusal after a permit was released early. */
  forget(scope: string): void;
  /** The remembered refusal, with its remaining time; undefined if there is none. */
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
 * @param database identifies the database: an isolate may serve several configurations
 * @param now Unix time, milliseconds
 */
export function createRefusalMemory(database: string, now: () => number): RefusalMemory {
  const keyOf = (scope: string) => `${database} ${scope}`;
  return {
    remember(scope, failure, durationMs) {
      if (durationMs <= 0) return;
      const key = keyOf(scope);
      memory.delete(key);
      const [oldest] = memory.keys();
      if (memory.size >= MAX_ENTRIES && oldest !== undefined) memory.delete(oldest);
      memory.set(key, {
        failure,
        until: now() + durationMs,
        retryAt: now() + (failure.retryAfterMs ?? durationMs),
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
