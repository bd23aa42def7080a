import { isSliceable, type Page } from "../short-interest/page.ts";
import { UNKNOWN_CURSOR_MS } from "./freshness.ts";

/** A cached reply of OpenD, unchanged. Times are Unix times in milliseconds. */
export interface CachedReply {
  readonly reply: Uint8Array<ArrayBuffer>;
  /** The cursor that it was fetched with. */
  readonly cursor: string;
  readonly fetchedAt: number;
  readonly freshUntil: number;
  /** Until when it may be served stale. */
  readonly staleUntil: number;
}

/** The key of a cached reply. */
export interface PageKey {
  /** As `formatSymbol` writes it. */
  readonly symbol: string;
  readonly cursor: string;
  /** Row count; set only if the cursor is no timestamp, or if the page cannot be sliced there. */
  readonly num?: number | undefined;
  /** Whether the page must start at the cursor; otherwise a stored page that has the row of the cursor will do. */
  readonly exact?: boolean | undefined;
}

/** The timestamps of the first and last row of a page, in seconds. Only a page that can be sliced has a range. */
export interface TimeRange {
  readonly newest: number;
  readonly oldest: number;
}

/** The facts of a page that decide which of two replies is stored, and how an index finds it. */
export interface PageSummary {
  /** Timestamp of the newest row, in seconds; 0 if there is none. */
  readonly newest: number;
  /** The number of rows of the reply, and one more if the history goes on. */
  readonly extent: number;
  /** The cursor of the page after it; null at the end of the history. */
  readonly next: string | null;
  readonly range: TimeRange | undefined;
}

/** The summary of a refusal: no rows. */
export const EMPTY_SUMMARY: PageSummary = { newest: 0, extent: 0, next: null, range: undefined };

/**
 * A refusal to store (negative caching). It is never served stale.
 * @param ttlMs its lifetime in milliseconds
 */
export function cachedRefusal(
  reply: Uint8Array<ArrayBuffer>,
  cursor: string,
  fetchedAt: number,
  ttlMs: number,
): CachedReply {
  const freshUntil = fetchedAt + ttlMs;
  return { reply, cursor, fetchedAt, freshUntil, staleUntil: freshUntil };
}

/** The page of a cursor that no stored page leads to. It is never served stale. */
export function cachedUnknownCursorPage(
  reply: Uint8Array<ArrayBuffer>,
  cursor: string,
  fetchedAt: number,
): CachedReply {
  return cachedRefusal(reply, cursor, fetchedAt, UNKNOWN_CURSOR_MS);
}

export function summaryOf(page: Page, { num }: PageKey): PageSummary {
  const timestamps = page.rows.map(({ timestamp }) => Number(timestamp));
  const newest = Math.max(0, ...timestamps);
  const oldest = timestamps.at(-1);
  const hasRange = num === undefined && oldest !== undefined && isSliceable(page);
  return {
    newest,
    extent: page.rows.length + (page.repeated ?? 0) + (page.next === null ? 0 : 1),
    next: page.next,
    range: hasRange ? { newest, oldest } : undefined,
  };
}

/** The name of a key in the caches. Neither a cursor nor a symbol can collide with the name of another key. */
export function nameOf({ symbol, cursor, num }: PageKey): string {
  return `${symbol}/${encodeURIComponent(cursor)}${num === undefined ? "" : `/${num}`}`;
}

/** The timestamp that a cursor states, in seconds; undefined for an opaque cursor, and for the first page. */
export function timestampOf(cursor: string): number | undefined {
  return /^[1-9]\d{7,10}$/.test(cursor) ? Number(cursor) : undefined;
}
