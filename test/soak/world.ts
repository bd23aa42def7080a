import type { StandInOpend } from "../stand-ins/opend.ts";
import type { StandInUpstash } from "../stand-ins/upstash.ts";
import { makeStale } from "../support/stored-page.ts";
import type { DataCenters } from "./data-centers.ts";
import type { PublishedRows } from "./oracle.ts";
import type { Phase } from "./plan.ts";
import type { Report } from "./report.ts";
import type { Caller, Secrets } from "./secrets.ts";

/**
 * Securities whose histories are stored before the first fault: stocks and funds, with one or several pages, and with
 * counts above 2^53. Their 17 pages do not use up OpenD's limit.
 */
export const STORED_SYMBOLS = [
  "HK.00700",
  "HK.02800",
  "US.AAPL",
  "US.BRK.B",
  "US.SPY",
  "US.NEWLY",
  "US.HUGE",
];

/** After a fault of Upstash, a request may still wait this long for an earlier command. */
const UPSTASH_RECOVERY_MS = 3_500;
/** Maximum number of remembered next pages. */
const MAX_NEXT_PAGES = 200;

/** The next page of a served page. It was not yet requested. */
export interface NextPage {
  readonly symbol: string;
  readonly cursor: string;
}

export interface WorldDeps {
  readonly seed: string;
  readonly centers: DataCenters;
  readonly opend: StandInOpend;
  readonly upstash: StandInUpstash;
  readonly report: Report;
  readonly secrets: Secrets;
  readonly published: PublishedRows;
  /** The documented error codes, and their HTTP status. */
  readonly problems: ReadonlyMap<string, number>;
  readonly callers: (name: string) => Caller;
}

/** The shared state of a run. */
export class World {
  readonly deps: WorldDeps;
  readonly #nextPages: NextPage[] = [];
  #phase: Phase | undefined;
  /** Time since which Upstash is available, Unix time in milliseconds. */
  #upstashSince = 0;
  #calmSince = 0;
  #symbolCount = 0;
  #isEnded = false;

  constructor(deps: WorldDeps) {
    this.deps = deps;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get phase(): Phase | undefined {
    return this.#phase;
  }

  /** Starts the faults of a phase. Ends all faults if there is no phase. */
  startPhase(phase: Phase | undefined): void {
    const { opend, upstash } = this.deps;
    opend.set({ fault: "", delayMs: [0, 0], toleratesCursors: false, ...phase?.opend });
    const wasFaulty = this.#upstashSince === Number.POSITIVE_INFINITY;
    if (phase?.upstash) this.#upstashSince = Number.POSITIVE_INFINITY;
    else if (wasFaulty) this.#upstashSince = Date.now() + UPSTASH_RECOVERY_MS;
    upstash.fail(phase?.upstash);
    this.#phase = phase;
    this.restartCalm();
  }

  /** Must be called when a Worker stops or starts, because that may cause duplicate calls. */
  restartCalm(): void {
    this.#calmSince = Date.now();
  }

  /** Start of the current time without faults and restarts; infinite during a fault. */
  get calmSince(): number {
    const isCalm = this.#phase === undefined || this.#phase.kind === "calm";
    return isCalm ? this.#calmSince : Number.POSITIVE_INFINITY;
  }

  wasUpstashAvailable(since: number): boolean {
    return this.#upstashSince <= since;
  }

  end(): void {
    this.#isEnded = true;
  }

  /** Returns a symbol that was never requested. */
  newSymbol(): string {
    this.#symbolCount += 1;
    return `US.T${this.#symbolCount}`;
  }

  addNextPage(page: NextPage): void {
    if (this.#nextPages.length < MAX_NEXT_PAGES) this.#nextPages.push(page);
  }

  /** @param reserved the number of pages that remain for other callers */
  takeNextPage(reserved = 0): NextPage | undefined {
    return this.#nextPages.length > reserved ? this.#nextPages.shift() : undefined;
  }

  /** Makes the stored first page of a symbol stale. */
  async makeStale(symbol: string): Promise<void> {
    await makeStale(this.deps.upstash.redis.call, symbol);
  }
}
