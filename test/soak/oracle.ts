import { isFieldSet } from "@bufbuild/protobuf";
import {
  type HkShortInterestItem,
  HkShortInterestItemSchema,
  type UsShortInterestItem,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import { hkHistory, usHistory } from "../stand-ins/sample-data.ts";
import { exactly } from "./exact-json.ts";

/** The expected data: the sample data in the documented formats, created without code of the Worker. */

export interface ExpectedRow {
  readonly item: HkShortInterestItem | UsShortInterestItem;
  readonly cursor: string;
  readonly date: string;
  /** Values by column, as returned by `parseExactly`. */
  readonly record: Readonly<Record<string, string | null>>;
  /** The CSV line. */
  readonly line: string;
  readonly shares: bigint;
}

export interface ExpectedHistory {
  readonly symbol: string;
  readonly market: "HK" | "US";
  /** The CSV header. */
  readonly header: string;
  /** The whole history, newest first, with unpublished rows; empty for an unknown security. */
  readonly rows: readonly ExpectedRow[];
}

const HK_COLUMNS = [
  ["timestamp", "timestamp"],
  ["timestamp_str", "timestampStr"],
  ["aggregated_short", "aggregatedShort"],
  ["aggregated_short_ratio", "aggregatedShortRatio"],
  ["close_price", "closePrice"],
  ["last_close_price", "lastClosePrice"],
] as const;
const US_COLUMNS = [
  ["timestamp", "timestamp"],
  ["timestamp_str", "timestampStr"],
  ["shares_short", "sharesShort"],
  ["short_percent", "shortPercent"],
  ["avg_daily_share_volume", "avgDailyShareVolume"],
  ["days_to_cover", "daysToCover"],
  ["close_price", "closePrice"],
  ["last_close_price", "lastClosePrice"],
] as const;

type Cell = readonly [name: string, value: string | number | bigint | null];

function hkRow(item: HkShortInterestItem): ExpectedRow {
  const cells = HK_COLUMNS.map(
    ([name, field]): Cell => [
      name,
      isFieldSet(item, HkShortInterestItemSchema.field[field]) ? item[field] : null,
    ],
  );
  return rowOf(item, item.aggregatedShort, cells);
}

function usRow(item: UsShortInterestItem): ExpectedRow {
  const cells = US_COLUMNS.map(
    ([name, field]): Cell => [
      name,
      isFieldSet(item, UsShortInterestItemSchema.field[field]) ? item[field] : null,
    ],
  );
  return rowOf(item, item.sharesShort, cells);
}

function rowOf(item: ExpectedRow["item"], shares: bigint, cells: readonly Cell[]): ExpectedRow {
  const exact = (value: Cell[1]) => (typeof value === "string" || value === null ? value : exactly(value));
  return {
    item,
    cursor: String(item.timestamp),
    date: item.timestampStr,
    record: Object.fromEntries(cells.map(([name, value]) => [name, exact(value)])),
    line: cells.map(([, value]) => value ?? "").join(","),
    shares,
  };
}

const histories = new Map<string, ExpectedHistory>();

/** Returns the history of a security in the sample data. */
export function expectedHistory(symbol: string): ExpectedHistory {
  const found = histories.get(symbol);
  if (found) return found;
  const [market = "", code = ""] = symbol.split(/\.(.*)/);
  const history: ExpectedHistory =
    market === "HK"
      ? { symbol, market, header: headerOf(HK_COLUMNS), rows: (hkHistory(code) ?? []).map(hkRow) }
      : { symbol, market: "US", header: headerOf(US_COLUMNS), rows: (usHistory(code) ?? []).map(usRow) };
  histories.set(symbol, history);
  return history;
}

function headerOf(columns: readonly (readonly [string, string])[]): string {
  return columns.map(([name]) => name).join(",");
}

/** Number of rows of a page that OpenD sends. */
const PAGE_ROWS = 50;

/** The cursor after a row. A history of one page does not show which kind of cursor OpenD has. */
export function cursorAfter({ rows }: ExpectedHistory, { cursor }: ExpectedRow): string {
  return rows.length <= PAGE_ROWS ? `~~${cursor}~` : cursor;
}

/**
 * Determines the rows of a correct response. Before their publication the newest rows are missing. After it, cached
 * pages may still lack them.
 */
export class PublishedRows {
  /** Allowed numbers of missing newest rows. */
  #missingCounts: readonly number[];

  constructor(unpublished: number) {
    this.#missingCounts = [unpublished];
  }

  publishAll(): void {
    this.#missingCounts = [0, ...this.#missingCounts];
  }

  /**
   * Returns all allowed lists of rows after a cursor, newest first. A timestamp between two rows is followed by the
   * older rows. Any other text is followed by all rows, if OpenD tolerates it.
   */
  rowsAfter(history: ExpectedHistory, text: string): readonly (readonly ExpectedRow[])[] {
    const cursor = /^~~(\d+)~$/.exec(text)?.[1] ?? text;
    const index = history.rows.findIndex((row) => row.cursor === cursor);
    if (index >= 0) return [history.rows.slice(index + 1)];
    const timestamp = cursor === "" ? Number.NaN : Number(cursor);
    return this.#missingCounts.map((count) =>
      history.rows.slice(count).filter((row) => Number.isNaN(timestamp) || Number(row.cursor) < timestamp),
    );
  }

  /** Whether a stored page has this cursor: the first page, or the next page of another one. */
  isPageCursor(history: ExpectedHistory, cursor: string): boolean {
    const index = history.rows.findIndex((row) => row.cursor === cursor);
    return (
      cursor === "" ||
      (index >= 0 && this.#missingCounts.some((count) => (index + 1 - count) % PAGE_ROWS === 0))
    );
  }
}
