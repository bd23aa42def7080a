import { Failure } from "../errors.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import { requestTimeout, withTimeout } from "../timeout.ts";
import { nameOf, type PageKey } from "./cached-reply.ts";
import type { EdgeEntry } from "./edge-cache.ts";
import { UNLIKELY } from "./fetch-likelihood.ts";
import { isShortLived } from "./freshness.ts";
import { type LookupResult, lookUpShared, type SharedLookupDeps } from "./shared-lookup.ts";

export interface LookupDeps extends SharedLookupDeps {
  /**
   * Set when Redis hung, or failed while an edge copy was served, in this invocation: the other lookups do not wait for
   * it again.
   */
  readonly redisFailure: { failure?: Failure };
}

/** A request that has an edge copy, fresh or stale, waits this long for its revalidation. */
const REVALIDATE_WAIT_MS = 1_000;
/** Redis hangs if it fails after this time. If it fails sooner, it refuses or is unreachable. */
const REDIS_HANG_MS = 1_000;

/** A lookup in flight. Requests for the same page share it (request coalescing). */
interface Flight {
  readonly client: string;
  readonly since: number;
  readonly result: Promise<LookupResult>;
  /** Whether it waits for a fetch, of its own or of another lease holder; before that, it waits for Redis. */
  awaitsFetch: boolean;
}

const inFlight = new Map<string, Flight>();
const flightKeyOf = ({ flightScope }: SharedLookupDeps, key: PageKey) =>
  `${flightScope} ${nameOf(key)}${key.exact ? " exact" : ""}`;

/**
 * Looks up a reply. A recent edge copy is served at once, and during the grace period while it is revalidated in
 * the background. Otherwise the shared cache is read; the edge copy is served if that fails or takes `REVALIDATE_WAIT_MS`.
 * @throws Failure if there is no copy
 */
export async function lookUp(deps: LookupDeps, symbol: SecuritySymbol, key: PageKey): Promise<LookupResult> {
  const entry = await deps.edge.get(key);
  const now = deps.now();
  if (entry === undefined || now >= entry.staleUntil) return coalesce(deps, symbol, key);
  if (now < entry.revalidateAfter) return fromEdge(entry, now);
  if (now >= entry.freshUntil && (await deps.circuitMemory.isOpen())) {
    return { cached: entry, tier: "edge", staleReason: "circuit-open" };
  }
  if (deps.redisFailure.failure)
    return { cached: entry, tier: "edge", staleReason: deps.redisFailure.failure.code };
  const timeoutError = () =>
    inFlight.get(flightKeyOf(deps, key))?.awaitsFetch
      ? new Failure("opend_timeout", "OpenD did not answer in time")
      : new Failure("store_unavailable", "Upstash Redis did not answer in time");
  // It may join the flight of a request that was cut off, which never settles.
  const lookup = withTimeout(
    deps.requestMs,
    () => requestTimeout(deps.requestMs),
    // It connects only with a permit: the shared cache has most pages that have an edge copy.
    () => coalesce({ ...deps, likelihood: UNLIKELY }, symbol, key),
  );
  if (now < entry.revalidateAfter + (isShortLived(entry) ? 0 : deps.policy.graceMs)) {
    deps.waitUntil(deps.budget.track(lookup.catch(() => deps.edge.postponeRevalidation(key, entry))));
    return fromEdge(entry, now);
  }
  return withTimeout(REVALIDATE_WAIT_MS, timeoutError, () => lookup).catch((thrown: unknown) => {
    const failure = Failure.from(thrown);
    deps.edge.postponeRevalidation(key, entry);
    if (failure.code === "store_unavailable") deps.redisFailure.failure = failure;
    return { cached: entry, tier: "edge", staleReason: failure.code };
  });
}

function fromEdge(cached: EdgeEntry, now: number): LookupResult {
  // A stale copy is replaced as soon as its refresh ends.
  const reusableUntil = Math.min(cached.revalidateAfter, cached.freshUntil);
  const staleReason = now < cached.freshUntil ? undefined : "revalidating";
  return { cached, tier: "edge", staleReason, reusableUntil };
}

/** Joins the lookup in flight for this page, or starts one. */
async function coalesce(deps: LookupDeps, symbol: SecuritySymbol, key: PageKey): Promise<LookupResult> {
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
  if (deps.redisFailure.failure) throw deps.redisFailure.failure;
  const since = deps.now();
  const result = withTimeout(
    deps.requestMs,
    () => requestTimeout(deps.requestMs),
    (signal) =>
      lookUpShared(deps, symbol, key, signal, () => {
        const flight = inFlight.get(name);
        if (flight) flight.awaitsFetch = true;
      }),
  ).catch((thrown: unknown) => {
    const failure = Failure.from(thrown);
    const hangs = failure.code === "store_unavailable" && deps.now() - since >= REDIS_HANG_MS;
    if (hangs) deps.redisFailure.failure = failure;
    throw failure;
  });
  const flight = { client: deps.client, since, result, awaitsFetch: false };
  inFlight.set(name, flight);
  const ended = result
    .catch(() => undefined)
    .then(() => {
      if (inFlight.get(name) === flight) inFlight.delete(name);
    });
  deps.waitUntil(ended);
  return result;
}
