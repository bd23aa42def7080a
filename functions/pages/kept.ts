import { FIRST } from "../short-interest/page.ts";

/** What is kept of a page: OpenD's own reply, as it came. */
export interface KeptReply {
  readonly reply: Uint8Array;
  /** Unix time, milliseconds. */
  readonly fetchedAt: number;
}

/** What a reply is kept under. */
export interface PageKey {
  /** As `formatSymbol` writes it. */
  readonly symbol: string;
  readonly cursor: string;
  /** Rows asked for, where the page cannot be sliced. */
  readonly num?: number | undefined;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** For how long a page is fresh, in milliseconds. New rows appear on the first page, weekly or less often. */
export function freshForMs(cursor: string): number {
  return cursor === FIRST ? HOUR : 24 * HOUR;
}

/** For how long "there is no such security" is believed, in milliseconds. */
export const UNKNOWN_SYMBOL_MS = 10 * MINUTE;
