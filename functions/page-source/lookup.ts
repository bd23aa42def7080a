import { Failure } from "../errors.ts";
import type { Priority } from "../rate-limit/permits.ts";
import { FIRST } from "../short-interest/page.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import { requestTimeout, withTimeout } from "../timeout.ts";
import { type CachedReply, nameOf, type PageKey, summaryOf } from "./cached-reply.ts";
import { circuitOpenFailure } from "./circuit-breaker.ts";
import type { EdgeEntry } from "./edge-cache.ts";
import { type FetchDeps, fetchAndCache, readPage } from "./fetch.ts";
import { isShortLived, REVALIDATE_GRACE_MS } from "./freshness.ts";
import type { SubrequestBudget } from "./subrequest-budget.ts";

/** The cache that had a reply, or `opend`. A `collapsed` request shared the lookup of another one. */
export type CacheTier = "edge" | "shared" | "collapsed" | "opend";

export interface LookupResult {
  readonly cached: CachedReply;
  readonly tier: CacheTier;
  /** Why a stale reply is served; absent for a fresh one. */
  readonly stale?: string | undefined;
}

export interface LookupDeps extends FetchDeps {
  /** The deadline of a lookup, waiting included, in milliseconds. */
  readonly requestMs: number;
  /** Whether a stale page is no answer. */
  readonly freshOnly: boolean;
  readonly budget: SubrequestBudget;
  /** Only lookups of the same scope are coalesced: an isolate may serve several configurations. */
  readonly flightScope: string;
}

export interface LookupContext extends LookupDeps {
  /** Set by the first lookup of the invocation that finds Redis hanging: the others do not wait for it again. */
  readonly storeHangs: { failure?: Failure };
}

/** The interval at which a reader polls a lease that another one holds: at first, and at most. Half of it is random. */
const LEASE_POLL_MS = 200;
const MAX_LEASE_POLL_MS = 1_000;
/** A request waits this long for a fresh page if it has a stale one. */
const STALE_WAIT_MS = 1_000;
/** Redis hangs if it fails after this time. If it fails sooner, it refuses or is unreachable. */
const STORE_HANG_MS = 1_000;

/** A lookup in flight. Requests for the same page share it (request coalescing). */
interface Flight {
  readonly client: string;
  readonly since: number;
  readonly result: Promise<LookupResult>;
  /** Whether it waits for OpenD; before that, it waits for the shared cache. */
  callsOpend: boolean;
}

const inFlight = new Map<string, Flight>();
const flightKeyOf = ({ flightScope }: LookupDeps, key: PageKey) => `${flightScope} ${nameOf(key)}`;

/** Looks up a reply: in the edge cache, in the shared cache, then at OpenD. */
export async function lookUp(
  deps: LookupContext,
  symbol: SecuritySymbol,
  key: PageKey,
): Promise<LookupResult> {
  const entry = await deps.edge.get(key);
  const now = deps.now();
  if (entry === undefined || now >= entry.staleUntil) return coalesce(deps, symbol, key);
  if (now < entry.revalidateAfter) return fromEdge(entry, now);
  if (deps.storeHangs.failure) return { cached: entry, tier: "edge", stale: deps.storeHangs.failure.code };
  const timeoutError = () =>
    inFlight.get(flightKeyOf(deps, key))?.callsOpend
      ? new Failure("opend_timeout", "OpenD did not answer in time")
      : new Failure("store_unavailable", "Upstash Redis did not answer in time");
  // It may join the flight of a request that was cut off, which never settles.
  const lookup = withTimeout(
    deps.requestMs,
    () => requestTimeout(deps.requestMs),
    () => coalesce(deps, symbol, key),
  );
  if (now < entry.revalidateAfter + REVALIDATE_GRACE_MS) {
    deps.waitUntil(deps.budget.track(lookup.catch(() => deps.edge.postponeRevalidation(key, entry))));
    return fromEdge(entry, now);
  }
  return withTimeout(STALE_WAIT_MS, timeoutError, () => lookup).catch((thrown: unknown) => {
    const failure = Failure.from(thrown);
    deps.edge.postponeRevalidation(key, entry);
    if (failure.code === "store_unavailable") deps.storeHangs.failure = failure;
    return { cached: entry, tier: "edge", stale: failure.code };
  });
}

function fromEdge(cached: EdgeEntry, now: number): LookupResult {
  return { cached, tier: "edge", stale: now < cached.freshUntil ? undefined : "revalidating" };
}

/** Joins the lookup in flight for this page, or starts one. */
async function coalesce(deps: LookupContext, symbol: SecuritySymbol, key: PageKey): Promise<LookupResult> {
  const name = flightKeyOf(deps, key);
  for (;;) {
    const other = inFlight.get(name);
    // The flight of a request that was cut off never settles.
    if (other === undefined || deps.now() - other.since > deps.requestMs) break;
    try {
      return { ...(await other.result), tier: "collapsed" };
    } catch (thrown) {
      // Another client's used-up share says nothing about this client.
      const isForeign = Failure.from(thrown).code === "client_quota_exceeded" && other.client !== deps.client;
      if (!isForeign) throw thrown;
      if (inFlight.get(name) === other) inFlight.delete(name);
    }
  }
  if (deps.storeHangs.failure) throw deps.storeHangs.failure;
  const since = deps.now();
  const result = withTimeout(
    deps.requestMs,
    () => requestTimeout(deps.requestMs),
    async (signal) => (await findRefused(deps, symbol, key)) ?? findOrFetch(deps, symbol, key, signal),
  ).catch((thrown: unknown) => {
    const failure = Failure.from(thrown);
    const hangs = failure.code === "store_unavailable" && deps.now() - since >= STORE_HANG_MS;
    if (hangs) deps.storeHangs.failure = failure;
    throw failure;
  });
  const flight = { client: deps.client, since, result, callsOpend: false };
  inFlight.set(name, flight);
  const ended = result
    .catch(() => undefined)
    .then(() => {
      if (inFlight.get(name) === flight) inFlight.delete(name);
    });
  deps.waitUntil(ended);
  return result;
}

/**
 * While the rate limiter refuses, a lookup costs a few plain commands: no lease, no permit.
 * @returns undefined if the limiter might grant a permit for the page
 * @throws Failure the remembered refusal, if no reply is stored
 */
async function findRefused(
  deps: LookupContext,
  symbol: SecuritySymbol,
  key: PageKey,
): Promise<LookupResult | undefined> {
  const { edge, sharedCache, permits, client } = deps;
  const refusalOf = (priority: Priority) => permits.refusal({ client, priority });
  const refusal = refusalOf("answer");
  const refreshRefusal = refusalOf("refresh");
  const unknownRefusal = refusalOf(key.cursor === FIRST ? "new-symbol" : "unknown-cursor");
  if (!refreshRefusal && !unknownRefusal) return undefined;
  // Other clients may refresh the page.
  const mayRefresh = refreshRefusal?.code === "client_quota_exceeded";
  // The shared cache has no page of an unknown cursor, and an invented cursor has no row.
  const isKnown = refusal || (await edge.isKnown(key)) || (await sharedCache.isKnown(key));
  const cached = isKnown || key.num === undefined ? await sharedCache.peek(key) : undefined;
  if (cached && deps.now() < cached.freshUntil) {
    await putInEdgeCache(deps, symbol, key, cached);
    return { cached, tier: "shared" };
  }
  if (cached && refreshRefusal && !deps.freshOnly) {
    if (!mayRefresh) await putInEdgeCache(deps, symbol, key, cached);
    return { cached, tier: "shared", stale: refreshRefusal.code };
  }
  if (refusal) throw refusal;
  if (!cached && !isKnown && unknownRefusal) throw unknownRefusal;
  return undefined;
}

/** Reads the shared cache until it has the page, or fetches the page with its lease. */
async function findOrFetch(
  deps: LookupContext,
  symbol: SecuritySymbol,
  key: PageKey,
  signal: AbortSignal,
): Promise<LookupResult> {
  const lease = crypto.randomUUID();
  for (let pollMs = LEASE_POLL_MS; !signal.aborted; pollMs = Math.min(2 * pollMs, MAX_LEASE_POLL_MS)) {
    const { cached, state, waitMs, pausedBy, isKnown } = await deps.sharedCache.read(key, lease);
    if (cached && (state === "fresh" || !deps.freshOnly)) {
      await putInEdgeCache(deps, symbol, key, cached, waitMs);
      if (state === "lease-acquired") {
        const entryKey = { ...key, cursor: cached.cursor };
        const context = { lease, stored: cached, priority: "refresh" } as const;
        const refresh = fetchAndCache(deps, symbol, entryKey, context);
        deps.waitUntil(deps.budget.track(refresh.catch(() => undefined)));
      }
      const stale = {
        fresh: undefined,
        "lease-acquired": "revalidating",
        "lease-held": "revalidating",
        "circuit-open": "circuit-open",
        paused: pausedBy,
      };
      return { cached, tier: "shared", stale: stale[state] };
    }
    if (state === "lease-acquired") {
      const flight = inFlight.get(flightKeyOf(deps, key));
      if (flight) flight.callsOpend = true;
      const unknown = key.cursor === FIRST ? "new-symbol" : "unknown-cursor";
      const priority = isKnown || (await deps.edge.isKnown(key)) ? "answer" : unknown;
      const entryKey = cached ? { ...key, cursor: cached.cursor } : key;
      const fetching = fetchAndCache(deps, symbol, entryKey, { lease, stored: cached, priority });
      // The fetch ends on its own, even after this lookup timed out: its reply is stored for the next request.
      deps.waitUntil(fetching.catch(() => undefined));
      return { cached: await fetching, tier: "opend" };
    }
    if (state === "circuit-open" && waitMs > 0) throw circuitOpenFailure(waitMs);
    if (pausedBy) {
      throw new Failure(pausedBy, "The last attempt to fetch this page failed; the next one waits", {
        retryAfterMs: waitMs,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs * (0.5 + Math.random() / 2)));
  }
  throw signal.reason;
}

function putInEdgeCache(
  { edge }: LookupDeps,
  symbol: SecuritySymbol,
  key: PageKey,
  cached: CachedReply,
  waitMs = 0,
): Promise<void> {
  const summary = isShortLived(cached) ? undefined : summaryOf(readPage(symbol, cached), key);
  return edge.put(key, cached, summary, waitMs);
}
