import { Failure } from "../errors.ts";
import type { Priority } from "../rate-limit/permits.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import { type CachedReply, type PageKey, summaryOf } from "./cached-reply.ts";
import { circuitOpenFailure } from "./circuit-breaker.ts";
import { type FetchDeps, fetchAndCache } from "./fetch.ts";
import { isShortLived } from "./freshness.ts";
import { readPage } from "./parsed-page.ts";
import type { SubrequestBudget } from "./subrequest-budget.ts";

/** The cache that had a reply, or `opend`. A `collapsed` request shared the lookup of another one. */
export type CacheTier = "edge" | "shared" | "collapsed" | "opend";

export interface LookupResult {
  readonly cached: CachedReply;
  readonly tier: CacheTier;
  /** Why the reply counts as stale: it is past `freshUntil`, or its edge copy could not be revalidated. */
  readonly staleReason?: string | undefined;
}

export interface SharedLookupDeps extends FetchDeps {
  /** The deadline of a lookup, waiting included, in milliseconds. */
  readonly requestMs: number;
  /** Whether only fresh pages are acceptable. */
  readonly freshOnly: boolean;
  readonly budget: SubrequestBudget;
  /** Only lookups of the same scope are coalesced: an isolate may serve several configurations. */
  readonly flightScope: string;
}

/** The interval at which a reader polls a lease that another one holds: at first, and at most. Half of it is random. */
const LEASE_POLL_MS = 200;
const MAX_LEASE_POLL_MS = 1_000;

/**
 * Looks up a reply in the shared cache, then at OpenD. It ends when `signal` aborts.
 * @param onFetch called when it starts to wait for a fetch, of its own or of another lease holder
 * @throws Failure of the shared cache or the fetch; the reason of `signal`
 */
export async function lookUpShared(
  deps: SharedLookupDeps,
  symbol: SecuritySymbol,
  key: PageKey,
  signal: AbortSignal,
  onFetch: () => void,
): Promise<LookupResult> {
  return (await lookUpWhileRefused(deps, symbol, key)) ?? findOrFetch(deps, symbol, key, signal, onFetch);
}

/**
 * While the rate limiter refuses, a lookup costs a few plain commands: no lease, no permit.
 * @returns undefined if the limiter might grant a permit for the page
 * @throws Failure the remembered refusal, if no reply is stored
 */
async function lookUpWhileRefused(
  deps: SharedLookupDeps,
  symbol: SecuritySymbol,
  key: PageKey,
): Promise<LookupResult | undefined> {
  const { edge, sharedCache, permits, client } = deps;
  const refusalOf = (priority: Priority) => permits.rememberedRefusal({ client, priority });
  const refusalIfKnown = refusalOf("known-page");
  const refreshRefusal = refusalOf("refresh");
  const refusalIfUnknown = refusalOf(key.cursor === FIRST_CURSOR ? "new-symbol" : "unknown-cursor");
  if (!refreshRefusal && !refusalIfUnknown) return undefined;
  // Other clients may refresh the page.
  const othersMayRefresh = refreshRefusal?.code === "client_quota_exceeded";
  // The shared cache has no page of an unknown cursor (only refusals), and an invented cursor has no row.
  const mayBeStored = refusalIfKnown || (await edge.isKnown(key)) || (await sharedCache.isKnown(key));
  const cached = mayBeStored || key.num === undefined ? await sharedCache.peek(key) : undefined;
  if (cached && deps.now() < cached.freshUntil) {
    await putInEdgeCache(deps, symbol, key, cached);
    return { cached, tier: "shared" };
  }
  if (cached && refreshRefusal && !deps.freshOnly) {
    if (!othersMayRefresh) await putInEdgeCache(deps, symbol, key, cached);
    return { cached, tier: "shared", staleReason: refreshRefusal.code };
  }
  if (refusalIfKnown) throw refusalIfKnown;
  if (!cached && !mayBeStored && refusalIfUnknown) throw refusalIfUnknown;
  return undefined;
}

/** Reads the shared cache until it has the page, or fetches the page with its lease. */
async function findOrFetch(
  deps: SharedLookupDeps,
  symbol: SecuritySymbol,
  key: PageKey,
  signal: AbortSignal,
  onFetch: () => void,
): Promise<LookupResult> {
  const leaseId = crypto.randomUUID();
  for (let pollMs = LEASE_POLL_MS; !signal.aborted; pollMs = Math.min(2 * pollMs, MAX_LEASE_POLL_MS)) {
    const { cached, state, waitMs, backoffCause, isKnown } = await deps.sharedCache.readOrLease(key, leaseId);
    if (cached && (state === "fresh" || !deps.freshOnly)) {
      await putInEdgeCache(deps, symbol, key, cached, waitMs);
      if (state === "lease-acquired") {
        const storedKey = { ...key, cursor: cached.cursor };
        const context = { leaseId, stored: cached, priority: "refresh" } as const;
        const refresh = fetchAndCache(deps, symbol, storedKey, context);
        deps.waitUntil(deps.budget.track(refresh.catch(() => undefined)));
      }
      const staleReasons = {
        fresh: undefined,
        "lease-acquired": "revalidating",
        "lease-held": "revalidating",
        "circuit-open": "circuit-open",
        backoff: backoffCause,
      };
      return { cached, tier: "shared", staleReason: staleReasons[state] };
    }
    if (state === "lease-acquired") {
      onFetch();
      const unknown = key.cursor === FIRST_CURSOR ? "new-symbol" : "unknown-cursor";
      const priority = isKnown || (await deps.edge.isKnown(key)) ? "known-page" : unknown;
      const storedKey = cached ? { ...key, cursor: cached.cursor } : key;
      const fetching = fetchAndCache(deps, symbol, storedKey, { leaseId, stored: cached, priority });
      // The fetch ends on its own, even after this lookup timed out: its reply is stored for the next request.
      deps.waitUntil(fetching.catch(() => undefined));
      return { cached: await fetching, tier: "opend" };
    }
    if (state === "circuit-open" && waitMs > 0) throw circuitOpenFailure(waitMs);
    if (backoffCause) {
      throw new Failure(backoffCause, "The last attempt to fetch this page failed; the next one waits", {
        retryAfterMs: waitMs,
      });
    }
    onFetch();
    await new Promise((resolve) => setTimeout(resolve, pollMs * (0.5 + Math.random() / 2)));
  }
  throw signal.reason;
}

function putInEdgeCache(
  { edge }: SharedLookupDeps,
  symbol: SecuritySymbol,
  key: PageKey,
  cached: CachedReply,
  waitMs = 0,
): Promise<void> {
  const summary = isShortLived(cached) ? undefined : summaryOf(readPage(symbol, cached), key);
  return edge.put(key, cached, summary, waitMs);
}
