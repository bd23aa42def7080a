import type { FailureCode } from "../errors.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import { expectedAfter, isCalendarTime, periodsBetween } from "../short-interest/publication-calendar.ts";
import type { Market } from "../short-interest/symbol.ts";

/**
 * Every lifetime of a cached page. A page is fresh, then stale, then gone. A first page is fresh until the calendar
 * expects its next row; then its market is looked at with growing pauses. All symbols of a market share one record of
 * its newest row: a fetch of one symbol confirms the pages of the others. So if one symbol has its row in OpenD before
 * the others, its page may be fresh without the row for 6 h to a day. After `EDGE_TRUST_MS` and `REVALIDATE_GRACE_MS`
 * together, a data center serves a purged page only if the revalidation fails, or if the page is stale and OpenD is
 * known to be down.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Pauses between looks for a row that is published but missing: they double from the shortest to the longest. */
export const MIN_PAUSE_MS = 15 * MINUTE;
export const MAX_PAUSE_MS = HOUR;
/** A missing row is looked for with these pauses for this long. */
export const LOOKING_MS = 7 * DAY;
/**
 * A first page is fresh for this long at most after the last fetch that showed no newer row in its market: a row may be
 * published before the calendar expects it.
 */
export const MAX_UNCONFIRMED_MS = 6 * HOUR;
/** A first page is fresh for this long at most after its own fetch: the row or the history of one symbol may change. */
export const MAX_UNFETCHED_MS = DAY;
/** The same at first while its next row is published but missing in the market; then it doubles to `MAX_UNFETCHED_MS`. */
export const MAX_UNFETCHED_DUE_MS = 6 * HOUR;
/** A confirmation that is newer than the last one by less than this is not written. Shorter than `MIN_PAUSE_MS`. */
export const MIN_CONFIRMATION_MS = 5 * MINUTE;
/** Older pages are fresh for this long: their rows change only with the history. */
export const OLDER_PAGE_FRESH_MS = 7 * DAY;
/** After the longest time that it can be fresh, a page is served stale for this long. */
export const STALE_MS = 7 * DAY;
/** `stale-while-revalidate` and `stale-if-error` of a response, for caches of clients. */
export const STALE_WHILE_REVALIDATE_S = HOUR / SECOND;
export const STALE_IF_ERROR_S = STALE_MS / SECOND;

/** Lifetime of the page of a cursor that no stored page leads to: such a cursor may be invented. */
export const UNKNOWN_CURSOR_MS = 5 * MINUTE;
/** Refusals that repeat whenever they are requested, and their lifetime (negative caching). */
const NEGATIVE_MS: Partial<Record<FailureCode, number>> = {
  unknown_symbol: 10 * MINUTE,
  opend_no_permission: 5 * MINUTE,
};
/** `opend_failed` for a first page or a known cursor: the reason is unknown, and may pass. */
const OPEND_FAILED_MS = MINUTE / 2;
/** `opend_failed` for an unknown cursor: OpenD may not have issued it. */
const OPEND_FAILED_UNKNOWN_CURSOR_MS = 5 * MINUTE;

/** After a failed refresh, the next one waits for this long, and the stale page is served. */
export const REFRESH_BACKOFF_MS = 5 * SECOND;
/** A reply that contradicts the stored page is accepted if it repeats after this time. */
export const CONFIRM_AFTER_MS = MINUTE;

/** The shared index of a symbol expires this long after its last write, and knows a cursor for this long. */
export const SHARED_INDEX_MS = 16 * DAY;
/** The edge index of a symbol expires after this time; a missing index costs a read of the shared cache. */
export const EDGE_INDEX_MS = 8 * DAY;

/** The edge cache serves a fresh copy for this long at most before it asks the shared cache again. */
export const EDGE_TRUST_MS = 55 * MINUTE;
/** A random part of this is subtracted, so that the data centers do not ask together. */
export const EDGE_TRUST_SPREAD_MS = 5 * MINUTE;
/** For this long after, a copy is still served while the shared cache is read in the background. */
export const REVALIDATE_GRACE_MS = 5 * MINUTE;
/** The same as `EDGE_TRUST_MS` for a refusal or the page of an unknown cursor. It has no grace period. */
export const SHORT_LIVED_TRUST_MS = 5 * MINUTE;
/** A page expires in all data centers together. They ask within this time after; meanwhile the page is stale. */
export const EXPIRY_SPREAD_MS = MINUTE;
/**
 * The edge cache serves a stale copy for a tenth of its staleness, within these bounds, before it asks the shared
 * cache again.
 */
export const MIN_STALE_REVALIDATE_MS = 10 * SECOND;
export const MAX_STALE_REVALIDATE_MS = 30 * MINUTE;
const STALENESS_DIVISOR = 10;

/** Times of a cached reply, as Unix times in milliseconds. */
interface Lifetime {
  readonly freshUntil: number;
  /** Until when it may be served stale. Equal to `freshUntil` if it may not. */
  readonly staleUntil: number;
}

/** What one market has published, as far as its cached first pages show. All symbols of the market share it. */
export interface Publication {
  /** Timestamp of the newest row of the market, in seconds. */
  readonly newest: number;
  /** When a fetch showed it first; 0 if the record began with it. */
  readonly seenAt: number;
  /** The last fetch of a page that has the newest row, and so shows that the market has no newer one. */
  readonly checkedAt: number;
  /** Periods of the calendar from one row to the next: 1, or 2 for monthly US rows. */
  readonly step: number;
}

/** Facts of a stored page. */
export interface PageFacts {
  readonly market: Market;
  readonly cursor: string;
  /** Unix time, milliseconds. */
  readonly fetchedAt: number;
  /** Timestamp of its newest row, in seconds; 0 if it has no row. */
  readonly newest: number;
}

export interface FreshnessPolicy {
  /**
   * Until when the page is fresh. The time may be past.
   * @param publication the record of its market; undefined if there is none
   * @returns Unix time in milliseconds
   */
  freshUntil(page: PageFacts, publication: Publication | undefined): number;
  /**
   * When a copy at the edge must be revalidated.
   * @param now Unix time, milliseconds
   * @param waitMs for how long OpenD cannot be called for the page, in milliseconds; 0 if it can
   * @param random from 0 to 1
   * @returns Unix time in milliseconds; for a fresh copy, at most `EXPIRY_SPREAD_MS` after it becomes stale
   */
  revalidateAfter(copy: Lifetime, now: number, waitMs: number, random: number): number;
  /** After that, a copy is served for this long while it is revalidated. Not for a short-lived copy. */
  readonly graceMs: number;
}

export const freshnessPolicy: FreshnessPolicy = {
  freshUntil(page, publication) {
    const { market, cursor, fetchedAt, newest } = page;
    if (cursor !== FIRST_CURSOR) return fetchedAt + OLDER_PAGE_FRESH_MS;
    const isDated = isRowTime(newest, fetchedAt);
    // The calendar cannot tell anything about an invalid timestamp.
    if (newest !== 0 && !isDated) return fetchedAt + MAX_UNCONFIRMED_MS;
    const known = publication && isCalendarTime(publication.newest) ? publication : undefined;
    const untilByItself = () =>
      isDated
        ? upToDateUntil(market, { newest, step: known?.step ?? 1, checkedAt: fetchedAt }, fetchedAt)
        : fetchedAt + MAX_UNCONFIRMED_MS;
    if (known === undefined) return untilByItself();
    const behind = isDated ? periodsBetween(market, newest, known.newest) : Number.POSITIVE_INFINITY;
    if (behind < 0) return untilByItself();
    // The row appeared in the market after this fetch.
    if (behind > 0 && fetchedAt < known.seenAt) return Math.min(untilByItself(), known.seenAt);
    const checkedAt = Math.max(fetchedAt, known.checkedAt);
    const marketUntil = upToDateUntil(market, { ...known, checkedAt }, fetchedAt);
    if (behind === 0) return marketUntil;
    // This symbol may get the row late, or has left the market. Or the market's newest row is an error of one symbol, and
    // this symbol gets its next row when the calendar expects it.
    const due = isDated ? expectedAfter(market, newest, known.step) : 0;
    const isDue = due <= fetchedAt;
    const missingSince = isDue ? Math.max(known.seenAt, due) : known.seenAt;
    const missingMs = fetchedAt - missingSince;
    const isExpected = behind <= known.step || missingSince > known.seenAt;
    const isLooking = isExpected && missingMs < LOOKING_MS;
    const pauseMs = Math.min(Math.max(missingMs, MIN_PAUSE_MS), isLooking ? MAX_PAUSE_MS : MAX_UNFETCHED_MS);
    return Math.min(fetchedAt + pauseMs, marketUntil, isDue ? Number.POSITIVE_INFINITY : due);
  },

  revalidateAfter(copy, now, waitMs, random) {
    const { freshUntil } = copy;
    if (now >= freshUntil) {
      const byStaleness = Math.max((now - freshUntil) / STALENESS_DIVISOR, MIN_STALE_REVALIDATE_MS);
      const trustMs = Math.min(Math.max(byStaleness, waitMs), MAX_STALE_REVALIDATE_MS);
      return Math.round(now + trustMs + random * Math.min(trustMs, EXPIRY_SPREAD_MS));
    }
    if (isShortLived(copy)) return Math.min(now + SHORT_LIVED_TRUST_MS, freshUntil);
    const trustMs = EDGE_TRUST_MS - random * EDGE_TRUST_SPREAD_MS;
    return Math.round(Math.min(now + trustMs, freshUntil + random * EXPIRY_SPREAD_MS));
  },

  graceMs: REVALIDATE_GRACE_MS,
};

/**
 * The record of a market after a fetch of a first page.
 * @param timestamps of the page's rows, Unix times in seconds
 * @param fetchedAt Unix time, milliseconds
 * @returns `previous` itself if nothing is worth writing
 */
export function publicationAfterFetch(
  previous: Publication | undefined,
  market: Market,
  timestamps: readonly number[],
  fetchedAt: number,
): Publication | undefined {
  const rows = timestamps.filter((timestamp) => isRowTime(timestamp, fetchedAt)).toSorted((a, b) => b - a);
  const [newest] = rows;
  if (newest === undefined) return previous;
  const step = stepOf(market, rows);
  if (previous === undefined || !isCalendarTime(previous.newest)) {
    // The row was there before, so pages without it are not about to get it.
    return { newest, seenAt: 0, checkedAt: fetchedAt, step };
  }
  const periods = periodsBetween(market, previous.newest, newest);
  if (periods > 0) {
    return { newest, seenAt: fetchedAt, checkedAt: fetchedAt, step: Math.min(step, periods) };
  }
  if (periods < 0 || fetchedAt <= previous.checkedAt) return previous;
  const isWorthwhile =
    step < previous.step ||
    fetchedAt - previous.checkedAt >= MIN_CONFIRMATION_MS ||
    fetchedAt >= upToDateUntil(market, previous, previous.checkedAt);
  return isWorthwhile ? { ...previous, checkedAt: fetchedAt, step: Math.min(step, previous.step) } : previous;
}

/** Until when a page with the market's newest row is fresh. */
function upToDateUntil(
  market: Market,
  { newest, step, checkedAt }: Pick<Publication, "newest" | "step" | "checkedAt">,
  fetchedAt: number,
): number {
  const unfetched = fetchedAt + MAX_UNFETCHED_MS;
  const unconfirmed = checkedAt + MAX_UNCONFIRMED_MS;
  const first = expectedAfter(market, newest, step);
  if (checkedAt < first) return Math.min(first, unconfirmed, unfetched);
  // The row may never come: a week in Hong Kong may have no trading day. Then the row after it is looked for.
  const second = expectedAfter(market, newest, 2 * step);
  const [due, next] = checkedAt < second ? [first, second] : [second, Number.POSITIVE_INFINITY];
  if (checkedAt - due >= LOOKING_MS) return Math.min(next, unconfirmed, unfetched);
  // The time since the publication doubles with each look, and with each fetch of the same symbol.
  const pauseMs = Math.min(Math.max(checkedAt - due, MIN_PAUSE_MS), MAX_PAUSE_MS);
  const ownFetch = Math.max(fetchedAt, due);
  const ownUntil = ownFetch + Math.max(ownFetch - due, MAX_UNFETCHED_DUE_MS);
  return Math.min(next, checkedAt + pauseMs, ownUntil, unfetched);
}

/** Newest rows whose spacing counts: the spacing of older rows may have been another one. */
const SPACED_ROWS = 4;
/** A wider spacing says more about the symbol than about its market. */
const MAX_STEP = 2;

/** @param rows newest first */
function stepOf(market: Market, rows: readonly number[]): number {
  const steps = rows
    .slice(1, SPACED_ROWS)
    .map((row, index) => periodsBetween(market, row, rows[index] ?? row));
  const spaced = steps.filter((step) => step > 0);
  return spaced.length === 0 ? 1 : Math.min(...spaced, MAX_STEP);
}

/** Whether a row can have the timestamp. A invalid one must not become the newest row of a market. */
function isRowTime(timestamp: number, fetchedAt: number): boolean {
  return isCalendarTime(timestamp) && timestamp * SECOND <= fetchedAt + DAY;
}

/**
 * Until when a page may be served stale. It does not depend on the market's record, so a stored page can have it.
 * @param fetchedAt Unix time, milliseconds
 * @returns Unix time in milliseconds, at least `STALE_MS` after the page becomes stale
 */
export function staleUntil(cursor: string, fetchedAt: number): number {
  return fetchedAt + (cursor === FIRST_CURSOR ? MAX_UNFETCHED_MS : OLDER_PAGE_FRESH_MS) + STALE_MS;
}

/**
 * The lifetime of a refusal, in milliseconds; undefined for one that may not repeat.
 * @param isUnknownCursor whether no stored page leads to the refused cursor
 */
export function negativeTtl(code: FailureCode, isUnknownCursor: boolean): number | undefined {
  if (code === "opend_failed") return isUnknownCursor ? OPEND_FAILED_UNKNOWN_CURSOR_MS : OPEND_FAILED_MS;
  return NEGATIVE_MS[code];
}

/** Whether the reply is never served stale: a refusal, or the page of an unknown cursor. No index names it. */
export function isShortLived({ freshUntil, staleUntil }: Lifetime): boolean {
  return staleUntil === freshUntil;
}
