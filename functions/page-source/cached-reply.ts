import type { FailureCode } from "../errors.ts";
import { FIRST, isSliceable, type Page } from "../short-interest/page.ts";

/** What is stored of a page: OpenD's own reply, unchanged. Times are Unix times in milliseconds. */
export interface KeptReply {
  readonly reply: Uint8Array<ArrayBuffer>;
  /** The cursor that it was fetched with. */
  readonly cursor: string;
  readonly fetchedAt: number;
  readonly freshUntil: number;
  /** Until when it may be served stale. */
  readonly keptUntil: number;
}

/** The key of a stored reply. */
export interface PageKey {
  /** As `formatSymbol` writes it. */
  readonly symbol: string;
  readonly cursor: string;
  /** Rows asked for, if no other page's rows will do: the page cannot be sliced, or not at this cursor. */
  readonly num?: number | undefined;
}

/** The timestamps that a page runs from and to, in seconds. Only a page that may be sliced has a span. */
export interface Span {
  readonly newest: number;
  readonly oldest: number;
}

/** What a page says, as far as other pages are compared with it or found by it. */
export interface PageSummary {
  /** Timestamp of the newest row, in seconds; 0 if there is none. */
  readonly newest: number;
  /** The number of rows, and one more if the history goes on. */
  readonly extent: number;
  /** The cursor of the page after it; null at the end of the history. */
  readonly next: string | null;
  readonly span: Span | undefined;
}

/** The summary of a refusal: there is nothing. */
export const NOTHING: PageSummary = { newest: 0, extent: 0, next: null, span: undefined };

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** For how long a page is served stale, in milliseconds. */
const STALE_MS = 7 * DAY;
/** A cursor that no stored page leads to may be invented, and anyone can invent as many as there are seconds. */
const UNKNOWN_CURSOR_MS = 5 * MINUTE;

/** Refusals that repeat whenever they are asked for, and for how long each is believed, in milliseconds. */
const LASTING_REFUSALS: Partial<Record<FailureCode, number>> = {
  unknown_symbol: 10 * MINUTE,
  opend_no_permission: 5 * MINUTE,
  opend_failed: 5 * MINUTE,
};
/** OpenD itself issued the cursor, so a refusal for an unknown reason is not the caller's fault, and may pass. */
const UNKNOWN_REASON_MS = MINUTE / 2;

/** A page to store. New rows appear on the first page, weekly or less often. */
export function keepPage(reply: Uint8Array<ArrayBuffer>, cursor: string, fetchedAt: number): KeptReply {
  const freshUntil = fetchedAt + (cursor === FIRST ? HOUR : DAY);
  return { reply, cursor, fetchedAt, freshUntil, keptUntil: freshUntil + STALE_MS };
}

/** The page of a cursor that no stored page leads to. It is never served stale. */
export function keepUnknown(reply: Uint8Array<ArrayBuffer>, cursor: string, fetchedAt: number): KeptReply {
  const freshUntil = fetchedAt + UNKNOWN_CURSOR_MS;
  return { reply, cursor, fetchedAt, freshUntil, keptUntil: freshUntil };
}

/** A refusal to store (negative caching). It is never served stale. */
export function keepRefusal(
  reply: Uint8Array<ArrayBuffer>,
  cursor: string,
  fetchedAt: number,
  ttlMs: number,
): KeptReply {
  const freshUntil = fetchedAt + ttlMs;
  return { reply, cursor, fetchedAt, freshUntil, keptUntil: freshUntil };
}

/**
 * For how long a refusal is believed, in milliseconds; undefined for one that may not repeat.
 * @param isUnknownCursor whether no stored page leads to the cursor that was refused
 */
export function refusalTtl(code: FailureCode, isUnknownCursor: boolean): number | undefined {
  return code === "opend_failed" && !isUnknownCursor ? UNKNOWN_REASON_MS : LASTING_REFUSALS[code];
}

/** Whether it is stored for a short time: a refusal, or the page of an unknown cursor. No index names it. */
export function isShortLived({ freshUntil, keptUntil }: KeptReply): boolean {
  return keptUntil === freshUntil;
}

export function summaryOf(page: Page, { num }: PageKey): PageSummary {
  const timestamps = page.rows.map(({ timestamp }) => Number(timestamp));
  const newest = Math.max(0, ...timestamps);
  const oldest = timestamps.at(-1);
  const hasSpan = num === undefined && oldest !== undefined && isSliceable(page);
  const span = hasSpan ? { newest, oldest } : undefined;
  return {
    newest,
    extent: page.rows.length + (page.next === null ? 0 : 1),
    next: page.next,
    span,
  };
}

/** A short name of a key. Neither a cursor nor a symbol can imitate another key's name. */
export function nameOf({ symbol, cursor, num }: PageKey): string {
  return `${symbol}/${encodeURIComponent(cursor)}${num === undefined ? "" : `/${num}`}`;
}

/** The timestamp that a cursor names, in seconds; undefined for an opaque cursor, and for the first page. */
export function timestampOf(cursor: string): number | undefined {
  return /^[1-9]\d{7,10}$/.test(cursor) ? Number(cursor) : undefined;
}
