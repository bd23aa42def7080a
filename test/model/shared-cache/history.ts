import type { PageKey } from "../../../functions/page-source/cached-reply.ts";
import type { FetchEnd } from "../../../functions/page-source/shared-cache.ts";
import type { Fault } from "./upstream-history.ts";

export interface Setting {
  /** How often each operation is chosen. A visit is a read with all that follows it. */
  readonly kinds: Readonly<Record<Operation["kind"] | "visit", number>>;
  /** Times to wait for, in milliseconds. */
  readonly waits: readonly number[];
  /** The probability that a visit fails. */
  readonly failing: number;
  /** Keys that are read. The fewer, the more often each is. */
  readonly keys: number;
  /** The faults of OpenD in this history. */
  readonly faults: readonly Fault[];
  /** Rows of each security at the start. */
  readonly rows: readonly [number, number];
  /** How long a lease lives, in milliseconds. */
  readonly leaseMs: number;
  /** Whether a key is gone at the end of its time to live. In Redis it exists for one more millisecond. */
  readonly keysEndEarly: boolean;
  /** The probability that OpenD answers wrongly. */
  readonly faulty: number;
}

/** A read that acquires a lease begins a fetch. Each read has a number of its own, by which the fetch is named. */
export type Operation =
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "read"; readonly fetch: number; readonly key: PageKey }
  /** OpenD answers the call of a fetch. */
  | { readonly kind: "answer"; readonly fetch: number; readonly fault: Fault | undefined }
  /** The Worker stores the answer, or, of a cursor that is not known, only releases the lease. */
  | { readonly kind: "store"; readonly fetch: number }
  | {
      readonly kind: "release";
      readonly fetch: number;
      readonly outcome: FetchEnd["outcome"];
      readonly pause?: NonNullable<FetchEnd["pause"]>;
    }
  | { readonly kind: "publish" | "split"; readonly symbol: string }
  | { readonly kind: "peek"; readonly key: PageKey };

/** The clock at the start of a history: Unix time, milliseconds. */
export const START_MS = 1_800_000_000_000;

function describeKey({ symbol, cursor, num }: PageKey): string {
  return `${symbol} "${cursor}"${num === undefined ? "" : `, ${num} rows`}`;
}

export function describeOperation(operation: Operation): string {
  switch (operation.kind) {
    case "wait":
      return `wait ${operation.ms} ms`;
    case "read":
      return `f${operation.fetch} reads ${describeKey(operation.key)}`;
    case "answer":
      return `OpenD answers f${operation.fetch}${operation.fault === undefined ? "" : ` (${operation.fault})`}`;
    case "store":
      return `f${operation.fetch} stores the answer`;
    case "release":
      return `f${operation.fetch} releases its lease: ${operation.outcome}, pause ${operation.pause?.ms ?? 0} ms`;
    case "peek":
      return `peek at ${describeKey(operation.key)}`;
    default:
      return `${operation.symbol}: ${operation.kind}`;
  }
}
