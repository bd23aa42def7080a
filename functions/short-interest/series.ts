import type { Column } from "./columns.ts";
import { csvHeader, csvLines } from "./csv.ts";
import { rowJson, rowsHead, rowsNdjson, stringify } from "./json.ts";
import type { Row } from "./page.ts";
import type { SecuritySymbol } from "./symbol.ts";

/** The end of a series of rows. */
export interface SeriesEnd {
  /** When the oldest of its rows were fetched (Unix time, milliseconds). */
  readonly fetchedAt: number;
  /** Whether some of them are stale. */
  readonly stale: boolean;
  /** The cursor to continue with; null if the series is complete. */
  readonly next: string | null;
  /** The problem that ended the series early. */
  readonly error?: object | undefined;
}

/** Serializes rows in pieces, as their pages arrive. */
export interface SeriesWriter {
  readonly head: string;
  rows(rows: readonly Row[]): string;
  /** The last piece; undefined if the format cannot state that rows are missing: abort the body then. */
  tail(end: SeriesEnd): string | undefined;
}

/** One JSON object. Its last members state whether it is complete. */
export function seriesJson(symbol: SecuritySymbol, more: readonly Column[] = []): SeriesWriter {
  const { market } = symbol;
  let separator = "";
  return {
    head: rowsHead(symbol),
    rows: (rows) =>
      rows
        .map((row) => {
          const text = separator + rowJson(market, row, more);
          separator = ",";
          return text;
        })
        .join(""),
    tail: (end) => `],${stringify(trailer(end)).slice(1)}`,
  };
}

/** NDJSON: one line for each row, and a last line that states whether the rows are complete. */
export function seriesNdjson({ market }: SecuritySymbol, more: readonly Column[] = []): SeriesWriter {
  return {
    head: "",
    rows: (rows) => rowsNdjson(market, rows, more),
    tail: (end) => `${stringify(trailer(end))}\n`,
  };
}

/** CSV, which cannot state that it is incomplete. */
export function seriesCsv({ market }: SecuritySymbol, more: readonly Column[] = []): SeriesWriter {
  return {
    head: csvHeader(market, more),
    rows: (rows) => csvLines(market, rows, more),
    tail: ({ next }) => (next === null ? "" : undefined),
  };
}

/** The last members of a series. */
export function trailer({ next, error, fetchedAt, stale }: SeriesEnd): object {
  const fetched_at = Math.floor(fetchedAt / 1_000);
  return { complete: next === null, next_key: next, error: error ?? null, fetched_at, stale };
}
