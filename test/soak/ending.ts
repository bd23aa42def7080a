import { nameOf } from "../../functions/page-source/cached-reply.ts";
import { LEASE_KEYS, PAGE_KEYS } from "../../functions/page-source/shared-cache.ts";
import { print } from "../support/progress.ts";
import type { Hooks } from "./hooks.ts";
import type { Ledger } from "./ledger.ts";
import { hasPermits, isCircuitOpen } from "./quota.ts";
import { ask } from "./requests.ts";
import { KEPT, type World } from "./world.ts";

/** Checks after all faults have ended. */

/** An edge trusts a stale copy for a tenth of its staleness, within these bounds, or while the circuit is open. */
const MIN_TRUST_MS = 5_000;
const MAX_TRUST_MS = 60_000;
const CIRCUIT_OPEN_MS = 10_000;
/** A fetch, and what this machine adds. */
const MACHINE_MS = 4_000;
const NEWS_MS = 20_000;
const CLOSED_MS = 10_000;
const LOOK_MS = 500;
/** Permits to revalidate every first page, and those that a refresh leaves to others. */
const PERMITS_WANTED = 14;
/** Longer pauses are those of refused pages. */
const MAX_PAUSE_MS = 60_000;
const SHORTENED_PAUSE_MS = 5_000;
const WATCH = "short-interest:webhooks:poll-schedule";

const pause = () => new Promise((resolve) => setTimeout(resolve, LOOK_MS));
const trustMs = (staleMs: number) => Math.min(Math.max(staleMs / 10, MIN_TRUST_MS), MAX_TRUST_MS);

/**
 * The time after which every data center must answer a symbol fresh, once the quota has calls.
 *
 * 1. The lease or the pause of its page must end. A Worker that has ended leaves a lease of 15 s, and a doubted reply
 *    pauses the page for 60 s. At the same time every edge may trust the stale copy that it has. Its staleness is not
 *    visible from outside, and at most the time of the run. During a pause an edge trusts it until the pause ends,
 *    for at most 60 s.
 * 2. An edge that looked just before the lease ended trusts its copy again. Then it looks, and revalidates.
 * 3. Another edge that looked during that fetch trusts its copy once more.
 * 4. While the circuit is half-open, all edges but one must trust their copies once more before they may call.
 *
 * After its trust has ended, a copy is served once more while it is revalidated in the background. That adds one
 * request, not a time.
 */
async function recoveryMs(
  world: World,
  symbol: string,
  { began, isShortened }: { readonly began: number; readonly isShortened: boolean },
): Promise<number> {
  const { redis } = world.parts.upstash;
  const page = nameOf({ symbol, cursor: "" });
  const leaseMs = Math.max(0, Number(await redis.call("PTTL", LEASE_KEYS + page)));
  const staleMs = Math.max(0, Date.now() - Number(await redis.call("HGET", PAGE_KEYS + page, "fresh")));
  const edgeMs = isShortened ? MAX_TRUST_MS : trustMs(Date.now() - began);
  const firstMs = Math.max(leaseMs, CIRCUIT_OPEN_MS, edgeMs);
  const looks = (await isCircuitOpen(world)) ? 3 : 2;
  return firstMs + looks * trustMs(staleMs + firstMs) + MACHINE_MS;
}

/**
 * A lasting refusal pauses its page for 5 minutes. No run waits for their end.
 * @returns the symbols whose pause is shortened
 */
async function shortenPauses({ parts: { upstash } }: World): Promise<ReadonlySet<string>> {
  const shortened = new Set<string>();
  for (const symbol of KEPT) {
    const lease = LEASE_KEYS + nameOf({ symbol, cursor: "" });
    if (Number(await upstash.redis.call("PTTL", lease)) <= MAX_PAUSE_MS) continue;
    await upstash.redis.call("PEXPIRE", lease, String(SHORTENED_PAUSE_MS));
    shortened.add(symbol);
  }
  return shortened;
}

/**
 * Waits until all data centers answer all first pages fresh.
 * @param began when the run did (Unix time, milliseconds)
 */
export async function recover(world: World, began: number): Promise<void> {
  const { centres, callers, report } = world.parts;
  const endedAt = Date.now();
  const shortened = await shortenPauses(world);
  let deadlines: ReadonlyMap<string, number> | undefined;
  let waiting = centres.all().flatMap((centre) => KEPT.map((symbol) => ({ centre, symbol })));
  while (waiting.length > 0) {
    if (!deadlines && (await hasPermits(world, PERMITS_WANTED))) {
      const entries = KEPT.map(async (symbol) => {
        const allowedMs = await recoveryMs(world, symbol, { began, isShortened: shortened.has(symbol) });
        return [symbol, Date.now() + allowedMs] as const;
      });
      deadlines = new Map(await Promise.all(entries));
    }
    const asked = waiting.map(async (each) => {
      const { centre, symbol } = each;
      const answer = await ask(world, centre, {
        path: `/v1/short-interest/${symbol}`,
        caller: callers("last"),
      });
      const isFresh = answer?.status === 200 && !answer.headers.get("Cache-Status")?.includes("fwd=stale");
      return isFresh ? [] : [each];
    });
    waiting = (await Promise.all(asked)).flat();
    const late = waiting.filter(
      ({ symbol }) => Date.now() > (deadlines?.get(symbol) ?? Number.POSITIVE_INFINITY),
    );
    if (late.length > 0) {
      const names = late.map(({ centre, symbol }) => `${symbol} at ${centre.at}`).join(", ");
      report.violated("recovery", `stale answers too long after all faults had ended: ${names}`);
      return;
    }
    await pause();
  }
  const allowedMs = Math.max(...(deadlines?.values() ?? [])) - endedAt;
  const allowed = deadlines ? `, of ${(allowedMs / 1_000).toFixed(1)} s allowed` : "";
  print(`all answers fresh again after ${((Date.now() - endedAt) / 1_000).toFixed(1)} s${allowed}`);
}

/** A row is published: the subscribed receiver must get a message. */
export async function publish(world: World, hooks: Hooks, ledger: Ledger): Promise<void> {
  const { upstash, opend, published, report } = world.parts;
  const symbol = "HK.00700";
  const turn = () => upstash.redis.call("ZADD", WATCH, "0", symbol);
  await hooks.clear();
  const hook = await hooks.make(symbol);
  if (!hook) return report.violated("recovery", "no webhook can be registered");
  await turn();
  hooks.watch();
  if (!(await comes(() => hooks.hasSeen(hook), NEWS_MS)))
    return report.violated("recovery", "the watch has not checked the symbol");
  published.publishAll();
  opend.set({ unpublished: 0 });
  ledger.forget(symbol);
  await world.age(symbol);
  await turn();
  hooks.watch();
  const began = Date.now();
  const isDelivered = await comes(async () => hooks.hasNews(hook), NEWS_MS);
  if (!isDelivered) report.violated("recovery", `no message about a new row in ${NEWS_MS / 1_000} s`);
  else print(`message about a new row after ${((Date.now() - began) / 1_000).toFixed(1)} s`);
}

/** Idle Workers must leave no connection to OpenD open. */
export async function allClosed(world: World): Promise<void> {
  const { opend, report } = world.parts;
  await comes(async () => opend.stats().connections === 0, CLOSED_MS);
  const { connections } = opend.stats();
  if (connections > 0) report.violated("ends", `${connections} connections to OpenD are left open`);
}

async function comes(isHere: () => Promise<boolean>, ms: number): Promise<boolean> {
  for (const until = Date.now() + ms; Date.now() < until; ) {
    if (await isHere()) return true;
    await pause();
  }
  return false;
}
