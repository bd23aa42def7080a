import { STALE_IF_ERROR_S, STALE_WHILE_REVALIDATE_S } from "./freshness.ts";
import type { CacheTier } from "./shared-lookup.ts";

/** The name of this cache in Cache-Status (RFC 9211). */
const CACHE = "short-interest-edge";

/** A cache of a client cannot be purged, so it may keep a page for this long at most, whatever its freshness. */
const MAX_CLIENT_FRESH_MS = 86_400_000;

/** Times are Unix times in milliseconds. */
export interface CacheFacts {
  readonly tier: CacheTier;
  /** Why it counts as stale; also set for a fresh page that could not be revalidated. */
  readonly staleReason?: string | undefined;
  readonly fetchedAt: number;
  readonly freshUntil: number;
}

/**
 * `Age`, `Cache-Control` and `Cache-Status` of a response.
 * @param visibility `private` if responses are for clients with an API key only
 * @param now Unix time, milliseconds
 */
export function cacheHeaders(
  facts: CacheFacts,
  visibility: "public" | "private",
  now: number,
): Record<string, string> {
  const lifetime = lifetimeOf(facts, now);
  return {
    ...ageHeaders(facts, lifetime, now),
    "Cache-Control": `${visibility}, max-age=${lifetime}, stale-while-revalidate=${STALE_WHILE_REVALIDATE_S}, stale-if-error=${STALE_IF_ERROR_S}`,
  };
}

/**
 * The `max-age` of a response, in seconds.
 * @param now when it is made (Unix time, milliseconds)
 */
export function lifetimeOf({ fetchedAt, freshUntil }: CacheFacts, now: number): number {
  return seconds(Math.min(freshUntil, now + MAX_CLIENT_FRESH_MS) - fetchedAt);
}

/**
 * The headers that change with the age of a response.
 * @param lifetime its `max-age`, in seconds
 * @param now Unix time, milliseconds
 */
export function ageHeaders(facts: Omit<CacheFacts, "freshUntil">, lifetime: number, now: number) {
  const age = seconds(now - facts.fetchedAt);
  return { Age: String(age), "Cache-Status": cacheStatus(facts, lifetime - age) };
}

function cacheStatus({ tier, staleReason }: Pick<CacheFacts, "tier" | "staleReason">, ttl: number): string {
  if (staleReason !== undefined) return `${CACHE}; fwd=stale; ttl=${ttl}; detail=${staleReason}`;
  if (tier === "edge") return `${CACHE}; hit; ttl=${ttl}`;
  if (tier === "shared") return `${CACHE}-shared; hit; ttl=${ttl}, ${CACHE}; fwd=miss; stored`;
  return `${CACHE}; fwd=miss; ${tier === "collapsed" ? "collapsed" : "stored"}`;
}

function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1_000));
}
