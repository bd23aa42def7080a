import { picklist, safeParse } from "valibot";
import { FAILURE_CODES, type FailureCode } from "../errors.ts";
import { type CachedReply, nameOf, type PageKey, type PageSummary } from "./cached-reply.ts";
import type { Publication } from "./freshness.ts";

/**
 * The values of the shared cache. Each is one string, so that one `MGET` reads all that a lookup needs, and a script
 * reads and writes each with one command. Fields are separated by spaces. Times are Unix times in milliseconds.
 *
 * - Page: `FETCHED EXPIRES KIND NEWEST EXTENT UNCONFIRMED SINCE CURSOR REPLY`. KIND is `page` or `refusal`. UNCONFIRMED is
 *   `NEWEST/EXTENT` of the last reply that contradicted the page, or `-`, and SINCE its time. CURSOR is URI-encoded. REPLY
 *   is base64.
 * - Lease: its ID, or `backoff CODE UNTIL` after a failed refresh.
 * - Index of a symbol, one entry a line: `page NAME UNTIL FETCHED NEWEST OLDEST` for a page with a range,
 *   `next CURSOR UNTIL` for a cursor that a stored page leads to, and `rewritten * UNTIL AT` after the history was
 *   rewritten: older pages that were fetched before AT do not count any more, and a first page is stale.
 * - Publication of a market: `NEWEST SEEN CHECKED STEP`.
 */

export interface StoredPage {
  /** FETCHED as text: it names the version of the page. */
  readonly version: string;
  readonly fetchedAt: number;
  readonly expiresAt: number;
  readonly isRefusal: boolean;
  /** Timestamp of the newest row, in seconds; 0 if there is none. */
  readonly newest: number;
  readonly cursor: string;
  readonly reply: Uint8Array<ArrayBuffer>;
}

const PAGE = /^(\d+) (\d+) (page|refusal) (\d+) \d+ \S+ \d+ (\S*) (\S*)$/;

/** @returns undefined for a malformed value too */
export function parseStoredPage(value: string | null): StoredPage | undefined {
  const [, version, expires, kind, newest, cursor, base64] = PAGE.exec(value ?? "") ?? [];
  if (version === undefined || cursor === undefined || base64 === undefined) return undefined;
  try {
    return {
      version,
      fetchedAt: Number(version),
      expiresAt: Number(expires),
      isRefusal: kind === "refusal",
      newest: Number(newest),
      cursor: decodeURIComponent(cursor),
      reply: Uint8Array.fromBase64(base64),
    };
  } catch {
    // Its cursor or reply is malformed.
    return undefined;
  }
}

/** The version of a stored page, malformed or not; '' if there is none. The script of the lease reads it too. */
export function versionOf(value: string | null): string {
  return /^\d+/.exec(value ?? "")?.[0] ?? "";
}

export function formatStoredPage(
  cached: CachedReply,
  isRefusal: boolean,
  { newest, extent }: PageSummary,
): string {
  const { fetchedAt, staleUntil, cursor, reply } = cached;
  const kind = isRefusal ? "refusal" : "page";
  return `${fetchedAt} ${staleUntil} ${kind} ${newest} ${extent} - 0 ${encodeURIComponent(cursor)} ${reply.toBase64()}`;
}

/** Why a page may not be fetched. */
export type StoredLease =
  | { readonly kind: "held" }
  | { readonly kind: "backoff"; readonly code: FailureCode; readonly until: number };

const Code = picklist(FAILURE_CODES);

export function parseLease(value: string | null): StoredLease | undefined {
  if (value === null) return undefined;
  const [, text, until] = /^backoff (\S+) (\d+)$/.exec(value) ?? [];
  const { success, output } = safeParse(Code, text);
  return success ? { kind: "backoff", code: output, until: Number(until) } : { kind: "held" };
}

export interface StoredIndex {
  /** Names of the pages that may have a row, by its timestamp in seconds; those with the most rows after it first. */
  readonly pagesWith: (timestamp: number) => string[];
  /** Whether the index knows the cursor of a key: a stored page leads to it, or it is the first one. */
  readonly knows: (cursor: string) => boolean;
  /** Older pages that were fetched before this time do not count, and first pages are stale. */
  readonly rewrittenAt: number;
}

/** @param now Unix time, milliseconds */
export function parseIndex(value: string | null, now: number): StoredIndex {
  const entries = (value ?? "")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , until]) => Number(until) > now);
  const rewrittenAt = Number(entries.find(([kind]) => kind === "rewritten")?.[3] ?? 0);
  return {
    rewrittenAt,
    knows: (cursor) =>
      cursor === ""
        ? entries.length > 0
        : entries.some(([kind, name]) => kind === "next" && name === encodeURIComponent(cursor)),
    pagesWith: (timestamp) =>
      entries
        .filter(
          ([kind, , , , newest, oldest]) =>
            kind === "page" && Number(oldest) < timestamp && timestamp <= Number(newest),
        )
        .sort((one, other) => Number(one[5]) - Number(other[5]))
        .flatMap(([, name]) => (name === undefined ? [] : [name])),
  };
}

/** The entries that a stored page adds to the index of its symbol, one a line. */
export function indexEntries(
  key: PageKey,
  { next, range }: PageSummary,
  fetchedAt: number,
  pageUntil: number,
  cursorUntil: number,
): string[] {
  return [
    ...(range ? [`page ${nameOf(key)} ${pageUntil} ${fetchedAt} ${range.newest} ${range.oldest}`] : []),
    ...(next === null ? [] : [`next ${encodeURIComponent(next)} ${cursorUntil}`]),
  ];
}

export function parsePublication(value: string | null): Publication | undefined {
  const fields = /^(\d+) (\d+) (\d+) (\d+)$/
    .exec(value ?? "")
    ?.slice(1)
    .map(Number);
  if (fields === undefined) return undefined;
  const [newest = 0, seenAt = 0, checkedAt = 0, step = 1] = fields;
  return { newest, seenAt, checkedAt, step };
}

export function formatPublication({ newest, seenAt, checkedAt, step }: Publication): string {
  return `${newest} ${seenAt} ${checkedAt} ${step}`;
}
