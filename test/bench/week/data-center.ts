import { Failure } from "../../../functions/errors.ts";
import type { PageRequest } from "../../../functions/opend/short-interest.ts";
import { createCircuitMemory } from "../../../functions/page-source/circuit-memory.ts";
import { createEdgeCache } from "../../../functions/page-source/edge-cache.ts";
import {
  createFetchLikelihood,
  type FetchLikelihood,
} from "../../../functions/page-source/fetch-likelihood.ts";
import type { FreshnessPolicy } from "../../../functions/page-source/freshness.ts";
import { createLookupPageSource, type PageResult } from "../../../functions/page-source/page-source.ts";
import { createSharedCache } from "../../../functions/page-source/shared-cache.ts";
import { createSubrequestBudget } from "../../../functions/page-source/subrequest-budget.ts";
import type { Upstream } from "../../../functions/page-source/upstream.ts";
import {
  createPermits,
  type Permit,
  type PermitRequest,
  type Permits,
} from "../../../functions/rate-limit/permits.ts";
import { callWithPermit, PERMIT_MAX_AGE_MS } from "../../../functions/rate-limit/permitted-call.ts";
import type { SecuritySymbol } from "../../../functions/short-interest/symbol.ts";
import { countsOf, createCounters } from "../../../functions/telemetry/counters.ts";
import {
  createRequestStats,
  increment,
  type RequestStats,
} from "../../../functions/telemetry/request-stats.ts";
import { DEADLINES } from "../../../functions/timeout.ts";
import type { VirtualClock } from "./clock.ts";
import type { CountedRedis } from "./counted-redis.ts";
import { createEdgeStorage } from "./edge-storage.ts";
import type { SimulatedOpend } from "./simulated-opend.ts";

/** OpenD's limit, and the default of `CLIENT_SHARE`. */
export const RULE = {
  limit: 30,
  windowMs: 30_000,
  maxInFlightMs: PERMIT_MAX_AGE_MS + DEADLINES.call,
  maxWaitMs: 3_000,
  clientShare: 15,
};

/**
 * Isolates of a data center. They do not share their memory of the circuit, and their likelihood of a fetch. The other
 * memories are shared, for simplicity.
 */
const ISOLATES = 8;

export interface DataCenterDeps {
  /** Unique in the process, because the Worker's modules have memory. */
  readonly name: string;
  readonly clock: VirtualClock;
  readonly redis: CountedRedis;
  readonly opend: SimulatedOpend;
  readonly policy: FreshnessPolicy;
}

export interface DataCenter {
  /** Handles one request, with its background work. All requests are those of one client. */
  page(symbol: SecuritySymbol, cursor: string, num: number): Promise<PageResult | Failure>;
}

/**
 * Creates a data center: the Worker's own code, as `createPageSource` wires it, with a Cache API, a Redis and an OpenD in
 * memory. They answer at once, and requests do not overlap.
 */
export function createDataCenter({ name, clock, redis, opend, policy }: DataCenterDeps): DataCenter {
  const { now } = clock;
  const storage = createEdgeStorage(now);
  const origin = `https://${name}.test`;
  const clients = {
    shared: redis.sharedCacheClient(),
    permits: redis.clientFor("permit"),
    counters: redis.clientFor("counter"),
  };

  function createSource(stats: RequestStats, waitUntil: (work: Promise<unknown>) => void) {
    const isolate = `${name} ${Math.floor(Math.random() * ISOLATES)}`;
    const permits = createPermits({ upstash: clients.permits, database: name, rule: RULE, waitUntil, now });
    const sharedCache = createSharedCache(clients.shared, DEADLINES.request, now, policy);
    const likelihood = createFetchLikelihood(isolate);
    return createLookupPageSource({
      edge: createEdgeCache(storage, origin, now, policy),
      sharedCache: {
        ...sharedCache,
        async look(...args) {
          // Redis answers after the Cache API, which says whether the circuit is open.
          await new Promise(setImmediate);
          return sharedCache.look(...args);
        },
      },
      upstream: createUpstream(opend, permits, clock, stats, likelihood, waitUntil),
      likelihood,
      permits,
      requestMs: DEADLINES.request,
      client: name,
      now,
      budget: createSubrequestBudget(() => true),
      onFetchFailure: (code) => increment(stats.fetchFailures, code),
      onRefusal: () => undefined,
      waitUntil,
      freshOnly: false,
      policy,
      circuitMemory: createCircuitMemory(isolate, now, { cache: storage, origin }),
      flightScope: name,
    });
  }

  return {
    async page(symbol, cursor, num) {
      const stats = createRequestStats(now);
      const pending: Promise<unknown>[] = [];
      const waitUntil = (work: Promise<unknown>) => {
        pending.push(work);
      };
      const result = await createSource(stats, waitUntil)
        .page(symbol, cursor, num)
        .catch((thrown: unknown) => Failure.from(thrown));
      if (result instanceof Failure) increment(stats.failed, result.code);
      else if (result.staleReason !== undefined) increment(stats.stale, result.staleReason);
      // Background work may start more of it.
      for (const work of pending) await work;
      const written: Promise<unknown>[] = [];
      const counters = createCounters(clients.counters, name, (work) => written.push(work), now);
      counters.add(countsOf(stats, undefined));
      await Promise.all(written);
      return result;
    },
  };
}

/** As `createUpstream` of the Worker, without a connection. The clock advances to the start of a permit. */
function createUpstream(
  opend: SimulatedOpend,
  permits: Permits,
  clock: VirtualClock,
  stats: RequestStats,
  likelihood: FetchLikelihood,
  waitUntil: (work: Promise<unknown>) => void,
): Upstream {
  const connect = () =>
    opend.connect().catch((failure: unknown) => {
      likelihood.reset();
      throw failure;
    });
  const fetchOn = async (
    connection: () => Promise<void>,
    request: PageRequest,
    permitRequest: PermitRequest,
    acquiring?: Promise<Permit>,
  ) => {
    const waiting: Permits = {
      ...permits,
      async acquire(permitRequest, replaces) {
        const permit = await (acquiring && !replaces ? acquiring : permits.acquire(permitRequest, replaces));
        clock.advanceTo(permit.startsAt);
        return permit;
      },
    };
    const { reply, permit } = await callWithPermit(waiting, permitRequest, {
      connect: connection,
      call() {
        stats.calls += 1;
        return opend.call(request);
      },
      signal: new AbortController().signal,
      waitUntil,
    });
    return {
      reply,
      settlement: ({ wasted }: { wasted: boolean }) => permits.settlement(permit, wasted),
      settleScript: ({ wasted }: { wasted: boolean }) => permits.settleScript(permit, wasted),
    };
  };
  return {
    fetch: (request, permitRequest) => fetchOn(connect, request, permitRequest),
    connectAhead() {
      opend.ahead.opened += 1;
      const connecting = connect();
      connecting.catch(() => undefined);
      return {
        async fetch(...args) {
          const fetched = await fetchOn(() => connecting, ...args);
          opend.ahead.called += 1;
          return fetched;
        },
        close: () => undefined,
      };
    },
    reuseConnection: () => () => {},
  };
}
