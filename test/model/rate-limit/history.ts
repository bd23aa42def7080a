import type { Priority } from "../../../functions/rate-limit/permits.ts";
import type { SlidingWindowRule } from "../../../functions/rate-limit/sliding-window-log.ts";

/** Probabilities and ranges for the operations of a history. */
export interface Profile {
  /** Relative frequency of each operation. */
  readonly operationWeights: Readonly<Record<RateLimitOperation["kind"], number>>;
  readonly priorityWeights: Readonly<Record<Priority, number>>;
  /** The probability that an answered call was wasted. */
  readonly wasteProbability: number;
  /** Minimum and maximum number of operations. */
  readonly lengthRange: readonly [number, number];
  readonly limitRange: readonly [number, number];
  /** Whether calls are made and answered one after the other, at short intervals. */
  readonly isSequential: boolean;
}

/** The two Workers of a history share one log. Their rules have the same window, and may differ otherwise. */
export interface RateLimitSetting {
  readonly profile: Profile;
  readonly rules: readonly [SlidingWindowRule, SlidingWindowRule];
  /** Whether a key expires at the end of its TTL. In Redis it exists for one more millisecond. */
  readonly keysEndEarly: boolean;
  /** How far the clocks of the Workers are ahead of that of Redis, in microseconds. They are rounded down. */
  readonly clockOffsetMicros: number;
}

/** An index into `RateLimitSetting.rules`. */
export type WorkerIndex = 0 | 1;

/** A request for a permit. Later operations refer to it by its number. */
export interface AcquireOperation {
  readonly kind: "acquire";
  readonly permit: number;
  readonly worker: WorkerIndex;
  readonly client: number;
  readonly priority: Priority;
  /** An unused permit of the same client that the same script releases. */
  readonly replaces: number | undefined;
  /** Whether the permit needs a lease, and whether the lease is held. */
  readonly lease: "none" | "held" | "missing" | "other";
  /** Whether the reply is lost after the script has run. */
  readonly isLost: boolean;
  /** Whether a refused request is retried at the returned time, in a copy of the database. */
  readonly checksRetry: boolean;
}

export type RateLimitOperation =
  | { readonly kind: "wait"; readonly micros: number }
  | AcquireOperation
  /** Runs the same script again. The caller uses the reply unless it already has one. */
  | { readonly kind: "repeat"; readonly permit: number }
  | { readonly kind: "release"; readonly permit: number }
  | { readonly kind: "settle"; readonly permit: number; readonly isWasted: boolean }
  | { readonly kind: "block" }
  /** Compares the number of remaining permits with the number that can be acquired. */
  | { readonly kind: "count"; readonly worker: WorkerIndex };

/** The clock at the start of a history: Unix time in microseconds. */
export const START_MICROS = 1_800_000_000_000_000;

/** Formats a time as milliseconds since the start of the history. */
export function timeOf(micros: number): string {
  return ((micros - START_MICROS) / 1_000).toFixed(3);
}

export function describeRule({
  limit,
  windowMs,
  maxInFlightMs,
  maxWaitMs,
  clientShare,
}: SlidingWindowRule): string {
  return `limit ${limit}, share ${clientShare}, window ${windowMs} ms, in flight for ${maxInFlightMs} ms, wait ${maxWaitMs} ms`;
}

export function describeOperation(operation: RateLimitOperation): string {
  switch (operation.kind) {
    case "wait":
      return `wait ${operation.micros / 1_000} ms`;
    case "acquire": {
      const { permit, worker, client, priority, replaces, lease, isLost } = operation;
      const replaced = replaces === undefined ? "" : `, replaces p${replaces}`;
      const lost = isLost ? " (reply lost)" : "";
      const needed = lease === "none" ? "" : `, lease ${lease}`;
      return `Worker ${worker}: client ${client} acquires p${permit} (${priority})${replaced}${needed}${lost}`;
    }
    case "repeat":
      return `run the script of p${operation.permit} again`;
    case "release":
      return `release p${operation.permit}`;
    case "settle":
      return `settle p${operation.permit}${operation.isWasted ? " (wasted)" : ""}`;
    case "block":
      return "OpenD refuses a call: block the log";
    case "count":
      return `Worker ${operation.worker}: count the remaining permits`;
  }
}
