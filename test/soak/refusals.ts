import { BORDER_MS, type Call } from "./calls.ts";
import { truthOf } from "./oracle.ts";
import type { World } from "./world.ts";

/** A lasting refusal is believed for 5 minutes or longer. This leaves a margin. */
const BELIEVED_MS = 290_000;
/** Without a fault a refusal is stored within this time after its call. */
const STORED_MS = 2_000;

/**
 * The calls that OpenD refuses for a lasting reason: unknown securities, forbidden ones, and cursors that are no
 * timestamps. After one such call without a fault, its refusal is stored, and the call must not be repeated.
 */
export class Refusals {
  readonly #world: World;
  /** Calls whose refusal may not be stored yet, with the start of their calm spell. */
  readonly #pending = new Map<string, { readonly at: number; readonly calmSince: number }>();
  readonly #stored = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  note(call: Call, now: number): void {
    const { report } = this.#world.parts;
    const name = `${call.symbol} after '${call.cursor}', ${call.num} rows`;
    const before = this.#stored.get(name);
    if (before !== undefined && now - before < BELIEVED_MS) {
      report.violated(
        "once",
        `${name} was refused ${Math.round((now - before) / 1_000)} s before, and fetched`,
      );
    }
    if (!this.#isRefused(call)) return;
    report.count("calls that OpenD refuses for a lasting reason: in all");
    const { calmSince } = this.#world;
    if (now > calmSince + BORDER_MS) this.#pending.set(name, { at: now, calmSince });
  }

  settle(now: number): void {
    for (const [name, { at, calmSince }] of this.#pending) {
      const isCalm = this.#world.calmSince === calmSince;
      if (isCalm && now - at < STORED_MS) continue;
      this.#pending.delete(name);
      if (!isCalm) continue;
      this.#stored.set(name, at);
      this.#world.parts.report.count("calls that OpenD refuses for a lasting reason: must not be repeated");
    }
  }

  #isRefused({ symbol, cursor }: Call): boolean {
    if (truthOf(symbol).rows.length === 0) return true;
    return Number.isNaN(Number(cursor)) && !this.#world.spell?.opend.toleratesCursors;
  }
}
