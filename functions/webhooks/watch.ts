import { Failure, type FailureCode, QUOTA_CODES } from "../errors.ts";
import type { PageResult, PageSource } from "../page-source/source.ts";
import type { SubrequestBudget } from "../page-source/subrequest-budget.ts";
import { FIRST } from "../short-interest/page.ts";
import { parseSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import { AGAIN_MS, nextLook } from "./calendar.ts";
import { publishedMessage } from "./messages.ts";
import type { Due, Look, Watchlist } from "./watchlist.ts";

export interface WatchParts {
  readonly watchlist: Watchlist;
  /** Gives fresh pages alone. */
  readonly pages: PageSource;
  readonly budget: SubrequestBudget;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  /** Waits so many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  /** How long it may take, in milliseconds. */
  readonly ms: number;
}

/** Symbols that are taken on at once. */
const AT_ONCE = 10;
/** What is a symbol's own trouble, and how long it is left alone then. */
const ITS_OWN: Partial<Record<FailureCode, number>> = {
  unknown_symbol: 96 * AGAIN_MS,
  opend_no_permission: 4 * AGAIN_MS,
  opend_failed: 4 * AGAIN_MS,
  opend_protocol_error: 4 * AGAIN_MS,
};
/** What is nobody's trouble but this watch's: the symbol has its turn the next time. */
const ENDING: ReadonlySet<FailureCode> = new Set([
  ...QUOTA_CODES,
  "subrequest_limit",
  "store_unavailable",
  "internal",
]);
/** Others may be everybody's trouble: after as many in a row the watch is over. */
const MOST_TROUBLES = 2;

/**
 * Looks at the symbols whose turn it is, one after the other, until none is left or something stands in the way of
 * all; the rest have their turn the next time.
 * @param published called when there is something to send
 * @throws Failure that ended it early
 */
export async function watch(parts: WatchParts, published: () => Promise<void>): Promise<void> {
  const { watchlist, pages, budget, now } = parts;
  const until = now() + parts.ms;
  const letGo = pages.reuseConnection();
  let troubles = 0;
  try {
    for (;;) {
      const due = await watchlist.due(AT_ONCE);
      for (const each of due) {
        if (!budget.hasCapacity() || now() >= until) return;
        const { look, failure } = await lookAt(parts, each, until);
        if ((await watchlist.saw(look)) > 0) await published();
        troubles = failure && ITS_OWN[failure.code] === undefined ? troubles + 1 : 0;
        if (failure && troubles >= MOST_TROUBLES) throw failure;
      }
      if (due.length < AT_ONCE) return;
    }
  } finally {
    letGo();
  }
}

/** @throws Failure where there is nothing to say of the symbol */
async function lookAt(
  parts: WatchParts,
  due: Due,
  until: number,
): Promise<{ look: Look; failure?: Failure }> {
  const { now } = parts;
  const symbol = parseSymbol(due.symbol);
  let answer: PageResult;
  try {
    answer = await newestOf(parts, symbol, until);
  } catch (thrown) {
    const failure = Failure.from(thrown);
    const { code } = failure;
    if (ENDING.has(code)) throw failure;
    const nextLookAt = now() + (ITS_OWN[code] ?? AGAIN_MS);
    return { look: { symbol: due.symbol, newest: undefined, nextLookAt, problem: code }, failure };
  }
  const [newest] = answer.page.rows;
  const nextLookAt = nextLook(symbol.market, newest?.timestamp, answer.freshUntil, now());
  const isNews = due.newest !== undefined && newest !== undefined && newest.timestamp > due.newest;
  const message = isNews ? await publishedMessage(symbol, answer.page, now()) : undefined;
  return { look: { symbol: due.symbol, newest: newest?.timestamp ?? 0n, nextLookAt, problem: "", message } };
}

/** The newest rows, as soon as the quota has a call for them. */
async function newestOf(parts: WatchParts, symbol: SecuritySymbol, until: number): Promise<PageResult> {
  for (;;) {
    try {
      return await parts.pages.page(symbol, FIRST, 2);
    } catch (thrown) {
      const { code, retryAfterMs } = Failure.from(thrown);
      if (!QUOTA_CODES.has(code) || retryAfterMs === undefined || parts.now() + retryAfterMs > until)
        throw thrown;
      await parts.wait(retryAfterMs);
    }
  }
}
