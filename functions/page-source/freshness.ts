import type { FailureCode } from "../errors.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";

/**
 * Every lifetime of a cached page. A page is fresh, then stale, then gone. After `EDGE_REVALIDATE_MS` and
 * `REVALIDATE_GRACE_MS` together, a data center serves a purged page only if the revalidation fails.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * The first page of a symbol is fresh for this long: new rows appear on it, weekly or less often. Also `max-age` of its
 * response, and the minimum time between two successful fetches of it. The webhook poller accepts fresh pages only, so
 * this adds up to this time to the delay of a message.
 */
export const FIRST_PAGE_FRESH_MS = HOUR;
/** Older pages are fresh for this long: their rows rarely change. */
export const OLDER_PAGE_FRESH_MS = DAY;
/** After that, a page is served stale for this long, while it is revalidated in the background. */
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

/** The edge cache serves a fresh copy for this long before it asks the shared cache again. */
export const EDGE_REVALIDATE_MS = 4 * MINUTE;
/** For this long after, a copy is still served while the shared cache is read in the background. */
export const REVALIDATE_GRACE_MS = MINUTE;
/**
 * The edge cache serves a stale copy for a tenth of its staleness, within these bounds, before it asks the shared
 * cache again: a page whose refresh failed for ten minutes is not worth a lookup every five seconds.
 */
export const MIN_STALE_REVALIDATE_MS = 5 * SECOND;
export const MAX_STALE_REVALIDATE_MS = MINUTE;
const STALENESS_DIVISOR = 10;

/** Times of a cached reply, as Unix times in milliseconds. */
interface Lifetime {
  readonly freshUntil: number;
  /** Until when it may be served stale. Equal to `freshUntil` if it may not. */
  readonly staleUntil: number;
}

/** @param fetchedAt Unix time, milliseconds */
export function pageLifetime(cursor: string, fetchedAt: number): Lifetime {
  const freshUntil = fetchedAt + (cursor === FIRST_CURSOR ? FIRST_PAGE_FRESH_MS : OLDER_PAGE_FRESH_MS);
  return { freshUntil, staleUntil: freshUntil + STALE_MS };
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

/**
 * When a copy at the edge must be revalidated (Unix time, milliseconds).
 * @param now Unix time, milliseconds
 * @param waitMs for how long the page cannot be fetched, in milliseconds
 */
export function revalidateAfter(lifetime: Lifetime, now: number, waitMs: number): number {
  const { freshUntil } = lifetime;
  if (now < freshUntil) {
    // A short-lived copy has no grace period.
    const trustMs = EDGE_REVALIDATE_MS + (isShortLived(lifetime) ? REVALIDATE_GRACE_MS : 0);
    return Math.min(now + trustMs, freshUntil);
  }
  const byStaleness = Math.max((now - freshUntil) / STALENESS_DIVISOR, MIN_STALE_REVALIDATE_MS);
  return now + Math.min(Math.max(byStaleness, waitMs), MAX_STALE_REVALIDATE_MS);
}
