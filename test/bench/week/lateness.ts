import type { Market } from "../../../functions/short-interest/symbol.ts";
import type { PublicationPlan } from "./publication-plan.ts";

/** Milliseconds. */
export interface MaxLateness {
  /** Behind a publication that the calendar expected. */
  expected: number;
  /** Behind a publication that came before the calendar expected it. */
  early: number;
}

/** How far the served first pages are behind the publications, at most. */
export class Lateness {
  /** Of answers that are marked fresh. */
  readonly fresh: MaxLateness = { expected: 0, early: 0 };
  /** Of answers that are marked stale. */
  readonly stale: MaxLateness = { expected: 0, early: 0 };
  readonly #plan: PublicationPlan;

  constructor(plan: PublicationPlan) {
    this.#plan = plan;
  }

  /**
   * Adds an answer.
   * @param newest timestamp of its newest row, in seconds
   * @param servedAt Unix time, milliseconds
   */
  add(market: Market, newest: number, servedAt: number, isFresh: boolean): void {
    const max = isFresh ? this.fresh : this.stale;
    for (const { timestamp, published, isExpected } of this.#plan[market]) {
      if (timestamp <= newest || published > servedAt) continue;
      const kind = isExpected ? "expected" : "early";
      max[kind] = Math.max(max[kind], servedAt - published);
    }
  }
}
