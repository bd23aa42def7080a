/** What a run has seen: counts, and where an invariant of the design did not hold. */

/** By their numbers in the design; the last two are this run's own. */
export const INVARIANTS = {
  quota: "1. OpenD never sees more than 30 calls in any 30 s",
  once: "2. One page is fetched once while it is fresh",
  kept: "3. A kept page is answered, and what is answered is right",
  ends: "4. Every request ends in time, with an answer or a known problem, and leaves no socket open",
  secrets: "5. No secret, and no text of OpenD or Upstash, reaches an answer or a log",
  fair: "6. One caller cannot use up what belongs to all",
  recovery: "When all is well again, answers are fresh again",
  surprise: "Nothing happens that was not expected",
} as const;
export type Invariant = keyof typeof INVARIANTS;

/** Violations of one kind that are told one by one. */
const MOST_TOLD = 5;

export class Report {
  readonly #began = Date.now();
  readonly #violations = new Map<Invariant, { count: number; told: string[] }>();
  readonly #counts = new Map<string, number>();
  #slowest = { ms: 0, what: "nothing" };

  violated(invariant: Invariant, what: string): void {
    const found = this.#violations.get(invariant) ?? { count: 0, told: [] };
    found.count += 1;
    const at = ((Date.now() - this.#began) / 1_000).toFixed(1);
    if (found.told.length < MOST_TOLD) found.told.push(`after ${at} s: ${what}`);
    this.#violations.set(invariant, found);
  }

  count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  countOf(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  took(ms: number, what: string): void {
    if (ms > this.#slowest.ms) this.#slowest = { ms, what };
  }

  /** Prints what was counted, whose names begin with what they are counts of. */
  print(): void {
    const groups = Map.groupBy(
      [...this.#counts].sort(([one], [other]) => (one < other ? -1 : 1)),
      ([name]) => name.split(": ")[0],
    );
    for (const [group, counts] of groups) {
      const listed = counts.map(
        ([name, count]) => `${Math.round(count * 10) / 10} ${name.split(": ").slice(1).join(": ")}`,
      );
      console.log(`${group}: ${listed.join(", ")}`);
    }
    console.log(`slowest: ${Math.round(this.#slowest.ms)} ms, ${this.#slowest.what}`);
  }

  /** Prints the violations. Whether there are none. */
  judge(seed: string): boolean {
    for (const [invariant, { count, told }] of this.#violations) {
      console.error(`\nVIOLATED ${count} times (seed ${seed}): ${INVARIANTS[invariant]}`);
      for (const each of told) console.error(`  ${each}`);
      if (count > told.length) console.error(`  and ${count - told.length} more`);
    }
    return this.#violations.size === 0;
  }
}
