import { print } from "../support/progress.ts";

/** The invariant behind each kind of violation. */
export const INVARIANTS = {
  opendLimitExceeded: "OpenD receives at most 30 calls in any 30 s",
  duplicateCall: "a fresh page or a cached refusal is not fetched again",
  incorrectResponse: "every response is correct, and stored pages are always served",
  incompleteRequest: "every request ends in time with a documented result, and closes its connections",
  leakedSecret:
    "no response and no console output contains a secret, or a message of Upstash; only the log has texts of OpenD",
  exhaustedResource: "no caller exhausts a shared resource",
  missingRecovery: "after all faults, responses are fresh and webhook messages are sent",
  unexpectedError: "no unexpected error occurs",
} as const;
export type Violation = keyof typeof INVARIANTS;

/** At most this many violations of a kind are printed. */
const MAX_PRINTED = 5;

/** Counters and violations of a run. */
export class Report {
  readonly #startedAt = Date.now();
  readonly #violations = new Map<Violation, { count: number; printed: string[] }>();
  readonly #counts = new Map<string, number>();
  #responseCount = 0;
  #slowest = { ms: 0, request: "none" };

  /** Counts a violation, and prints it immediately, so that a long run can be stopped. */
  violation(kind: Violation, detail: string): void {
    const found = this.#violations.get(kind) ?? { count: 0, printed: [] };
    found.count += 1;
    const seconds = ((Date.now() - this.#startedAt) / 1_000).toFixed(1);
    if (found.printed.length < MAX_PRINTED) {
      found.printed.push(`after ${seconds} s: ${detail}`);
      print(`VIOLATION ${kind} after ${seconds} s: ${detail}`);
    }
    this.#violations.set(kind, found);
  }

  get violationCount(): number {
    return this.#violations.values().reduce((sum, { count }) => sum + count, 0);
  }

  /** @param counter `group: name` */
  count(counter: string, by = 1): void {
    this.#counts.set(counter, (this.#counts.get(counter) ?? 0) + by);
  }

  /** Sets a counter to the highest value so far. */
  countMax(counter: string, value: number): void {
    this.#counts.set(counter, Math.max(this.#counts.get(counter) ?? 0, value));
  }

  get responseCount(): number {
    return this.#responseCount;
  }

  recordResponse(ms: number, request: string): void {
    this.#responseCount += 1;
    if (ms > this.#slowest.ms) this.#slowest = { ms, request };
  }

  /** Prints all counters by group. */
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
    print(`slowest request: ${Math.round(this.#slowest.ms)} ms, ${this.#slowest.request}`);
  }

  /**
   * Prints a summary of all violations.
   * @returns whether there are none
   */
  printViolations(seed: string): boolean {
    for (const [kind, { count, printed }] of this.#violations) {
      console.error(`\n${count} violations (seed ${seed}): ${kind}. Invariant: ${INVARIANTS[kind]}`);
      for (const detail of printed) console.error(`  ${detail}`);
      if (count > printed.length) console.error(`  and ${count - printed.length} more`);
    }
    return this.#violations.size === 0;
  }
}
