import type { HkShortInterestItem, S2C, UsShortInterestItem } from "../../gen/Qot_GetShortInterest_pb.js";
import { Failure } from "../errors.ts";
import { canHaveTimestamps, END_CURSOR, FIRST_CURSOR, formatCursor, parseCursor } from "./cursor.ts";
import type { Market } from "./symbol.ts";

export { END_CURSOR, FIRST_CURSOR } from "./cursor.ts";

/** One row, in the fields of its market. */
export type Row = HkShortInterestItem | UsShortInterestItem;

/** Consecutive rows of one security, newest first. */
export interface Page {
  readonly market: Market;
  readonly rows: readonly Row[];
  /** Cursor of the next page; null at the end of the history. */
  readonly next: string | null;
  /** Rows of the reply that the page before it has already; absent for none. */
  readonly repeated?: number;
}

/** The maximum of `num`. A call costs one permit at any `num`. */
export const MAX_ROWS = 50;

/**
 * Reads a reply of OpenD. The documented end of a history is `"-1"`; `""` and an absent cursor mean the same.
 * @param cursor of the request, without a row
 * @throws Failure `opend_protocol_error` for rows of another market, which must not pass as an empty page,
 *   and for a cursor that leads back to the same page
 */
export function pageOf(market: Market, cursor: string, reply: S2C): Page {
  const all: readonly Row[] = market === "HK" ? reply.hkItemList : reply.usItemList;
  if (reply.hkItemList.length + reply.usItemList.length !== all.length) {
    throw new Failure("opend_protocol_error", "OpenD returned rows of another market");
  }
  const { nextKey } = reply;
  const { key, anchor } = parseCursor(cursor);
  if (nextKey !== FIRST_CURSOR && nextKey === key) {
    throw new Failure("opend_protocol_error", "OpenD's cursor leads back to the same page");
  }
  const rows = anchor === undefined ? all : rowsBefore(all, anchor);
  const repeated = all.length - rows.length;
  const isEnd = nextKey === END_CURSOR || nextKey === FIRST_CURSOR;
  const next = isEnd ? null : nextCursor(nextKey, rows, anchor);
  return { market, rows, next, ...(repeated > 0 && { repeated }) };
}

/** A walk would not end. */
export function cursorCycle(): Failure {
  return new Failure("opend_protocol_error", "OpenD's cursors form a cycle");
}

/**
 * The cursor after a page with these rows.
 * @param anchor the timestamp of the last row before them; undefined if it is unknown
 */
function nextCursor(key: string, rows: readonly Row[], anchor: bigint | undefined): string {
  if (key === lastCursor(rows)) return key;
  const last = rows.length === 0 ? anchor : rows.at(-1)?.timestamp;
  const isAnchored = isDescending(rows) && canHaveTimestamps(key, last);
  return formatCursor({ key, anchor: isAnchored ? last : undefined });
}

/** Without the first rows that are at or after a timestamp. */
function rowsBefore(rows: readonly Row[], timestamp: bigint): readonly Row[] {
  const index = rows.findIndex((row) => row.timestamp < timestamp);
  return index < 0 ? [] : rows.slice(index);
}

/** Whether all rows have a timestamp, and each is before the last one. */
export function isDescending(rows: readonly Row[]): boolean {
  return rows.every((row, index) => {
    const newer = rows[index - 1];
    return row.timestamp > 0n && (newer === undefined || newer.timestamp > row.timestamp);
  });
}

/**
 * Whether the page can be sliced at any row: its timestamps strictly decrease, and its cursor, if it has one, is the
 * documented one, the timestamp of its last row. Other pages are cut by `sliceByRow`.
 */
export function isSliceable({ rows, next }: Page): boolean {
  return isDescending(rows) && (next === null || next === lastCursor(rows));
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

/** Whether a slice of the page can have a cursor of the page with the timestamp of a row. */
export function hasRowCursors({ rows }: Page, pageCursor: string): boolean {
  return isDescending(rows) && canHaveTimestamps(parseCursor(pageCursor).key, rows[0]?.timestamp);
}

/**
 * The rows of a page from a row cursor on, at most `count`.
 * @param pageCursor the cursor of the page
 * @param after the timestamp of the last row that the reader has; undefined for none of this page
 * @param count undefined for all
 */
export function sliceByRow(
  page: Page,
  pageCursor: string,
  after: bigint | undefined,
  count: number | undefined,
): Page {
  const rest = after === undefined ? page.rows : rowsBefore(page.rows, after);
  const rows = rest.slice(0, count);
  const last = rows.at(-1);
  if (last !== undefined && rows.length < rest.length) {
    const { key, anchor } = parseCursor(pageCursor);
    return { ...page, rows, next: formatCursor({ key, anchor, row: last.timestamp }) };
  }
  if (last !== undefined || after === undefined || page.next === null) return { ...page, rows };
  // New rows have shifted the row of the cursor to the next page. It must not appear there again.
  if (page.next === lastCursor(page.rows)) return { ...page, rows, next: String(after) };
  const { key, anchor } = parseCursor(page.next);
  const isShifted = anchor !== undefined && anchor > after;
  return { ...page, rows, next: isShifted ? formatCursor({ key, anchor: after }) : page.next };
}

function lastCursor(rows: readonly Row[]): string | null {
  const last = rows.at(-1);
  return last === undefined ? null : String(last.timestamp);
}
