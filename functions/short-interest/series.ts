import { csvHeader, csvLines } from "./csv.ts";
import { rowJson, stringify } from "./json.ts";
import type { Row } from "./page.ts";
import { formatSymbol, type SecuritySymbol } from "./symbol.ts";

/** How a series ends. */
export interface SeriesEnd {
  /** When the oldest of its rows were fetched (Unix time, milliseconds). */
  readonly fetchedAt: number;
  /** Whether some of them are past their freshness. */
  readonly stale: boolean;
  /** Where it goes on; null where it is complete. */
  readonly next: string | null;
  /** What stood in the way, as it is to be told. */
  readonly error?: object | undefined;
}

/** Writes rows down as they come, in pieces. */
export interface SeriesWriter {
  readonly head: string;
  rows(rows: readonly Row[]): string;
  /** What stands at the end; undefined where only breaking off can say that rows are missing. */
  tail(end: SeriesEnd): string | undefined;
}

/** As one JSON object, which says at its end whether it is complete. */
export function seriesJson(symbol: SecuritySymbol): SeriesWriter {
  const { market } = symbol;
  let separator = "";
  return {
    head: `{"symbol":${JSON.stringify(formatSymbol(symbol))},"market":${JSON.stringify(market)},"items":[`,
    rows: (rows) =>
      rows
        .map((row) => {
          const text = separator + rowJson(market, row);
          separator = ",";
          return text;
        })
        .join(""),
    tail: (end) => `],${stringify(ending(end)).slice(1)}`,
  };
}

/** As NDJSON: a line for each row, and a last one that says whether they are complete. */
export function seriesNdjson({ market }: SecuritySymbol): SeriesWriter {
  return {
    head: "",
    rows: (rows) => rows.map((row) => `${rowJson(market, row)}\n`).join(""),
    tail: (end) => `${stringify(ending(end))}\n`,
  };
}

/** As CSV, which has no place to say that it is not complete. */
export function seriesCsv({ market }: SecuritySymbol): SeriesWriter {
  return {
    head: csvHeader(market),
    rows: (rows) => csvLines(market, rows),
    tail: ({ next }) => (next === null ? "" : undefined),
  };
}

/** The members that a series ends with. */
export function ending({ next, error, fetchedAt, stale }: SeriesEnd): object {
  const fetched_at = Math.floor(fetchedAt / 1_000);
  return { complete: next === null, next_key: next, error: error ?? null, fetched_at, stale };
}
