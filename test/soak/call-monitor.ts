import { nameOf } from "../../functions/page-source/cached-reply.ts";
import { freshUntilOf } from "../support/stored-page.ts";
import { DETECTION_DELAY_MS, type OpendCall, POLL_INTERVAL_MS, parseCall } from "./opend-calls.ts";
import { expectedHistory } from "./oracle.ts";
import { RefusalMonitor } from "./refusal-monitor.ts";
import { errorMessage } from "./requests.ts";
import type { World } from "./world.ts";

/**
 * Checks the calls that reach OpenD:
 *
 * - In a calm phase without restarts, a page is fetched at most once.
 * - In every phase, a page that is fresh in the shared cache is not fetched. Calls in flight when the page was stored
 *   are ignored.
 * - A call with a cached refusal is not repeated.
 */
export interface CallMonitor {
  /** Must be called before the first page of a symbol is made stale. */
  forgetCalls(symbol: string): void;
  /** Counts the calls of the last `periodMs` for known pages: fetched before, or next pages of stored ones. */
  countKnownCalls(periodMs: number): number;
  close(): void;
}

/** Maximum duration of a call. */
const MAX_CALL_MS = 6_000;
/** A page does not count as fresh in this time before its expiry. */
const EXPIRY_TOLERANCE_MS = 2_000;

export function startCallMonitor(world: World): CallMonitor {
  const { opend, upstash, report, published } = world.deps;
  const refusals = new RefusalMonitor(world);
  let checkedCount = 0;
  /** Time of the last call for each page. */
  const lastCalls = new Map<string, number>();
  const forgottenAt = new Map<string, number>();
  /** Pages that are fresh in the shared cache, with the time of detection and the time of expiry. */
  const freshPages = new Map<string, { since: number; until: number }>();
  const requestedPages = new Set<string>();
  /** Times of the calls for known pages. */
  const knownCalls: number[] = [];
  let ticks = 0;
  let isReadingCache = false;

  function record(call: OpendCall): void {
    const now = Date.now();
    const history = expectedHistory(call.symbol);
    const isRow = call.cursor === "" || history.rows.some(({ cursor }) => cursor === call.cursor);
    refusals.record(call, now);
    // The page of an invented cursor is not shared, so every data center may fetch it.
    if (!isRow) return;
    const page = nameOf({ symbol: call.symbol, cursor: call.cursor });
    const isKnown =
      call.cursor === "" ? requestedPages.has(page) : published.isPageCursor(history, call.cursor);
    if (isKnown) knownCalls.push(now);
    requestedPages.add(page);
    if (now - (forgottenAt.get(page) ?? 0) < DETECTION_DELAY_MS) return;
    const last = lastCalls.get(page) ?? 0;
    if (last > world.calmSince + DETECTION_DELAY_MS) {
      report.violation("duplicateCall", `${page} was fetched twice within ${now - last} ms without a fault`);
    }
    lastCalls.set(page, now);
    const stored = freshPages.get(page);
    if (stored && now - stored.since > MAX_CALL_MS && now < stored.until - EXPIRY_TOLERANCE_MS) {
      report.violation(
        "duplicateCall",
        `${page} was fetched ${now - stored.since} ms after it was stored, while it was fresh`,
      );
    }
  }

  async function readSharedCache(): Promise<void> {
    for (const page of requestedPages) {
      const [symbol = "", cursor] = page.split("/");
      const until = cursor === "" ? await freshUntilOf(upstash.redis.call, symbol) : 0;
      const now = Date.now();
      if (until <= now) freshPages.delete(page);
      else if (!freshPages.has(page)) freshPages.set(page, { since: now, until });
    }
  }

  const timer = setInterval(() => {
    const { bodies } = opend.stats();
    for (const body of bodies.slice(checkedCount)) record(parseCall(body));
    checkedCount = bodies.length;
    refusals.confirm(Date.now());
    ticks += 1;
    if (ticks % 10 !== 0 || isReadingCache) return;
    isReadingCache = true;
    readSharedCache()
      .catch((thrown) => report.violation("unexpectedError", `cannot read Redis: ${errorMessage(thrown)}`))
      .finally(() => {
        isReadingCache = false;
      });
  }, POLL_INTERVAL_MS);

  return {
    forgetCalls(symbol) {
      const page = nameOf({ symbol, cursor: "" });
      forgottenAt.set(page, Date.now());
      freshPages.delete(page);
      lastCalls.delete(page);
    },
    countKnownCalls: (periodMs) => knownCalls.filter((calledAt) => calledAt > Date.now() - periodMs).length,
    close: () => clearInterval(timer),
  };
}
