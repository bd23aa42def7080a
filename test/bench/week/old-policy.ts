import { FIRST_CURSOR } from "../../../functions/short-interest/page.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Times are Unix times in milliseconds. */
interface Copy {
  readonly freshUntil: number;
  readonly staleUntil: number;
}

/** The policy that the calendar's policy replaced. It knows fixed lifetimes only. */
export const OLD_POLICY = {
  /** A first page is fresh for an hour, an older one for a day. */
  freshUntil: ({ cursor, fetchedAt }: { readonly cursor: string; readonly fetchedAt: number }): number =>
    fetchedAt + (cursor === FIRST_CURSOR ? HOUR : DAY),
  /**
   * A fresh copy is trusted for four minutes, and a stale one for a tenth of its staleness, within 5 s and 1 min. A copy
   * that is never served stale has no grace period, so it is trusted for five minutes.
   */
  revalidateAfter({ freshUntil, staleUntil }: Copy, now: number, waitMs: number): number {
    if (now < freshUntil) return Math.min(now + (staleUntil === freshUntil ? 5 : 4) * MINUTE, freshUntil);
    const byStaleness = Math.max((now - freshUntil) / 10, 5_000);
    return now + Math.min(Math.max(byStaleness, waitMs), MINUTE);
  },
  graceMs: MINUTE,
};
