import { FIRST } from "../short-interest/page.ts";

/** What is kept of a page: OpenD's own reply, as it came. Times are Unix times in milliseconds. */
export interface KeptReply {
  readonly reply: Uint8Array<ArrayBuffer>;
  /** The cursor that it was fetched with. */
  readonly cursor: string;
  readonly fetchedAt: number;
  readonly freshUntil: number;
  /** Until when it may be served stale. */
  readonly keptUntil: number;
}

/** What a reply is kept under. */
export interface PageKey {
  /** As `formatSymbol` writes it. */
  readonly symbol: string;
  readonly cursor: string;
  /** Rows asked for, where no other page's rows will do: the page cannot be sliced, or not at this cursor. */
  readonly num?: number | undefined;
}

/** The timestamps that a page runs from and to, in seconds. Only a page that may be sliced has a span. */
export interface Span {
  readonly newest: number;
  readonly oldest: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** For how long a page is served stale, in milliseconds. */
const STALE_MS = 7 * DAY;

/** A page, kept. New rows appear on the first page, weekly or less often. */
export function keepPage(reply: Uint8Array<ArrayBuffer>, cursor: string, fetchedAt: number): KeptReply {
  const freshUntil = fetchedAt + (cursor === FIRST ? HOUR : DAY);
  return { reply, cursor, fetchedAt, freshUntil, keptUntil: freshUntil + STALE_MS };
}

/** The refusal that there is no such security, kept. It is believed for a while, and never served stale. */
export function keepRefusal(reply: Uint8Array<ArrayBuffer>, cursor: string, fetchedAt: number): KeptReply {
  const freshUntil = fetchedAt + 10 * MINUTE;
  return { reply, cursor, fetchedAt, freshUntil, keptUntil: freshUntil };
}

/** Whether it is a refusal that is kept. */
export function isRefusal({ freshUntil, keptUntil }: KeptReply): boolean {
  return keptUntil === freshUntil;
}

/** A short name of a key, for where it is kept. */
export function nameOf({ symbol, cursor, num }: PageKey): string {
  return `${symbol}/${encodeURIComponent(cursor)}${num === undefined ? "" : `/${num}`}`;
}

/** The timestamp that a cursor names, in seconds; undefined for an opaque cursor, and for the first page. */
export function timestampOf(cursor: string): number | undefined {
  return /^[1-9]\d{7,10}$/.test(cursor) ? Number(cursor) : undefined;
}
