const DAY_MS = 86_400_000;
/** The record lives for this long after each write. */
const RECORD_MS = 730 * DAY_MS;
/** A record without new rows is written again after this time. */
const RENEWAL_MS = 30 * DAY_MS;

/** The expected record of when the rows of one symbol were first seen. Times are Unix times in milliseconds. */
export class FirstSeenOracle {
  /** Unix time in seconds, by the timestamp of the row; 0 for rows of the first page. */
  #seen = new Map<number, number>();
  #writtenAt = 0;
  until = 0;

  clear(): void {
    this.#seen = new Map();
    this.until = 0;
  }

  /** The value of its key; null if there is none. */
  text(): string | null {
    if (this.#seen.size === 0) return null;
    const rows = [...this.#seen].sort(([one], [other]) => other - one);
    return [this.#writtenAt, ...rows.map((row) => row.join(" "))].join("\n");
  }

  /**
   * Adds the rows of a stored first page.
   * @param dates timestamps of its rows in seconds
   * @param seenAt when the reply arrived
   */
  write(dates: readonly number[], seenAt: number, now: number): void {
    if (dates.length === 0) return;
    const newest = Math.max(...dates);
    const dropped = [...this.#seen.keys()].filter((date) => date > newest);
    for (const date of dropped) this.#seen.delete(date);
    const oldest = Math.min(...this.#seen.keys());
    const isFirst = this.#seen.size === 0;
    const added = dates.filter((date) => isFirst || (!this.#seen.has(date) && date > oldest));
    if (added.length + dropped.length === 0 && now - this.#writtenAt < RENEWAL_MS) return;
    for (const date of added) this.#seen.set(date, isFirst ? 0 : Math.ceil(seenAt / 1_000));
    this.#writtenAt = now;
    this.until = now + RECORD_MS;
  }
}
