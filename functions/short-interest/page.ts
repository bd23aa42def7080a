import type { HkShortInterestItem, S2C, UsShortInterestItem } from "../../gen/Qot_GetShortInterest_pb.js";
import { Failure } from "../errors.ts";
import type { Market } from "./symbol.ts";

/** One row, in the fields of its market. */
export type Row = HkShortInterestItem | UsShortInterestItem;

/** Consecutive rows of one security, newest first. */
export interface Page {
  readonly market: Market;
  readonly rows: readonly Row[];
  /** Cursor of the page that follows; null where the history ends. */
  readonly next: string | null;
}

/** The cursor of the first page. */
export const FIRST = "";
/** What OpenD calls the cursor after the last page. */
export const END = "-1";

/** The most rows that OpenD gives for one call; a call costs the same whatever it asks for. */
export const MAX_ROWS = 50;

/**
 * Reads OpenD's answer. The documented end is `"-1"`; `""` and an absent cursor mean the same.
 * @param cursor that it was asked with
 * @throws Failure `opend_protocol_error` for rows of another market, which are an error, never an empty
 *   page, and for a cursor that leads back to the same page
 */
export function pageOf(market: Market, cursor: string, answer: S2C): Page {
  const rows = market === "HK" ? answer.hkItemList : answer.usItemList;
  if (answer.hkItemList.length + answer.usItemList.length !== rows.length) {
    throw new Failure("opend_protocol_error", "OpenD answered with rows of another market");
  }
  if (answer.nextKey !== FIRST && answer.nextKey === cursor) {
    throw new Failure("opend_protocol_error", "OpenD's cursor leads back to the same page");
  }
  return { market, rows, next: answer.nextKey === END || answer.nextKey === FIRST ? null : answer.nextKey };
}

/**
 * Whether the page may be cut anywhere: its rows run strictly backwards in time, and its cursor, if it
 * has one, is the documented one, the timestamp of its last row. Of another page no cut is ever made,
 * because the cursor of the rest would be invented.
 */
export function isSliceable({ rows, next }: Page): boolean {
  const descending = rows.every((row, at) => {
    const newer = rows[at - 1];
    return row.timestamp > 0n && (newer === undefined || newer.timestamp > row.timestamp);
  });
  return descending && (next === null || next === lastCursor(rows));
}

/**
 * The rows that follow `cursor` in a sliceable page.
 * @returns undefined where no row of the page bears that cursor
 */
export function rowsAfter(page: Page, cursor: string): Page | undefined {
  const at = page.rows.findIndex((row) => String(row.timestamp) === cursor);
  return at < 0 ? undefined : { ...page, rows: page.rows.slice(at + 1) };
}

/** The first `count` rows of a sliceable page, with the cursor of what is left of it. */
export function firstRows(page: Page, count: number): Page {
  if (page.rows.length <= count) return page;
  const rows = page.rows.slice(0, count);
  return { ...page, rows, next: lastCursor(rows) };
}

/** Two sliceable pages, the second of which hangs off the first one's cursor, as one. */
export function concatenate(first: Page, second: Page): Page {
  return { ...second, rows: [...first.rows, ...second.rows] };
}

function lastCursor(rows: readonly Row[]): string | null {
  const last = rows.at(-1);
  return last === undefined ? null : String(last.timestamp);
}
