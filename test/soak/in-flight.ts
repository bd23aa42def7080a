import type { Report } from "./report.ts";
import { told } from "./requests.ts";

/** Work that is started now and awaited at the end. */
export class Underway {
  readonly #all = new Set<Promise<void>>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  get size(): number {
    return this.#all.size;
  }

  add(work: Promise<unknown>): void {
    const ended = work
      .catch((thrown) => this.#report.violated("surprise", told(thrown)))
      .then(() => {
        this.#all.delete(ended);
      });
    this.#all.add(ended);
  }

  async end(): Promise<void> {
    await Promise.all(this.#all);
  }
}
