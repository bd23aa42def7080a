import { DEADLINES, type Deadlines } from "../timeout.ts";
import type { Config } from "../env.ts";
import { Failure } from "../errors.ts";
import { createPermits } from "../rate-limit/permits.ts";
import { createEdgeCache, type EdgeCache } from "./edge-cache.ts";
import { createGlobalStore } from "./shared-cache.ts";
import { createRoom, type Room } from "./subrequest-budget.ts";
import { createPageSource, type PageSource } from "./source.ts";
import { createUpstream } from "./upstream.ts";
import { formatSymbol } from "../short-interest/symbol.ts";
import { count, createTrace, type Trace } from "../telemetry/request-stats.ts";
import { createUpstash } from "../upstash.ts";

/** How old a permit may be when its call is sent, in milliseconds. */
export const PERMIT_GUARD_MS = 1_000;

/**
 * Subrequests that a lookup may take: found at the edge under another cursor (5), read from the store by way of its
 * index and stored here (5), fetched (8), and a second permit (2). Waiting for another lease holder may take more.
 */
const SUBREQUESTS_OF_A_LOOKUP = 20;
/**
 * Pages that one invocation looks up at once. The platform opens six connections at once, and a client that the
 * limiter refuses is refused after this many attempts, not after fifty.
 */
const MAX_LOOKUPS_AT_ONCE = 6;

const NO_EDGE: EdgeCache = {
  get: async () => undefined,
  isKnown: async () => false,
  put: async () => undefined,
  trustAgain: () => undefined,
};

/** What a request brings along. */
export interface Invocation {
  /** The Worker's own origin, which copies at the edge are kept under; absent where nobody knows it: then none are. */
  readonly origin?: string | undefined;
  /** Keeps the Worker running until what it is given has ended. */
  readonly background: (work: Promise<unknown>) => void;
  /** Whoever asks, for the fair shares. */
  readonly client: string;
  readonly trace?: Trace;
  /** What the invocation may still cause; by default it is new. */
  readonly room?: Room;
  /** Whether only fresh pages will do. */
  readonly freshOnly?: boolean;
  readonly deadlines?: Deadlines;
  /** Unix time, milliseconds. */
  readonly now?: () => number;
}

/**
 * What the platform lets an invocation cause.
 * @param each subrequests that a lookup may take
 */
export function roomOf(trace: Trace, limit: number, each = SUBREQUESTS_OF_A_LOOKUP): Room {
  return createRoom((lookups) => trace.subrequests + lookups * each <= limit, MAX_LOOKUPS_AT_ONCE);
}

/** Puts the parts together that the way of a page needs. */
export function createGateway(config: Config, invocation: Invocation): PageSource {
  const { origin, client, background, freshOnly = false, deadlines = DEADLINES, now = Date.now } = invocation;
  const { trace = createTrace(now) } = invocation;
  const { room = roomOf(trace, config.subrequests) } = invocation;
  const cache: Pick<Cache, "match" | "put"> = {
    match(request) {
      trace.spend();
      return caches.default.match(request);
    },
    put(request, response) {
      trace.spend();
      return caches.default.put(request, response);
    },
  };
  const edge = origin === undefined ? NO_EDGE : createEdgeCache(cache, origin, now);
  const upstash = createUpstash(config.upstash, deadlines.upstash, trace.spend);
  const store = createGlobalStore(upstash, deadlines.request, now);
  const rule = { ...config.quota, holdMs: PERMIT_GUARD_MS + deadlines.call };
  const permits = createPermits({ upstash, database: config.upstash.url, rule, background, now });
  const source = createPageSource({
    edge: { ...edge, get: (key) => trace.time("edge", edge.get(key)) },
    store: { ...store, read: (key, claim) => trace.time("store", store.read(key, claim)) },
    upstream: createUpstream({
      opend: config.opend,
      permits,
      deadlines,
      guardMs: PERMIT_GUARD_MS,
      background,
      trace,
    }),
    permits,
    requestMs: deadlines.request,
    client,
    freshOnly,
    now,
    background,
    room,
    failed: (code) => count(trace.fetchFailures, code),
    gateway: origin ?? crypto.randomUUID(),
  });
  return traced(source, trace);
}

/** Writes down what comes of each page. */
function traced(source: PageSource, { symbols, pages, stale, missed }: Trace): PageSource {
  return {
    ...source,
    async page(symbol, cursor, num) {
      symbols.add(formatSymbol(symbol));
      try {
        const answer = await source.page(symbol, cursor, num);
        count(pages, answer.origin);
        if (answer.stale !== undefined) count(stale, answer.stale);
        return answer;
      } catch (thrown) {
        count(missed, Failure.from(thrown).code);
        throw thrown;
      }
    },
  };
}
