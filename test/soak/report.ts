import { print } from "../support/progress.ts";

/** Counts what a run sees, and the violations of the design's invariants. */

/** The numbers are those of the design. The last two invariants are the run's own. */
export const INVARIANTS = {
  quota: "1. OpenD never sees more than 30 calls in any 30 s",
  once: "2. A page is fetched once while it is fresh, and a refusal is asked for once while it is believed",
  cached: "3. A stored page is served, and every answer is correct",
  ends: "4. Every request ends in time, with an answer or a known problem, and leaves no connection open",
  secrets: "5. No secret, and no text of OpenD or Upstash, reaches an answer or a log",
  fair: "6. One caller cannot use up what belongs to all",
  recovery: "After all faults have ended, answers are fresh again",
  surprise: "Nothing unexpected happens",
} as const;
export type Invariant = keyof typeof INVARIANTS;

/** Violations of one invariant that are printed one by one. */
const MAX_PRINTED = 5;

export class Report {
  readonly #began = Date.now();
  readonly #violations = new Map<Invariant, { count: number; printed: string[] }>();
  readonly #counts = new Map<string, number>();
  #answers = 0;
  #slowest = { ms: 0, what: "nothing" };

  violated(invariant: Invariant, what: string): void {
    const found = this.#violations.get(invariant) ?? { count: 0, printed: [] };
    found.count += 1;
    const at = ((Date.now() - this.#began) / 1_000).toFixed(1);
    if (found.printed.length < MAX_PRINTED) {
      found.printed.push(`after ${at} s: ${what}`);
      // At once: a long run is not worth its end then.
      print(`VIOLATED: ${INVARIANTS[invariant]}: after ${at} s: ${what}`);
    }
    this.#violations.set(invariant, found);
  }

  get violations(): number {
    return this.#violations.values().reduce((sum, { count }) => sum + count, 0);
  }

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  /** Keeps the highest value. */
  peak(what: string, value: number): void {
    this.#counts.set(what, Math.max(this.#counts.get(what) ?? 0, value));
  }

  countOf(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  get answers(): number {
    return this.#answers;
  }

  answered(ms: number, what: string): void {
    this.#answers += 1;
    if (ms > this.#slowest.ms) this.#slowest = { ms, what };
  }

  /** Prints the counts, in groups: the text before the first colon names the group. */
  print(): void {
    const groups = Map.groupBy(
      [...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)),
      ([name]) => name.split(": ")[0],
    );
    for (const [group, counts] of groups) {
      const listed = counts.map(
        ([name, count]) => `${Math.round(count * 10) / 10} ${name.split(": ").slice(1).join(": ")}`,
      );
      print(`${group}: ${listed.join(", ")}`);
    }
    print(`slowest: ${Math.round(this.#slowest.ms)} ms, ${this.#slowest.what}`);
  }

  /** Prints the violations. Returns whether there are none. */
  judge(seed: string): boolean {
    for (const [invariant, { count, printed }] of this.#violations) {
      console.error(`\nVIOLATED ${count} times (seed ${seed}): ${INVARIANTS[invariant]}`);
      for (const each of printed) console.error(`  ${each}`);
      if (count > printed.length) console.error(`  and ${count - printed.length} more`);
    }
    return this.#violations.size === 0;
  }
}
