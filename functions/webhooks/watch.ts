import { Failure, type FailureCode } from "../failure.ts";
import type { Room } from "../pages/room.ts";
import type { Answer, PageSource } from "../pages/source.ts";
import { FIRST } from "../short-interest/page.ts";
import { parseSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import { AGAIN_MS, nextLook } from "./calendar.ts";
import { publishedMessage } from "./messages.ts";
import type { Due, Look, Watchlist } from "./watchlist.ts";

export interface WatchParts {
  readonly watchlist: Watchlist;
  readonly pages: PageSource;
  readonly room: Room;
  /** Ends when nothing is refreshed any more behind what `pages` has answered. */
  readonly refreshed: () => Promise<unknown>;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  /** Waits so many milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  /** How long it may take, in milliseconds. */
  readonly ms: number;
}

/** Symbols that are taken on at once. */
const AT_ONCE = 10;
/** What is the symbol's own trouble, and how long it is left alone then. All else is everybody's trouble. */
const ITS_OWN: Partial<Record<FailureCode, number>> = {
  unknown_symbol: 96 * AGAIN_MS,
  opend_no_permission: 4 * AGAIN_MS,
  opend_failed: 4 * AGAIN_MS,
  opend_protocol_error: 4 * AGAIN_MS,
};

/**
 * Looks at the symbols whose turn it is, one after the other, until none is left or something stands in the way of
 * all; the rest have their turn the next time.
 * @param published called when there is something to send
 */
export async function watch(parts: WatchParts, published: () => Promise<void>): Promise<void> {
  const { watchlist, pages, room, now } = parts;
  const until = now() + parts.ms;
  const letGo = pages.keepConnection();
  try {
    for (;;) {
      const due = await watchlist.due(AT_ONCE);
      for (const each of due) {
        if (!room.isLeft() || now() >= until) return;
        if ((await watchlist.saw(await lookAt(parts, each, until))) > 0) await published();
      }
      if (due.length < AT_ONCE) return;
    }
  } finally {
    letGo();
  }
}

/** @throws Failure where the others would fail as well */
async function lookAt(parts: WatchParts, due: Due, until: number): Promise<Look> {
  const { now } = parts;
  const symbol = parseSymbol(due.symbol);
  let answer: Answer;
  try {
    answer = await newestOf(parts, symbol, until);
  } catch (thrown) {
    const { code } = Failure.from(thrown);
    const pauseMs = ITS_OWN[code];
    if (pauseMs === undefined) throw thrown;
    return { symbol: due.symbol, newest: undefined, nextLookAt: now() + pauseMs, problem: code };
  }
  const [newest] = answer.page.rows;
  const isOld = answer.stale !== undefined;
  const nextLookAt = isOld
    ? now() + AGAIN_MS
    : nextLook(symbol.market, newest?.timestamp, answer.freshUntil, now());
  const isNews = due.newest !== undefined && newest !== undefined && newest.timestamp > due.newest;
  const message = isNews ? await publishedMessage(symbol, answer.page, now()) : undefined;
  return {
    symbol: due.symbol,
    newest: newest?.timestamp ?? 0n,
    nextLookAt,
    problem: isOld ? "stale" : "",
    message,
  };
}

/** The newest rows, as they are now: not a copy that is being replaced, unless nothing else is to be had. */
async function newestOf(parts: WatchParts, symbol: SecuritySymbol, until: number): Promise<Answer> {
  const ask = () => parts.pages.page(symbol, FIRST, 2);
  for (;;) {
    try {
      const answer = await ask();
      if (answer.stale === undefined) return answer;
      await parts.refreshed();
      return await ask();
    } catch (thrown) {
      const { code, retryAfterMs } = Failure.from(thrown);
      const isQuota = code === "client_quota_exceeded" || code === "upstream_quota_exceeded";
      if (!isQuota || retryAfterMs === undefined || parts.now() + retryAfterMs > until) throw thrown;
      await parts.wait(retryAfterMs);
    }
  }
}
