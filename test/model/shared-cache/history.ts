import type { PageKey } from "../../../functions/page-source/cached-reply.ts";
import type { FetchEnd } from "../../../functions/page-source/shared-cache.ts";
import type { WrongReplyKind } from "./upstream-history.ts";

export interface SharedCacheSetting {
  /** Relative frequency of each operation. A `visit` is a look, its lease, and the fetch that it begins. */
  readonly operationWeights: Readonly<Record<SharedCacheOperation["kind"] | "visit", number>>;
  /** Durations of `wait` operations. */
  readonly waitTimesMs: readonly number[];
  /** The probability that a `wait` lasts until the circuit is half-open. */
  readonly circuitWaitProbability: number;
  /** The probability that the fetch of a visit fails. */
  readonly failureProbability: number;
  /** The number of keys that most looks use. */
  readonly keyCount: number;
  /** The wrong replies of OpenD in this history. */
  readonly wrongReplies: readonly WrongReplyKind[];
  /** The number of rows of each security at the start. */
  readonly rowCounts: readonly [number, number];
  /** Days from the newest row to the start. */
  readonly newestRowDays: number;
  /** Entries that the index of the first security has at the start. */
  readonly indexEntries: number;
  /** TTL of a lease in milliseconds. */
  readonly leaseMs: number;
  /** Whether a key expires at the end of its TTL. In Redis it exists for one more millisecond. */
  readonly keysEndEarly: boolean;
  /** The probability that a reply of OpenD is wrong. */
  readonly wrongReplyProbability: number;
}

/** A look may be followed by a lease, and a lease begins a fetch. Later operations refer to the look by its number. */
export type SharedCacheOperation =
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "look"; readonly fetch: number; readonly key: PageKey }
  /** The Worker tries to acquire the lease and a permit. */
  | { readonly kind: "lease"; readonly fetch: number }
  /** OpenD answers the call of a fetch. */
  | { readonly kind: "answer"; readonly fetch: number; readonly fault: WrongReplyKind | undefined }
  /** The Worker stores the answer. If the cursor is unknown, it only releases the lease. */
  | { readonly kind: "store"; readonly fetch: number }
  | {
      readonly kind: "release";
      readonly fetch: number;
      readonly outcome: FetchEnd["outcome"];
      readonly backoff?: NonNullable<FetchEnd["backoff"]>;
    }
  | { readonly kind: "publish" | "split"; readonly symbol: string };

/** The clock at the start of a history: Unix time in milliseconds. */
export const START_MS = 1_800_000_000_000;

function describeKey({ symbol, cursor, num, exact }: PageKey): string {
  return `${symbol} "${cursor}"${num === undefined ? "" : `, ${num} rows`}${exact ? ", exact" : ""}`;
}

export function describeOperation(operation: SharedCacheOperation): string {
  switch (operation.kind) {
    case "wait":
      return `wait ${operation.ms} ms`;
    case "look":
      return `f${operation.fetch} looks for ${describeKey(operation.key)}`;
    case "lease":
      return `f${operation.fetch} asks for the lease and a permit`;
    case "answer":
      return `OpenD answers f${operation.fetch}${operation.fault === undefined ? "" : ` (${operation.fault})`}`;
    case "store":
      return `f${operation.fetch} stores the answer`;
    case "release":
      return `f${operation.fetch} releases its lease: ${operation.outcome}, backoff ${operation.backoff?.ms ?? 0} ms`;
    default:
      return `${operation.symbol}: ${operation.kind}`;
  }
}
