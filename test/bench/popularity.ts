import { Failure } from "../../functions/errors.ts";
import { type CachedReply, nameOf, type PageKey } from "../../functions/page-source/cached-reply.ts";
import { createEdgeCache } from "../../functions/page-source/edge-cache.ts";
import { createLookupPageSource } from "../../functions/page-source/page-source.ts";
import type { SharedCache } from "../../functions/page-source/shared-cache.ts";
import type { SharedLookupDeps } from "../../functions/page-source/shared-lookup.ts";
import { createSubrequestBudget } from "../../functions/page-source/subrequest-budget.ts";
import { randomFrom } from "../stand-ins/sample-data.ts";
import { maxCallsInWindow } from "../support/max-calls.ts";
import { zipf } from "./measure.ts";
import type { Report } from "./report.ts";
import { replyOf } from "./sample.ts";

const WEEK_MS = 7 * 24 * 3_600_000;
const REQUESTS = 60_000;
const SYMBOLS = 500;
const LIMIT = 30;
const WINDOW_MS = 30_000;

const reply = replyOf(50);

/**
 * Simulates a week of requests on a virtual clock. Page source, lookup and edge cache are the Worker's own code. The
 * Cache API, the shared cache and OpenD's limit are simulated in memory, because the clock of Redis cannot be set.
 */
export async function benchPopularity(report: Report): Promise<void> {
  report.line(`${REQUESTS} requests, Zipf over ${SYMBOLS} symbols`);
  report.line("data centers  shared cache     calls  saved  worst 30 s  cached   stale  refused");
  for (const dataCenters of [1, 10, 200]) {
    let unshared = 0;
    for (const shared of [false, true]) {
      const { calls, worst, edge, shared: fromShared, stale, refused } = await week(dataCenters, shared);
      if (!shared) unshared = calls;
      const percent = (count: number, total = REQUESTS) => `${((100 * count) / total).toFixed(1)} %`;
      const cells = [
        String(dataCenters).padStart(12),
        (shared ? "yes" : "no").padStart(14),
        String(calls).padStart(10),
        percent(unshared - calls, unshared).padStart(7),
        String(worst).padStart(12),
        percent(edge + fromShared).padStart(8),
        percent(stale).padStart(8),
        percent(refused).padStart(9),
      ];
      report.line(cells.join(""));
      if (worst > LIMIT) report.fail("the rate limit did not hold");
    }
  }
}

async function week(dataCenters: number, shared: boolean) {
  let now = 1_800_000_000_000;
  const calls: number[] = [];
  let oldest = 0;
  const pending: Promise<unknown>[] = [];
  const permits: SharedLookupDeps["permits"] = {
    block: async () => WINDOW_MS,
    rememberedRefusal: () => undefined,
  };
  const sharedCache = memorySharedCache(() => now);
  const upstream: SharedLookupDeps["upstream"] = {
    async fetch() {
      while ((calls[oldest] ?? now) < now - WINDOW_MS) oldest += 1;
      if (calls.length - oldest >= LIMIT) {
        throw new Failure("upstream_quota_exceeded", "The rate limit is used up");
      }
      calls.push(now);
      return { reply, settleScript: () => ({ script: "", keys: [], args: [] }) };
    },
    reuseConnection: () => () => {},
  };
  const sources = Array.from({ length: dataCenters }, (_, index) =>
    createLookupPageSource({
      edge: createEdgeCache(
        memoryCacheApi(() => now),
        `https://${index}.of-${dataCenters}.${shared}.test`,
        () => now,
      ),
      // Without a shared cache, every data center has a store of its own.
      sharedCache: shared ? sharedCache : memorySharedCache(() => now),
      upstream,
      permits,
      requestMs: 15_000,
      client: "",
      now: () => now,
      budget: createSubrequestBudget(() => true),
      onFetchFailure: () => undefined,
      waitUntil: (work) => pending.push(work),
      freshOnly: false,
      flightScope: `${shared} ${index} of ${dataCenters}`,
    }),
  );

  const random = randomFrom(`${dataCenters} data centers`);
  const pick = zipf(SYMBOLS, random);
  const counts = { edge: 0, shared: 0, collapsed: 0, opend: 0, stale: 0, refused: 0 };
  for (let request = 0; request < REQUESTS; request += 1) {
    now += -Math.log(1 - random()) * (WEEK_MS / REQUESTS);
    const source = sources[Math.floor(random() * dataCenters)];
    try {
      const result = await source?.page({ market: "US", code: `T${pick()}` }, "", 10);
      if (result) counts[result.tier] += 1;
      if (result?.staleReason !== undefined) counts.stale += 1;
    } catch {
      counts.refused += 1;
    }
    await Promise.all(pending.splice(0));
  }
  return { ...counts, calls: calls.length, worst: maxCallsInWindow(calls, WINDOW_MS) };
}

function memorySharedCache(now: () => number): SharedCache {
  const cached = new Map<string, CachedReply>();
  const find = (key: PageKey) => {
    const page = cached.get(nameOf(key));
    return page !== undefined && now() < page.staleUntil ? page : undefined;
  };
  return {
    async readOrLease(key) {
      const page = find(key);
      const state = page && now() < page.freshUntil ? "fresh" : "lease-acquired";
      return { cached: page, state, waitMs: 0, isKnown: true };
    },
    peek: async (key) => find(key),
    isKnown: async () => true,
    async write(key, _lease, page) {
      cached.set(nameOf(key), page);
      return "stored";
    },
    release: async () => undefined,
  };
}

function memoryCacheApi(now: () => number): Pick<Cache, "match" | "put"> {
  const entries = new Map<string, { response: Response; expiresAt: number }>();
  return {
    async match(url) {
      const entry = entries.get(String(url));
      return entry !== undefined && now() < entry.expiresAt ? entry.response.clone() : undefined;
    },
    async put(url, response) {
      const [, seconds = "0"] = /max-age=(\d+)/.exec(response.headers.get("Cache-Control") ?? "") ?? [];
      entries.set(String(url), { response, expiresAt: now() + Number(seconds) * 1_000 });
    },
  };
}
