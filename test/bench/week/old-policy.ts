import type { FreshnessPolicy } from "../../../functions/page-source/freshness.ts";
import { FIRST_CURSOR } from "../../../functions/short-interest/page.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The policy that the calendar's policy replaced. It knows fixed lifetimes only. */
export const OLD_POLICY: FreshnessPolicy = {
  /** A first page is fresh for an hour, an older one for a day. */
  freshUntil: ({ cursor, fetchedAt }) => fetchedAt + (cursor === FIRST_CURSOR ? HOUR : DAY),
  /**
   * A fresh copy is trusted for four minutes, and a stale one for a tenth of its staleness, within 5 s and 1 min. A copy
   * that is never served stale has no grace period, so it is trusted for five minutes.
   */
  revalidateAfter({ freshUntil, staleUntil }, now, waitMs) {
    if (now < freshUntil) return Math.min(now + (staleUntil === freshUntil ? 5 : 4) * MINUTE, freshUntil);
    const byStaleness = Math.max((now - freshUntil) / 10, 5_000);
    return now + Math.min(Math.max(byStaleness, waitMs), MINUTE);
  },
  graceMs: MINUTE,
};
