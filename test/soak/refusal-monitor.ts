import { DETECTION_DELAY_MS, type OpendCall } from "./opend-calls.ts";
import { expectedHistory } from "./oracle.ts";
import type { World } from "./world.ts";

/** A refusal is cached for 5 minutes or longer. This value leaves a margin. */
const NEGATIVE_CACHE_MS = 290_000;
/** Without a fault, a refusal is cached within this time after its call. */
const STORE_DELAY_MS = 2_000;

/**
 * Checks negative caching. OpenD refuses unknown securities, forbidden ones, and cursors that are not timestamps.
 * After such a call in a calm phase, its refusal is cached, so the call must not be repeated.
 */
export class RefusalMonitor {
  readonly #world: World;
  /** Calls whose refusal may not be cached yet, with the start of their calm phase. */
  readonly #pending = new Map<string, { readonly calledAt: number; readonly calmSince: number }>();
  /** Times of the calls whose refusals are cached. */
  readonly #cached = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  record(call: OpendCall, now: number): void {
    const { report } = this.#world.deps;
    const name = `${call.symbol} after '${call.cursor}', ${call.num} rows`;
    const last = this.#cached.get(name);
    if (last !== undefined && now - last < NEGATIVE_CACHE_MS) {
      report.violation(
        "duplicateCall",
        `${name}: fetched again ${Math.round((now - last) / 1_000)} s after a refusal`,
      );
    }
    if (!this.#isRefused(call)) return;
    report.count("refused calls: in total");
    const { calmSince } = this.#world;
    if (now > calmSince + DETECTION_DELAY_MS) this.#pending.set(name, { calledAt: now, calmSince });
  }

  /** Moves refusals that must be cached by now from pending to cached. */
  confirm(now: number): void {
    for (const [name, { calledAt, calmSince }] of this.#pending) {
      const isCalm = this.#world.calmSince === calmSince;
      if (isCalm && now - calledAt < STORE_DELAY_MS) continue;
      this.#pending.delete(name);
      if (!isCalm) continue;
      this.#cached.set(name, calledAt);
      this.#world.deps.report.count("refused calls: cached");
    }
  }

  #isRefused({ symbol, cursor }: OpendCall): boolean {
    if (expectedHistory(symbol).rows.length === 0) return true;
    return Number.isNaN(Number(cursor)) && !this.#world.phase?.opend.toleratesCursors;
  }
}
