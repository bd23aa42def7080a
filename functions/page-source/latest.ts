import { Failure } from "../errors.ts";
import { problemOf } from "../http/problem.ts";
import { sharesIn } from "../short-interest/columns.ts";
import { rowObject } from "../short-interest/json.ts";
import { FIRST_CURSOR, type Page } from "../short-interest/page.ts";
import { formatSymbol, parseSymbol } from "../short-interest/symbol.ts";
import type { PageResult, PageSource } from "./page-source.ts";

export interface Latest {
  /** The item of the response: the newest row and its change, or a problem. */
  readonly item: {
    readonly symbol: string;
    readonly change: { readonly shares: bigint; readonly percent: number | null } | null;
    readonly error: { readonly detail: string } | null;
  };
  /** The page of the row; absent for a problem. */
  readonly result?: PageResult;
}

/**
 * The newest row of each symbol, and its change against the row before. A symbol that fails gets a problem as its
 * item, and the others are not affected. A symbol that occurs twice has one item.
 */
export async function latestOf(pages: PageSource, symbols: readonly string[]): Promise<Latest[]> {
  const all = await Promise.all(symbols.map((symbol) => latest(pages, symbol.trim())));
  return [...new Map(all.map((entry) => [entry.item.symbol, entry])).values()];
}

async function latest(pages: PageSource, text: string): Promise<Latest> {
  try {
    const symbol = parseSymbol(text);
    const result = await pages.page(symbol, FIRST_CURSOR, 2);
    const { market } = symbol;
    const stale = result.staleReason !== undefined;
    const item = { symbol: formatSymbol(symbol), market, ...newestIn(result.page), stale, error: null };
    return { item, result };
  } catch (thrown) {
    const error = problemOf(Failure.from(thrown));
    const item = { symbol: text, latest: null, change: null, stale: false, error };
    return { item };
  }
}

function newestIn({ market, rows: [newest, before] }: Page) {
  if (newest === undefined) return { latest: null, change: null };
  const shares = sharesIn(newest);
  const sharesBefore = before && sharesIn(before);
  if (shares === null || sharesBefore == null) return { latest: rowObject(market, newest), change: null };
  const change = shares - sharesBefore;
  // OpenD's own percentages have two decimals.
  const percent =
    sharesBefore === 0n ? null : Math.round((Number(change) / Number(sharesBefore)) * 1e4) / 100;
  return { latest: rowObject(market, newest), change: { shares: change, percent } };
}
