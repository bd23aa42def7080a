import { PAGES } from "../../functions/pages/global-store.ts";
import { nameOf } from "../../functions/pages/kept.ts";
import type { StandInOpend } from "../stand-ins/opend.ts";
import type { StandInUpstash } from "../stand-ins/upstash.ts";
import type { DataCentres } from "./data-centres.ts";
import type { Spell } from "./plan.ts";
import type { Report } from "./report.ts";
import type { Caller, Secrets } from "./secrets.ts";
import type { Publication } from "./truth.ts";

/**
 * The securities that are kept from the start: stocks and funds, histories of one page and of several, and counts past
 * 2^53. Their 17 pages leave the quota some calls to begin with.
 */
export const KEPT = ["HK.00700", "HK.02800", "US.AAPL", "US.BRK.B", "US.SPY", "US.NEWLY", "US.HUGE"];

/** After Upstash is back, a question may still wait for one that was asked before and hangs. */
const UPSTASH_BACK_MS = 3_500;

export interface WorldParts {
  readonly seed: string;
  readonly centres: DataCentres;
  readonly opend: StandInOpend;
  readonly upstash: StandInUpstash;
  readonly report: Report;
  readonly secrets: Secrets;
  readonly published: Publication;
  /** The README's problems: their status by their codes. */
  readonly problems: ReadonlyMap<string, number>;
  readonly callers: (name: string) => Caller;
}

/** All that the parts of a run share. */
export class World {
  readonly parts: WorldParts;
  #spell: Spell | undefined;
  /** Since when Upstash is well. */
  #upstashSince = 0;
  #calmSince = 0;
  #made = 0;
  #ended = false;

  constructor(parts: WorldParts) {
    this.parts = parts;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get spell(): Spell | undefined {
    return this.#spell;
  }

  /** Switches what is wrong; nothing, without a spell. */
  begin(spell: Spell | undefined): void {
    const { opend, upstash } = this.parts;
    opend.set({ fault: "", delayMs: [0, 0], ...spell?.opend });
    const wasLost = this.#upstashSince === Number.POSITIVE_INFINITY;
    if (spell?.upstash) this.#upstashSince = Number.POSITIVE_INFINITY;
    else if (wasLost) this.#upstashSince = Date.now() + UPSTASH_BACK_MS;
    upstash.fail(spell?.upstash);
    this.#spell = spell;
    this.disturb();
  }

  /** A Worker ends, or starts: what is rightly done twice then is not held against it. */
  disturb(): void {
    this.#calmSince = Date.now();
  }

  /** Since when nothing at all is wrong; infinite while something is. */
  get calmSince(): number {
    const isCalm = this.#spell === undefined || this.#spell.kind === "calm";
    return isCalm ? this.#calmSince : Number.POSITIVE_INFINITY;
  }

  wasUpstashWell(since: number): boolean {
    return this.#upstashSince <= since;
  }

  end(): void {
    this.#ended = true;
  }

  /** A security that nobody has asked for. */
  newSymbol(): string {
    this.#made += 1;
    return `US.T${this.#made}`;
  }

  /** Makes the first page of a symbol old in the store. */
  async age(symbol: string): Promise<void> {
    const page = PAGES + nameOf({ symbol, cursor: "" });
    const { redis } = this.parts.upstash;
    if ((await redis.call("EXISTS", page)) === 1)
      await redis.call("HSET", page, "fresh", `${Date.now() - 1}`);
  }
}
