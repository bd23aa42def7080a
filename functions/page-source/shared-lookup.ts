import { Failure } from "../errors.ts";
import type { Priority } from "../rate-limit/permits.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import { type CachedReply, type PageKey, summaryOf } from "./cached-reply.ts";
import { circuitOpenFailure } from "./circuit-breaker.ts";
import { type FetchDeps, fetchAndCache } from "./fetch.ts";
import { type FetchAheadDeps, fetchAhead, priorityOfUnknown } from "./fetch-ahead.ts";
import { isShortLived } from "./freshness.ts";
import { readPage } from "./parsed-page.ts";
import type { SharedLook } from "./shared-cache.ts";
import type { SubrequestBudget } from "./subrequest-budget.ts";

/** The cache that had a reply, or `opend`. A `collapsed` request shared the lookup of another one. */
export type CacheTier = "edge" | "shared" | "collapsed" | "opend";

export interface LookupResult {
  readonly cached: CachedReply;
  readonly tier: CacheTier;
  /** Why the reply counts as stale: it is past `freshUntil`, or its edge copy could not be revalidated. */
  readonly staleReason?: string | undefined;
  /** Until when the same lookup has the same result (Unix time, milliseconds); absent if it may have another at once. */
  readonly reusableUntil?: number;
}

export interface SharedLookupDeps extends FetchDeps, FetchAheadDeps {
  readonly upstream: FetchAheadDeps["upstream"];
  readonly sharedCache: FetchDeps["sharedCache"];
  readonly permits: FetchDeps["permits"] & FetchAheadDeps["permits"];
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
 * Looks up a reply in the shared cache until it has the page, or fetches the page from OpenD with its lease. It ends when
 * `signal` aborts. While the rate limiter refuses, a lookup costs plain reads only: no lease, no permit.
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
  let leaseId: string = crypto.randomUUID();
  // Only during the first look.
  const ahead = fetchAhead(deps, key, leaseId, signal);
  const giveUpPreparation = () => {
    ahead.close();
    // Its request for the lease may reach Redis later, and its release must not end another lease of this lookup.
    leaseId = crypto.randomUUID();
  };
  try {
    for (let pollMs = LEASE_POLL_MS; !signal.aborted; pollMs = Math.min(2 * pollMs, MAX_LEASE_POLL_MS)) {
      const look = await deps.sharedCache.look(key, leaseId);
      const { cached, state, waitMs, backoffCause } = look;
      if (state !== "lease-free" || cached) giveUpPreparation();
      if (state === "circuit-open") deps.waitUntil(deps.circuitMemory.remember(look.openPeriodMs));
      if (cached && state === "fresh") {
        await putInEdgeCache(deps, symbol, key, cached);
        return { cached, tier: "shared" };
      }
      if (cached && !deps.freshOnly) return serveStale(deps, symbol, key, leaseId, { ...look, cached });
      if (state === "circuit-open" && waitMs > 0) throw circuitOpenFailure(waitMs);
      if (backoffCause) {
        throw new Failure(backoffCause, "The last attempt to fetch this page failed; the next one waits", {
          retryAfterMs: waitMs,
        });
      }
      if (state === "lease-free") {
        const priority = await priorityOf(deps, key, look);
        const refusal = deps.permits.rememberedRefusal({ client: deps.client, priority });
        // The refusal of another lookup may be later than the permit of this one.
        if (refusal && !(await ahead.hasPermit())) throw refusal;
        onFetch();
        const fetching = fetchAndCache({ ...deps, upstream: ahead }, symbol, { leaseId, look, priority });
        // The fetch ends on its own, even after this lookup timed out: its reply is stored for the next request.
        deps.waitUntil(fetching.catch(() => undefined));
        const fetched = await fetching;
        if (fetched) return { cached: fetched, tier: "opend" };
      }
      giveUpPreparation();
      onFetch();
      await new Promise((resolve) => setTimeout(resolve, pollMs * (0.5 + Math.random() / 2)));
    }
    throw signal.reason;
  } finally {
    ahead.close();
  }
}

/** Serves a stale page, and refreshes it in the background if its lease is free. */
async function serveStale(
  deps: SharedLookupDeps,
  symbol: SecuritySymbol,
  key: PageKey,
  leaseId: string,
  look: SharedLook & { readonly cached: CachedReply },
): Promise<LookupResult> {
  const { cached, state, waitMs, backoffCause } = look;
  const isFree = state === "lease-free";
  const refusal = isFree
    ? deps.permits.rememberedRefusal({ client: deps.client, priority: "refresh" })
    : undefined;
  // After the refusal of one client, another client may refresh the page.
  if (refusal?.code !== "client_quota_exceeded") await putInEdgeCache(deps, symbol, key, cached, waitMs);
  if (isFree && !refusal) {
    const refresh = fetchAndCache(deps, symbol, { leaseId, look, priority: "refresh" });
    deps.waitUntil(deps.budget.track(refresh.catch(() => undefined)));
  }
  const reason = state === "circuit-open" ? "circuit-open" : backoffCause;
  return { cached, tier: "shared", staleReason: refusal?.code ?? reason ?? "revalidating" };
}

async function priorityOf(
  { edge }: SharedLookupDeps,
  key: PageKey,
  { isKnown }: SharedLook,
): Promise<Priority> {
  return isKnown || (await edge.isKnown(key)) ? "known-page" : priorityOfUnknown(key);
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
