import { nameOf } from "../../functions/page-source/cached-reply.ts";
import { PAGE_KEYS } from "../../functions/page-source/shared-cache.ts";
import type { StandInOpend } from "../stand-ins/opend.ts";
import type { StandInUpstash } from "../stand-ins/upstash.ts";
import type { DataCentres } from "./data-centers.ts";
import type { Publication } from "./oracle.ts";
import type { Spell } from "./plan.ts";
import type { Report } from "./report.ts";
import type { Caller, Secrets } from "./secrets.ts";

/**
 * The securities that are stored from the start: stocks and funds, histories of one page and of several, and counts
 * past 2^53. Their 17 pages leave some calls of the quota.
 */
export const KEPT = ["HK.00700", "HK.02800", "US.AAPL", "US.BRK.B", "US.SPY", "US.NEWLY", "US.HUGE"];

/** After Upstash is back, a request may still wait for a command that was sent before and hangs. */
const UPSTASH_BACK_MS = 3_500;
/** Next pages that are remembered. */
const MAX_NEXT_PAGES = 200;

/** A page that was not requested yet, and that an answered page leads to. */
export interface NextPage {
  readonly symbol: string;
  readonly cursor: string;
}

export interface WorldParts {
  readonly seed: string;
  readonly centres: DataCentres;
  readonly opend: StandInOpend;
  readonly upstash: StandInUpstash;
  readonly report: Report;
  readonly secrets: Secrets;
  readonly published: Publication;
  /** Status by error code, as documented in docs/api.md. */
  readonly problems: ReadonlyMap<string, number>;
  readonly callers: (name: string) => Caller;
}

/** The state that all parts of a run share. */
export class World {
  readonly parts: WorldParts;
  readonly #nextPages: NextPage[] = [];
  #spell: Spell | undefined;
  /** The time from which Upstash works. */
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

  /** Switches the faults; without a spell there are none. */
  begin(spell: Spell | undefined): void {
    const { opend, upstash } = this.parts;
    opend.set({ fault: "", delayMs: [0, 0], toleratesCursors: false, ...spell?.opend });
    const wasLost = this.#upstashSince === Number.POSITIVE_INFINITY;
    if (spell?.upstash) this.#upstashSince = Number.POSITIVE_INFINITY;
    else if (wasLost) this.#upstashSince = Date.now() + UPSTASH_BACK_MS;
    upstash.fail(spell?.upstash);
    this.#spell = spell;
    this.disturb();
  }

  /** A Worker ends, or starts: some work is rightly done twice then. */
  disturb(): void {
    this.#calmSince = Date.now();
  }

  /** Since when there is no fault at all; infinite while there is one. */
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

  /** A security that was never requested. */
  newSymbol(): string {
    this.#made += 1;
    return `US.T${this.#made}`;
  }

  addNextPage(page: NextPage): void {
    if (this.#nextPages.length < MAX_NEXT_PAGES) this.#nextPages.push(page);
  }

  /** @param leaving as many are left to others */
  takeNextPage(leaving = 0): NextPage | undefined {
    return this.#nextPages.length > leaving ? this.#nextPages.shift() : undefined;
  }

  /** Makes the stored first page of a symbol stale. */
  async age(symbol: string): Promise<void> {
    const page = PAGE_KEYS + nameOf({ symbol, cursor: "" });
    const { redis } = this.parts.upstash;
    if ((await redis.call("EXISTS", page)) === 1)
      await redis.call("HSET", page, "fresh", `${Date.now() - 1}`);
  }
}
