import type { Priority } from "../../../functions/rate-limit/permits.ts";
import type { SlidingWindowLog } from "../../../functions/rate-limit/sliding-window-log.ts";

/** What a history is like. */
export interface Mood {
  /** How often each operation is chosen. */
  readonly kinds: Readonly<Record<Operation["kind"], number>>;
  readonly priorities: Readonly<Record<Priority, number>>;
  /** The probability that an answered call was wasted. */
  readonly wasted: number;
  /** The number of operations, at least and at most. */
  readonly length: readonly [number, number];
  readonly limits: readonly [number, number];
  /** Whether calls are answered one after the other, shortly after each other. */
  readonly isSteady: boolean;
}

/** The Workers of a history share one log, and may differ in all rules but the window. */
export interface Setting {
  readonly mood: Mood;
  readonly rules: readonly [SlidingWindowLog, SlidingWindowLog];
  /** Whether a key is gone at the end of its time to live. In Redis it exists for one more millisecond. */
  readonly keysEndEarly: boolean;
}

/** An index into the rules of a setting. */
export type WorkerIndex = 0 | 1;

/** A request for a permit. Each has a number of its own, by which later operations name it. */
export interface Acquire {
  readonly kind: "acquire";
  readonly permit: number;
  readonly worker: WorkerIndex;
  readonly client: number;
  readonly priority: Priority;
  /** An unused permit of the same client to release in the same script. */
  readonly replaces: number | undefined;
  /** The script ran, and its reply was lost. */
  readonly isLost: boolean;
  /** Whether a refusal is tried again at the time that it names, in a copy of the database. */
  readonly checksRetry: boolean;
}

export type Operation =
  | { readonly kind: "wait"; readonly micros: number }
  | Acquire
  /** The same script once more. Its caller learns the reply unless it knows one. */
  | { readonly kind: "repeat"; readonly permit: number }
  | { readonly kind: "release"; readonly permit: number }
  | { readonly kind: "settle"; readonly permit: number; readonly isWasted: boolean }
  | { readonly kind: "block" }
  /** Compares the number of permits that are left with those that can be acquired. */
  | { readonly kind: "count"; readonly worker: WorkerIndex };

/** The clock at the start of a history: Unix time, microseconds. */
export const START_MICROS = 1_800_000_000_000_000;

/** A time of a history in milliseconds from its start. */
export function timeOf(micros: number): string {
  return ((micros - START_MICROS) / 1_000).toFixed(3);
}

export function describeRule({
  limit,
  windowMs,
  maxInFlightMs,
  waitMs,
  clientShare,
}: SlidingWindowLog): string {
  return `limit ${limit}, share ${clientShare}, window ${windowMs} ms, hold ${maxInFlightMs} ms, wait ${waitMs} ms`;
}

export function describeOperation(operation: Operation): string {
  switch (operation.kind) {
    case "wait":
      return `wait ${operation.micros / 1_000} ms`;
    case "acquire": {
      const { permit, worker, client, priority, replaces, isLost } = operation;
      const instead = replaces === undefined ? "" : ` in place of p${replaces}`;
      const lost = isLost ? " (reply lost)" : "";
      return `Worker ${worker}: client ${client} acquires p${permit} (${priority})${instead}${lost}`;
    }
    case "repeat":
      return `repeat the script of p${operation.permit}`;
    case "release":
      return `release p${operation.permit}`;
    case "settle":
      return `settle p${operation.permit}${operation.isWasted ? " (wasted)" : ""}`;
    case "block":
      return "OpenD refuses: block";
    case "count":
      return `Worker ${operation.worker}: count the permits that are left`;
  }
}
