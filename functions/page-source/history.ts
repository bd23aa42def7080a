import { Failure, QUOTA_CODES } from "../errors.ts";
import { cursorCycle, isDescending, type Page, type Row } from "../short-interest/page.ts";
import { dateOf, type SecuritySymbol } from "../short-interest/symbol.ts";
import { delay } from "../timeout.ts";
import type { PageResult, PageSource } from "./page-source.ts";

/** A part of a history. */
export interface DateRange {
  readonly symbol: SecuritySymbol;
  /** First and last day, as `YYYY-MM-DD` in the market's time zone; absent for no bound. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** The start: `FIRST_CURSOR`, or the cursor at which an earlier walk ended. */
  readonly cursor: string;
}

/** The rows of a page that are in the range, and the cursor of the page after it. */
export interface HistoryPage extends Freshness {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

/** The age of a page, or of the oldest of several. */
export interface Freshness {
  /** When it was fetched (Unix time, milliseconds). */
  readonly fetchedAt: number;
  /** Whether it counts as stale; see `PageResult.staleReason`. */
  readonly stale: boolean;
}

/** The end of a walk. */
export interface WalkEnd {
  /** The cursor to continue with; null at the end of the range. */
  readonly next: string | null;
  /** Why the walk ended early; absent if the reader ended it. */
  readonly failure?: Failure;
}

export type HistoryWalk = AsyncGenerator<HistoryPage, WalkEnd>;

/** How long a walk may retry a page while a quota is used up. */
export interface RetryBudget {
  readonly maxWaitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Walks through a history, newest row first. A page is read when the reader requests it.
 * @throws Failure of the first page; a later one ends the walk
 */
export async function* walk(pages: PageSource, range: DateRange, retryBudget: RetryBudget): HistoryWalk {
  const { symbol, cursor: start } = range;
  const seen = new Set<string>();
  const release = pages.reuseConnection();
  try {
    let result = await pages.page(symbol, start);
    let rows = rowsWithin(result.page, range);
    for (;;) {
      const { page, fetchedAt, staleReason } = result;
      const next = endsBefore(page, range) ? null : page.next;
      yield { rows, next, fetchedAt, stale: staleReason !== undefined };
      if (next === null) return { next };
      if (seen.has(next)) return { next, failure: cursorCycle() };
      seen.add(next);
      try {
        result = await retryOnQuota(() => pages.page(symbol, next), retryBudget);
        rows = rowsWithin(result.page, range);
      } catch (thrown) {
        return { next, failure: Failure.from(thrown) };
      }
    }
  } finally {
    release();
  }
}

/**
 * Collects the rows of a walk, newest first: all, or those of the first pages with `maxRows` rows in total.
 * @throws Failure of the first page
 */
export async function collect(
  pages: HistoryWalk,
  maxRows: number,
): Promise<{ rows: Row[]; end: WalkEnd; freshness: Freshness }> {
  const rows: Row[] = [];
  let freshness: Freshness = { fetchedAt: Number.POSITIVE_INFINITY, stale: false };
  for (;;) {
    const { done, value } = await pages.next();
    if (done) return { rows, end: value, freshness };
    rows.push(...value.rows);
    freshness = combineFreshness(freshness, value);
    if (rows.length >= maxRows && value.next !== null) {
      await pages.return({ next: value.next });
      return { rows, end: { next: value.next }, freshness };
    }
  }
}

/** The freshness of two parts together. */
export function combineFreshness(one: Freshness, other: Freshness): Freshness {
  return { fetchedAt: Math.min(one.fetchedAt, other.fetchedAt), stale: one.stale || other.stale };
}

async function retryOnQuota(
  readPage: () => Promise<PageResult>,
  { maxWaitMs, signal }: RetryBudget,
): Promise<PageResult> {
  const deadline = Date.now() + maxWaitMs;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await readPage();
    } catch (thrown) {
      const { code, retryAfterMs } = Failure.from(thrown);
      if (!QUOTA_CODES.has(code) || retryAfterMs === undefined) throw thrown;
      if (Date.now() + retryAfterMs > deadline) throw thrown;
      await delay(retryAfterMs, signal);
    }
  }
}

function rowsWithin({ market, rows }: Page, { from, to }: DateRange): readonly Row[] {
  if (from === undefined && to === undefined) return rows;
  return rows.filter(({ timestamp }) => {
    const date = dateOf(market, timestamp);
    return (from === undefined || date >= from) && (to === undefined || date <= to);
  });
}

/** Whether all further rows are before the range. Unknown if the rows have no order. */
function endsBefore(page: Page, { from }: DateRange): boolean {
  const last = page.rows.at(-1);
  if (from === undefined || last === undefined || !isDescending(page.rows)) return false;
  return dateOf(page.market, last.timestamp) < from;
}
