import { nameOf } from "../../functions/page-source/cached-reply.ts";
import { LEASE_PREFIX } from "../../functions/page-source/shared-cache.ts";
import { KEYS } from "../../functions/webhooks/redis-keys.ts";
import { print } from "../support/progress.ts";
import { freshUntilOf } from "../support/stored-page.ts";
import type { CallMonitor } from "./call-monitor.ts";
import { hasPermits, isCircuitOpen } from "./quota.ts";
import { sendRequest } from "./requests.ts";
import type { WebhookClient } from "./webhook-client.ts";
import { STORED_SYMBOLS, type World } from "./world.ts";

/** Checks after the last fault. */

/** An edge cache serves a stale copy without revalidation for a tenth of its staleness, within these bounds. */
const MIN_REVALIDATE_MS = 10_000;
const MAX_REVALIDATE_MS = 30 * 60_000;
/** A random part of this is added, but not more than the interval. */
const SPREAD_MS = 60_000;
/** A Worker remembers an open circuit for up to twice as long. In a soak it is opened for 40 s at most. */
const CIRCUIT_MEMORY_MS = 80_000;
/** Maximum duration of a fetch on a loaded machine. */
const FETCH_MS = 4_000;
const MAX_MESSAGE_MS = 20_000;
const MAX_CLOSE_MS = 10_000;
const POLL_INTERVAL_MS = 500;
/** Permits to revalidate all first pages, and the reserve of a refresh. */
const REQUIRED_PERMITS = 14;
/** Maximum backoff of a page, except after a cached refusal. */
const MAX_BACKOFF_MS = 60_000;
const SHORTENED_BACKOFF_MS = 5_000;

const nextPoll = () => new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
const revalidateAfterMs = (staleMs: number) => {
  const ms = Math.min(Math.max(staleMs / 10, MIN_REVALIDATE_MS), MAX_REVALIDATE_MS);
  return ms + Math.min(ms, SPREAD_MS);
};

/**
 * Returns the time after which every data center must serve a fresh page of a symbol, if permits are available. An
 * edge cache serves a stale copy for a revalidation interval before it reads the shared cache again.
 *
 * 1. The lease or the backoff of the page must end. A stopped Worker leaves a lease of 15 s, and an unconfirmed
 *    reply a backoff of 60 s. At the same time each edge cache may be in an interval. The staleness of its copy is unknown
 *    here, but at most the duration of the run. During a backoff the interval is at most 60 s.
 * 2. An edge cache that read just before the end of the lease waits for another interval. Then it revalidates.
 * 3. Another edge cache that read during that fetch waits for another interval.
 * 4. If the circuit is half-open, only one data center may call OpenD. The others wait for another interval.
 *
 * After its interval, a copy is served once more during its revalidation. That adds one request, but no time.
 */
async function recoveryMs(
  world: World,
  symbol: string,
  { startedAt, isShortened }: { readonly startedAt: number; readonly isShortened: boolean },
): Promise<number> {
  const { redis } = world.deps.upstash;
  const page = nameOf({ symbol, cursor: "" });
  const leaseMs = Math.max(0, Number(await redis.call("PTTL", LEASE_PREFIX + page)));
  const staleMs = Math.max(0, Date.now() - (await freshUntilOf(redis.call, symbol)));
  const edgeMs = isShortened ? MAX_BACKOFF_MS + SPREAD_MS : revalidateAfterMs(Date.now() - startedAt);
  const firstMs = Math.max(leaseMs, CIRCUIT_MEMORY_MS, edgeMs);
  const intervals = (await isCircuitOpen(world)) ? 3 : 2;
  return firstMs + intervals * revalidateAfterMs(staleMs + firstMs) + FETCH_MS;
}

/**
 * Shortens backoffs after cached refusals, which last for 5 minutes.
 * @returns the symbols with a shortened backoff
 */
async function shortenBackoffs({ deps: { upstash } }: World): Promise<ReadonlySet<string>> {
  const shortened = new Set<string>();
  for (const symbol of STORED_SYMBOLS) {
    const lease = LEASE_PREFIX + nameOf({ symbol, cursor: "" });
    if (Number(await upstash.redis.call("PTTL", lease)) <= MAX_BACKOFF_MS) continue;
    await upstash.redis.call("PEXPIRE", lease, String(SHORTENED_BACKOFF_MS));
    shortened.add(symbol);
  }
  return shortened;
}

/**
 * Checks that all data centers serve fresh first pages in time.
 * @param startedAt start of the run, Unix time in milliseconds
 */
export async function checkRecovery(world: World, startedAt: number): Promise<void> {
  const { centers, callers, report } = world.deps;
  const endedAt = Date.now();
  const shortened = await shortenBackoffs(world);
  let deadlines: ReadonlyMap<string, number> | undefined;
  let waiting = centers.all().flatMap((center) => STORED_SYMBOLS.map((symbol) => ({ center, symbol })));
  while (waiting.length > 0) {
    if (!deadlines && (await hasPermits(world, REQUIRED_PERMITS))) {
      const entries = STORED_SYMBOLS.map(async (symbol) => {
        const allowedMs = await recoveryMs(world, symbol, { startedAt, isShortened: shortened.has(symbol) });
        return [symbol, Date.now() + allowedMs] as const;
      });
      deadlines = new Map(await Promise.all(entries));
    }
    const stale = waiting.map(async ({ center, symbol }) => {
      const response = await sendRequest(world, center, {
        path: `/v1/short-interest/${symbol}`,
        caller: callers("recovery"),
      });
      const isFresh =
        response?.status === 200 && !response.headers.get("Cache-Status")?.includes("fwd=stale");
      return isFresh ? [] : [{ center, symbol }];
    });
    waiting = (await Promise.all(stale)).flat();
    const late = waiting.filter(
      ({ symbol }) => Date.now() > (deadlines?.get(symbol) ?? Number.POSITIVE_INFINITY),
    );
    if (late.length > 0) {
      const names = late.map(({ center, symbol }) => `${symbol} at data center ${center.index}`).join(", ");
      report.violation("missingRecovery", `still stale after the allowed time: ${names}`);
      return;
    }
    await nextPoll();
  }
  const allowedMs = Math.max(...(deadlines?.values() ?? [])) - endedAt;
  const allowed = deadlines ? ` (allowed: ${(allowedMs / 1_000).toFixed(1)} s)` : "";
  print(
    `all responses fresh ${((Date.now() - endedAt) / 1_000).toFixed(1)} s after the last fault${allowed}`,
  );
}

/** Publishes the newest row, and checks that the webhook receives a message. */
export async function checkPublication(
  world: World,
  webhooks: WebhookClient,
  monitor: CallMonitor,
): Promise<void> {
  const { upstash, opend, published, report } = world.deps;
  const symbol = "HK.00700";
  const schedulePoll = () => upstash.redis.call("ZADD", KEYS.pollSchedule, "0", symbol);
  await webhooks.deleteAll();
  const webhook = await webhooks.create(symbol);
  if (!webhook) return report.violation("missingRecovery", "cannot register a webhook");
  await schedulePoll();
  webhooks.runPoller();
  if (!(await waitFor(() => webhooks.hasBaseline(webhook), MAX_MESSAGE_MS)))
    return report.violation("missingRecovery", "the poller has not checked the symbol");
  published.publishAll();
  opend.set({ unpublished: 0 });
  monitor.forgetCalls(symbol);
  await world.makeStale(symbol);
  await schedulePoll();
  webhooks.runPoller();
  const startedAt = Date.now();
  const isDelivered = await waitFor(async () => webhooks.hasMessage(webhook), MAX_MESSAGE_MS);
  if (!isDelivered)
    report.violation("missingRecovery", `no webhook message about a new row in ${MAX_MESSAGE_MS / 1_000} s`);
  else print(`webhook message about a new row after ${((Date.now() - startedAt) / 1_000).toFixed(1)} s`);
}

/** Checks that idle Workers have no open connection to OpenD. */
export async function checkConnectionsClosed(world: World): Promise<void> {
  const { opend, report } = world.deps;
  await waitFor(async () => opend.stats().connections === 0, MAX_CLOSE_MS);
  const { connections } = opend.stats();
  if (connections > 0)
    report.violation("incompleteRequest", `${connections} connections to OpenD are still open`);
}

async function waitFor(condition: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  for (const until = Date.now() + timeoutMs; Date.now() < until; ) {
    if (await condition()) return true;
    await nextPoll();
  }
  return false;
}
