import { Failure, type FailureCode, QUOTA_CODES } from "../errors.ts";
import type { PageResult, PageSource } from "../page-source/page-source.ts";
import type { SubrequestBudget } from "../page-source/subrequest-budget.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import { parseSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import { publishedMessage } from "./messages.ts";
import type { DueSymbol, PollResult, PollSchedule } from "./poll-schedule.ts";

export interface PollDeps {
  readonly schedule: PollSchedule;
  /** Must not serve stale pages. While a page is fresh, polling it sends no call to OpenD. */
  readonly pages: PageSource;
  readonly budget: SubrequestBudget;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  readonly wait: (waitMs: number) => Promise<void>;
  /** How long a run may take, in milliseconds. */
  readonly maxDurationMs: number;
}

/**
 * Delay of the next poll after a failure, and at least this long after each poll. The same as the interval of the cron
 * in wrangler.toml: a shorter delay has no effect.
 */
const RETRY_MS = 15 * 60_000;
/** Symbols that one command claims from the schedule. */
const CLAIM_BATCH = 10;
/** Errors of one symbol, with the delay of its next poll in milliseconds. Other symbols are still polled. */
const SYMBOL_ERRORS: Partial<Record<FailureCode, number>> = {
  unknown_symbol: 96 * RETRY_MS,
  opend_no_permission: 4 * RETRY_MS,
  opend_failed: 4 * RETRY_MS,
  opend_protocol_error: 4 * RETRY_MS,
};
/** Errors that end this run. The symbol's status does not change, and it is polled again when its claim expires. */
const FATAL_ERRORS: ReadonlySet<FailureCode> = new Set([
  ...QUOTA_CODES,
  "subrequest_limit",
  "store_unavailable",
  "internal",
]);
/** All other errors may have a common cause, such as OpenD being down. This many in a row end the run. */
const MAX_CONSECUTIVE_FAILURES = 2;

/**
 * Polls the due symbols one after the other, until none is left, the time or the subrequest budget is used up, or an
 * error ends the run. The remaining symbols are polled by the next run.
 * @param onPublished called after each row that was added to the outbox
 * @throws Failure that ended the run early
 */
export async function poll(deps: PollDeps, onPublished: () => Promise<void>): Promise<void> {
  const { schedule, pages, budget, now } = deps;
  const deadline = now() + deps.maxDurationMs;
  const releaseConnection = pages.reuseConnection();
  let consecutiveFailures = 0;
  try {
    for (;;) {
      const dueSymbols = await schedule.claimDue(CLAIM_BATCH);
      for (const due of dueSymbols) {
        if (!budget.hasCapacity() || now() >= deadline) return;
        const { result, failure } = await pollSymbol(deps, due, deadline);
        if ((await schedule.recordPoll(result)) > 0) await onPublished();
        consecutiveFailures =
          failure && SYMBOL_ERRORS[failure.code] === undefined ? consecutiveFailures + 1 : 0;
        if (failure && consecutiveFailures >= MAX_CONSECUTIVE_FAILURES) throw failure;
      }
      if (dueSymbols.length < CLAIM_BATCH) return;
    }
  } finally {
    releaseConnection();
  }
}

/** @throws Failure of `FATAL_ERRORS` */
async function pollSymbol(
  deps: PollDeps,
  due: DueSymbol,
  deadline: number,
): Promise<{ result: PollResult; failure?: Failure }> {
  const { now } = deps;
  const symbol = parseSymbol(due.symbol);
  let newest: PageResult;
  try {
    newest = await fetchNewest(deps, symbol, deadline);
  } catch (thrown) {
    const failure = Failure.from(thrown);
    const { code } = failure;
    if (FATAL_ERRORS.has(code)) throw failure;
    const nextPollAt = now() + (SYMBOL_ERRORS[code] ?? RETRY_MS);
    const result = { symbol: due.symbol, newestTimestamp: undefined, nextPollAt, error: code };
    return { result, failure };
  }
  const newestTimestamp = newest.page.rows[0]?.timestamp;
  const nextPollAt = Math.max(newest.freshUntil, now() + RETRY_MS);
  const isNew =
    due.newestTimestamp !== undefined &&
    newestTimestamp !== undefined &&
    newestTimestamp > due.newestTimestamp;
  const message = isNew ? await publishedMessage(symbol, newest.page, now()) : undefined;
  return {
    result: { symbol: due.symbol, newestTimestamp: newestTimestamp ?? 0n, nextPollAt, error: "", message },
  };
}

/** Fetches the newest two rows, and waits for the quota if necessary and possible before `deadline`. */
async function fetchNewest(deps: PollDeps, symbol: SecuritySymbol, deadline: number): Promise<PageResult> {
  for (;;) {
    try {
      return await deps.pages.page(symbol, FIRST_CURSOR, 2);
    } catch (thrown) {
      const { code, retryAfterMs } = Failure.from(thrown);
      const canWait = QUOTA_CODES.has(code) && retryAfterMs !== undefined;
      if (!canWait || deps.now() + retryAfterMs > deadline) throw thrown;
      await deps.wait(retryAfterMs);
    }
  }
}
