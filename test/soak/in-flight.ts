import type { Report } from "./report.ts";
import { errorMessage } from "./requests.ts";

/** Concurrent work. Its errors are reported as violations. */
export class InFlight {
  readonly #all = new Set<Promise<void>>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  get size(): number {
    return this.#all.size;
  }

  add(work: Promise<unknown>): void {
    const tracked = work
      .catch((thrown) => this.#report.violation("unexpectedError", errorMessage(thrown)))
      .then(() => {
        this.#all.delete(tracked);
      });
    this.#all.add(tracked);
  }

  /** Waits for all work. */
  async settle(): Promise<void> {
    await Promise.all(this.#all);
  }
}
