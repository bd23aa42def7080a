import type { HkShortInterestItem, S2C, UsShortInterestItem } from "../../gen/Qot_GetShortInterest_pb.js";
import { Failure } from "../errors.ts";
import type { Market } from "./symbol.ts";

/** One row, in the fields of its market. */
export type Row = HkShortInterestItem | UsShortInterestItem;

/** Consecutive rows of one security, newest first. */
export interface Page {
  readonly market: Market;
  readonly rows: readonly Row[];
  /** Cursor of the next page; null at the end of the history. */
  readonly next: string | null;
}

/** The cursor of the first page. */
export const FIRST_CURSOR = "";
/** OpenD's cursor after the last page. */
export const END_CURSOR = "-1";

/** The maximum of `num`. A call costs one permit at any `num`. */
export const MAX_ROWS = 50;

/**
 * Reads a reply of OpenD. The documented end of a history is `"-1"`; `""` and an absent cursor mean the same.
 * @param cursor of the request
 * @throws Failure `opend_protocol_error` for rows of another market, which must not pass as an empty page,
 *   and for a cursor that leads back to the same page
 */
export function pageOf(market: Market, cursor: string, reply: S2C): Page {
  const rows = market === "HK" ? reply.hkItemList : reply.usItemList;
  if (reply.hkItemList.length + reply.usItemList.length !== rows.length) {
    throw new Failure("opend_protocol_error", "OpenD returned rows of another market");
  }
  if (reply.nextKey !== FIRST_CURSOR && reply.nextKey === cursor) {
    throw new Failure("opend_protocol_error", "OpenD's cursor leads back to the same page");
  }
  return {
    market,
    rows,
    next: reply.nextKey === END_CURSOR || reply.nextKey === FIRST_CURSOR ? null : reply.nextKey,
  };
}

/**
 * Whether the page can be sliced at any row: its timestamps strictly decrease, and its cursor, if it has one, is the
 * documented one, the timestamp of its last row. A slice of any other page would need an invented cursor.
 */
export function isSliceable({ rows, next }: Page): boolean {
  const descending = rows.every((row, index) => {
    const newer = rows[index - 1];
    return row.timestamp > 0n && (newer === undefined || newer.timestamp > row.timestamp);
  });
  return descending && (next === null || next === lastCursor(rows));
}

/**
 * The rows that follow `cursor` in a sliceable page.
 * @returns undefined if no row of the page has that cursor
 */
export function rowsAfter(page: Page, cursor: string): Page | undefined {
  const index = page.rows.findIndex((row) => String(row.timestamp) === cursor);
  return index < 0 ? undefined : { ...page, rows: page.rows.slice(index + 1) };
}

/** The first `count` rows of a sliceable page, with the cursor of its remaining rows. */
export function firstRows(page: Page, count: number): Page {
  if (page.rows.length <= count) return page;
  const rows = page.rows.slice(0, count);
  return { ...page, rows, next: lastCursor(rows) };
}

function lastCursor(rows: readonly Row[]): string | null {
  const last = rows.at(-1);
  return last === undefined ? null : String(last.timestamp);
}
