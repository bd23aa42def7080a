import { nameOf } from "../../functions/page-source/cached-reply.ts";
import { PAGE_KEYS } from "../../functions/page-source/shared-cache.ts";
import { BORDER_MS, type Call, LOOK_MS, readCall } from "./calls.ts";
import { truthOf } from "./oracle.ts";
import { Refusals } from "./refusals.ts";
import { told } from "./requests.ts";
import type { World } from "./world.ts";

/**
 * Watches the calls that reach OpenD:
 *
 * - Without a fault, and while no Worker ends, a page is fetched at most once, whatever its state was before.
 * - In any case, a page that is fresh in the store is not fetched until it is stale. A call that was under way when
 *   the page was stored does not count.
 * - A call that OpenD refuses for a lasting reason is not repeated while its refusal is believed.
 */
export interface Ledger {
  /** To be called before a page is made stale. */
  forget(symbol: string): void;
  /** Calls of the last `ms` milliseconds for pages that were answered before, or that an answered page leads to. */
  knownCalls(ms: number): number;
  close(): void;
}

/** A call may be on its way to OpenD for as long. */
const UNDER_WAY_MS = 6_000;
/** In its last moment a page does not count as fresh. */
const LAST_MS = 2_000;

export function startLedger(world: World): Ledger {
  const { opend, upstash, report, published } = world.parts;
  const refusals = new Refusals(world);
  let seen = 0;
  /** When each page was fetched last without a fault. */
  const calls = new Map<string, number>();
  const forgotten = new Map<string, number>();
  /** The pages that are fresh in the store: since when they were seen there, and until when. */
  const fresh = new Map<string, { since: number; until: number }>();
  const asked = new Set<string>();
  /** Times of the calls for known pages. */
  const known: number[] = [];
  let turn = 0;
  let looking = false;

  function note(call: Call): void {
    const now = Date.now();
    const truth = truthOf(call.symbol);
    const isRow = call.cursor === "" || truth.rows.some(({ cursor }) => cursor === call.cursor);
    refusals.note(call, now);
    // An invented cursor has no page: every data center may ask for it.
    if (!isRow) return;
    const page = nameOf({ symbol: call.symbol, cursor: call.cursor });
    const isKnown = call.cursor === "" ? asked.has(page) : published.isOfPage(truth, call.cursor);
    if (isKnown) known.push(now);
    asked.add(page);
    if (now - (forgotten.get(page) ?? 0) < BORDER_MS) return;
    const before = calls.get(page) ?? 0;
    if (before > world.calmSince + BORDER_MS) {
      report.violated("once", `${page} was fetched twice within ${now - before} ms, without a fault`);
    }
    calls.set(page, now);
    const stored = fresh.get(page);
    if (stored && now - stored.since > UNDER_WAY_MS && now < stored.until - LAST_MS) {
      report.violated("once", `${page} was fetched, but had been stored for ${now - stored.since} ms`);
    }
  }

  async function lookAtStore(): Promise<void> {
    for (const page of asked) {
      const known = fresh.get(page);
      const until = Number((await upstash.redis.call("HGET", PAGE_KEYS + page, "fresh")) ?? 0);
      const now = Date.now();
      if (until <= now) fresh.delete(page);
      else if (!known) fresh.set(page, { since: now, until });
    }
  }

  const timer = setInterval(() => {
    const { bodies } = opend.stats();
    for (const body of bodies.slice(seen)) note(readCall(body));
    seen = bodies.length;
    refusals.settle(Date.now());
    turn += 1;
    if (turn % 10 !== 0 || looking) return;
    looking = true;
    lookAtStore()
      .catch((thrown) => report.violated("surprise", `the store cannot be read: ${told(thrown)}`))
      .finally(() => {
        looking = false;
      });
  }, LOOK_MS);

  return {
    forget(symbol) {
      const page = nameOf({ symbol, cursor: "" });
      forgotten.set(page, Date.now());
      fresh.delete(page);
      calls.delete(page);
    },
    knownCalls: (ms) => known.filter((at) => at > Date.now() - ms).length,
    close: () => clearInterval(timer),
  };
}
