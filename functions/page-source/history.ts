import { pause } from "../timeout.ts";
import { Failure, QUOTA_CODES } from "../errors.ts";
import { isSliceable, type Page, type Row } from "../short-interest/page.ts";
import { dateOf, type SecuritySymbol } from "../short-interest/symbol.ts";
import type { Answer, PageSource } from "./source.ts";

/** Which part of a history. */
export interface Stretch {
  readonly symbol: SecuritySymbol;
  /** First and last day, as `YYYY-MM-DD` in the market's time zone; absent for no bound. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Where to begin: `FIRST`, or the cursor that an earlier walk has left. */
  readonly cursor: string;
}

/** The rows of a page that belong to the stretch, and the cursor of the page after it. */
export interface Step extends Freshness {
  readonly rows: readonly Row[];
  readonly next: string | null;
}

/** How old a page is, or the oldest of several. */
export interface Freshness {
  /** When it was fetched (Unix time, milliseconds). */
  readonly fetchedAt: number;
  /** Whether it is served past its freshness. */
  readonly stale: boolean;
}

/** How a walk ended. */
export interface WalkEnd {
  /** Where to go on; null where the stretch has been walked to its end. */
  readonly next: string | null;
  /** What stood in the way; absent as well where nobody wants to go on. */
  readonly failure?: Failure;
}

export type Walk = AsyncGenerator<Step, WalkEnd>;

/** How a walk waits for a page that the quota has no call for. */
export interface Patience {
  /** For how long at most, in milliseconds. */
  readonly ms: number;
  readonly signal: AbortSignal;
}

/**
 * Walks through a history, newest row first, page by page: only as far as it is read.
 * @throws Failure of the first page; a later one ends the walk
 */
export async function* walk(pages: PageSource, stretch: Stretch, patience: Patience): Walk {
  const { symbol, cursor: start } = stretch;
  const seen = new Set<string>();
  const letGo = pages.keepConnection();
  try {
    let answer = await pages.page(symbol, start);
    let rows = rowsWithin(answer.page, stretch);
    for (;;) {
      const { page, fetchedAt, stale } = answer;
      const next = endsBefore(page, stretch) ? null : page.next;
      yield { rows, next, fetchedAt, stale: stale !== undefined };
      if (next === null) return { next };
      if (seen.has(next)) return { next, failure: walksInCircles() };
      seen.add(next);
      try {
        answer = await patiently(() => pages.page(symbol, next), patience);
        rows = rowsWithin(answer.page, stretch);
      } catch (thrown) {
        return { next, failure: Failure.from(thrown) };
      }
    }
  } finally {
    letGo();
  }
}

/**
 * All rows of a walk, newest first, or those of its first pages until they are `most`.
 * @throws Failure of the first page
 */
export async function gather(
  steps: Walk,
  most: number,
): Promise<{ rows: Row[]; end: WalkEnd; freshness: Freshness }> {
  const rows: Row[] = [];
  let freshness: Freshness = { fetchedAt: Number.POSITIVE_INFINITY, stale: false };
  for (;;) {
    const { done, value } = await steps.next();
    if (done) return { rows, end: value, freshness };
    rows.push(...value.rows);
    freshness = oldest(freshness, value);
    if (rows.length >= most && value.next !== null) {
      await steps.return({ next: value.next });
      return { rows, end: { next: value.next }, freshness };
    }
  }
}

/** What is true of two together. */
export function oldest(one: Freshness, other: Freshness): Freshness {
  return { fetchedAt: Math.min(one.fetchedAt, other.fetchedAt), stale: one.stale || other.stale };
}

async function patiently(ask: () => Promise<Answer>, { ms, signal }: Patience): Promise<Answer> {
  const until = Date.now() + ms;
  for (;;) {
    signal.throwIfAborted();
    try {
      return await ask();
    } catch (thrown) {
      const { code, retryAfterMs } = Failure.from(thrown);
      if (!QUOTA_CODES.has(code) || retryAfterMs === undefined) throw thrown;
      if (Date.now() + retryAfterMs > until) throw thrown;
      await pause(retryAfterMs, signal);
    }
  }
}

function rowsWithin({ market, rows }: Page, { from, to }: Stretch): readonly Row[] {
  if (from === undefined && to === undefined) return rows;
  return rows.filter(({ timestamp }) => {
    const date = dateOf(market, timestamp);
    return (from === undefined || date >= from) && (to === undefined || date <= to);
  });
}

/** Whether all that follows is older than the stretch. Of rows in no order nothing is known. */
function endsBefore(page: Page, { from }: Stretch): boolean {
  const last = page.rows.at(-1);
  if (from === undefined || last === undefined || !isSliceable(page)) return false;
  return dateOf(page.market, last.timestamp) < from;
}

function walksInCircles(): Failure {
  return new Failure("opend_protocol_error", "OpenD's cursors lead back to a page before");
}
