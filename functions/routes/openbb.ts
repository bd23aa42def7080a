import * as v from "valibot";
import { checkRange, from, LatestQuery, parseInput, symbolText, to } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { collect, walk } from "../page-source/history.ts";
import { type Latest, latestOf } from "../page-source/latest.ts";
import { COLUMNS, type Value } from "../short-interest/columns.ts";
import { stringify } from "../short-interest/json.ts";
import { FIRST_CURSOR, type Row } from "../short-interest/page.ts";
import { type Market, parseSymbol } from "../short-interest/symbol.ts";
import { MAX_QUOTA_WAIT_MS } from "./history.ts";

/** Data of the widgets of OpenBB Workspace: arrays of flat rows, with the same columns for both markets. */

const HistoryInput = v.object({ symbol: symbolText, from: v.optional(from), to: v.optional(to) });
const LatestInput = v.object(LatestQuery.entries);

/** Columns whose names differ between the markets, or from the usual names of a dashboard. */
const RENAMED: Readonly<Record<string, string>> = {
  timestamp_str: "date",
  aggregated_short: "shares",
  shares_short: "shares",
  aggregated_short_ratio: "percent",
  short_percent: "percent",
};

/**
 * `GET /v1/openbb/history` and `/v1/openbb/chart`: all rows of a range, or a problem.
 * @param order `asc` for a chart, which has the order of its rows
 */
export async function getHistoryRows(context: AppContext, order: "asc" | "desc"): Promise<Response> {
  const { symbol: text, ...range } = parseInput(HistoryInput, inputOf(context));
  checkRange(range);
  const symbol = parseSymbol(text);
  const retryBudget = { maxWaitMs: MAX_QUOTA_WAIT_MS, signal: new AbortController().signal };
  const pages = walk(context.var.pageSource, { symbol, ...range, cursor: FIRST_CURSOR }, retryBudget);
  const { rows, end } = await collect(pages, Number.POSITIVE_INFINITY);
  if (end.failure) throw end.failure;
  const items = rows.map((row) => flatRow(symbol.market, row));
  return respond(context, order === "asc" ? items.reverse() : items);
}

/** `GET /v1/openbb/latest`: one row for each symbol. The row of a symbol that fails has an error. */
export async function getLatestRows(context: AppContext): Promise<Response> {
  const { symbols } = parseInput(LatestInput, inputOf(context));
  return respond(context, (await latestOf(context.var.pageSource, symbols)).map(latestRow));
}

function latestRow({ item: { symbol, change, error }, result }: Latest): object {
  const newest = result?.page.rows[0];
  const row = result && newest ? flatRow(result.page.market, newest) : {};
  return { symbol, ...row, change_percent: change?.percent ?? null, error: error?.detail ?? null };
}

function flatRow(market: Market, row: Row): Record<string, Value> {
  const columns = COLUMNS[market].filter(({ name }) => name !== "timestamp");
  return Object.fromEntries(columns.map(({ name, valueIn }) => [RENAMED[name] ?? name, valueIn(row)]));
}

/** The query. OpenBB sends empty parameters, and some of its own, which are ignored. */
function inputOf({ req }: AppContext): Record<string, string> {
  return Object.fromEntries([...new URL(req.url).searchParams].filter(([, value]) => value !== ""));
}

function respond(context: AppContext, rows: readonly object[]): Response {
  return context.body(stringify([...rows]), 200, {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
  });
}
