import type { Config } from "../env.ts";
import { Failure } from "../errors.ts";
import { operatorTextOf } from "../opend/operator-text.ts";
import { createPermits, type Permits } from "../rate-limit/permits.ts";
import { PERMIT_MAX_AGE_MS } from "../rate-limit/permitted-call.ts";
import { formatSymbol } from "../short-interest/symbol.ts";
import { createRequestStats, increment, type RequestStats } from "../telemetry/request-stats.ts";
import { DEADLINES, type Deadlines } from "../timeout.ts";
import { createUpstash } from "../upstash.ts";
import { createCircuitMemory } from "./circuit-memory.ts";
import { createEdgeCache, type EdgeStorage, NO_EDGE_CACHE } from "./edge-cache.ts";
import { createFetchLikelihood } from "./fetch-likelihood.ts";
import { createFirstSeenReader } from "./first-seen.ts";
import { freshnessPolicy } from "./freshness.ts";
import { createLookupPageSource, type PageSource } from "./page-source.ts";
import { createSharedCache } from "./shared-cache.ts";
import { budgetFor, type SubrequestBudget } from "./subrequest-budget.ts";
import { createUpstream } from "./upstream.ts";

/** What a page source needs of the request, or job, that reads pages. */
export interface PageSourceRequest {
  /** The Worker's own origin, which the keys of the edge cache are under; absent if unknown: no edge cache then. */
  readonly origin?: string | undefined;
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** The client, for its share of the calls. */
  readonly client: string;
  readonly stats?: RequestStats;
  readonly budget?: SubrequestBudget;
  /** Whether only fresh pages are acceptable. They are read without the edge cache. */
  readonly freshOnly?: boolean;
  readonly deadlines?: Deadlines;
  /** Unix time, milliseconds. */
  readonly now?: () => number;
}

/** Builds the page source of one request: edge cache, shared cache, permits, OpenD. */
export function createPageSource(config: Config, request: PageSourceRequest): PageSource {
  const { origin, client, waitUntil, freshOnly = false, deadlines = DEADLINES, now = Date.now } = request;
  const { stats = createRequestStats(now) } = request;
  const { budget = budgetFor(stats, config.subrequests) } = request;
  const cache: EdgeStorage = {
    match(key) {
      stats.countSubrequest();
      return caches.default.match(key);
    },
    put(key, response) {
      stats.countSubrequest();
      return caches.default.put(key, response);
    },
  };
  // The edge cache also serves stale copies.
  const edge =
    origin === undefined || freshOnly ? NO_EDGE_CACHE : createEdgeCache(cache, origin, now, freshnessPolicy);
  const upstash = createUpstash(config.upstash, deadlines.upstash, stats.countSubrequest);
  const sharedCache = createSharedCache(upstash, deadlines.request, now, freshnessPolicy);
  const rule = { ...config.quota, maxInFlightMs: PERMIT_MAX_AGE_MS + deadlines.call };
  const limiter = createPermits({ upstash, database: config.upstash.url, rule, waitUntil, now });
  const permits: Permits = {
    ...limiter,
    acquire: (...args) => stats.time("limit", () => limiter.acquire(...args)),
  };
  const likelihood = createFetchLikelihood(config.upstash.url);
  const recordText = (failure: Failure) => stats.addOpendText(operatorTextOf(failure, config.opend));
  const source = createLookupPageSource({
    edge: { ...edge, get: (key) => stats.time("edge", () => edge.get(key)) },
    sharedCache: {
      ...sharedCache,
      look: (...args) => stats.time("shared", () => sharedCache.look(...args)),
    },
    upstream: createUpstream({ opend: config.opend, permits, deadlines, waitUntil, stats, likelihood }),
    likelihood,
    permits,
    requestMs: deadlines.request,
    client,
    freshOnly,
    policy: freshnessPolicy,
    circuitMemory: createCircuitMemory(
      config.upstash.url,
      now,
      origin === undefined ? undefined : { cache, origin },
    ),
    now,
    waitUntil,
    budget,
    onFetchFailure: (code) => increment(stats.fetchFailures, code),
    onRefusal: recordText,
    flightScope: origin ?? crypto.randomUUID(),
  });
  const reader = createFirstSeenReader(upstash, config.upstash.url);
  const firstSeen: PageSource["firstSeen"] = (...args) =>
    stats.time("shared", () => reader.firstSeen(...args));
  return withStats({ ...source, firstSeen }, stats, recordText);
}

/** Counts the result of each page. A request may get the refusal of a fetch that another one began. */
function withStats(
  source: PageSource,
  { symbols, pages, stale, failed }: RequestStats,
  recordText: (failure: Failure) => void,
): PageSource {
  return {
    ...source,
    async page(symbol, cursor, num) {
      symbols.add(formatSymbol(symbol));
      try {
        const result = await source.page(symbol, cursor, num);
        increment(pages, result.tier);
        if (result.staleReason !== undefined) increment(stale, result.staleReason);
        return result;
      } catch (thrown) {
        const failure = Failure.from(thrown);
        increment(failed, failure.code);
        recordText(failure);
        throw thrown;
      }
    },
  };
}
