import { isFieldSet } from "@bufbuild/protobuf";
import {
  type HkShortInterestItem,
  HkShortInterestItemSchema,
  type UsShortInterestItem,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import { hkHistory, usHistory } from "../stand-ins/sample-data.ts";
import { exactly } from "./exact-json.ts";

/** The expected data: the sample data, written as the README says, by other code than the Worker's. */

export interface TrueRow {
  readonly item: HkShortInterestItem | UsShortInterestItem;
  readonly cursor: string;
  readonly date: string;
  /** Cells by name, as `parseExactly` reads them. */
  readonly record: Readonly<Record<string, string | null>>;
  /** The row as a line of CSV. */
  readonly line: string;
  readonly shares: bigint;
}

export interface Truth {
  readonly symbol: string;
  readonly market: "HK" | "US";
  /** The header line of CSV. */
  readonly header: string;
  /** The whole history, newest first, with rows that are not published yet; empty for an unknown security. */
  readonly rows: readonly TrueRow[];
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

function hkRow(item: HkShortInterestItem): TrueRow {
  const cells = HK_COLUMNS.map(
    ([name, field]): Cell => [
      name,
      isFieldSet(item, HkShortInterestItemSchema.field[field]) ? item[field] : null,
    ],
  );
  return rowOf(item, item.aggregatedShort, cells);
}

function usRow(item: UsShortInterestItem): TrueRow {
  const cells = US_COLUMNS.map(
    ([name, field]): Cell => [
      name,
      isFieldSet(item, UsShortInterestItemSchema.field[field]) ? item[field] : null,
    ],
  );
  return rowOf(item, item.sharesShort, cells);
}

function rowOf(item: TrueRow["item"], shares: bigint, cells: readonly Cell[]): TrueRow {
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

const known = new Map<string, Truth>();

/** The history of a security of the stand-in. */
export function truthOf(symbol: string): Truth {
  const found = known.get(symbol);
  if (found) return found;
  const [market = "", code = ""] = symbol.split(/\.(.*)/);
  const truth: Truth =
    market === "HK"
      ? { symbol, market, header: headerOf(HK_COLUMNS), rows: (hkHistory(code) ?? []).map(hkRow) }
      : { symbol, market: "US", header: headerOf(US_COLUMNS), rows: (usHistory(code) ?? []).map(usRow) };
  known.set(symbol, truth);
  return truth;
}

function headerOf(columns: readonly (readonly [string, string])[]): string {
  return columns.map(([name]) => name).join(",");
}

/** Rows of a page as OpenD sends it. */
const PAGE_ROWS = 50;

/**
 * How many of the newest rows a correct answer may lack. At first these are the unpublished rows. After they are
 * published, pages that were fetched before still lack them.
 */
export class Publication {
  #lacking: readonly number[];

  constructor(unpublished: number) {
    this.#lacking = [unpublished];
  }

  publishAll(): void {
    this.#lacking = [0, ...this.#lacking];
  }

  /**
   * The rows that may follow a cursor, newest first. There may be several versions. After a timestamp between two
   * rows come the older rows. After a word there are none, or, if OpenD tolerates it, all.
   */
  after(truth: Truth, cursor: string): readonly (readonly TrueRow[])[] {
    const at = truth.rows.findIndex((row) => row.cursor === cursor);
    if (at >= 0) return [truth.rows.slice(at + 1)];
    const timestamp = cursor === "" ? Number.NaN : Number(cursor);
    return this.#lacking.map((count) =>
      truth.rows.slice(count).filter((row) => Number.isNaN(timestamp) || Number(row.cursor) < timestamp),
    );
  }

  /** Whether the cursor is that of a stored page: the first page, or one that a page of OpenD leads to. */
  isOfPage(truth: Truth, cursor: string): boolean {
    const at = truth.rows.findIndex((row) => row.cursor === cursor);
    return cursor === "" || (at >= 0 && this.#lacking.some((count) => (at + 1 - count) % PAGE_ROWS === 0));
  }
}
