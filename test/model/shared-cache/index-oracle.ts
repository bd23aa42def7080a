import { nameOf, type PageKey, type PageSummary } from "../../../functions/page-source/cached-reply.ts";

const DAY_MS = 86_400_000;
/** The index lives for this long after each write, and so does a cursor after the fetch of its page. */
export const INDEX_MS = 16 * DAY_MS;
const MAX_ENTRIES = 128;
/** Pages that are tried for one cursor. */
const MAX_CANDIDATES = 8;

/** An entry of the index. Times are Unix times in milliseconds. */
interface Entry {
  /** Its kind and name: an entry replaces another one that has the same. */
  readonly id: string;
  readonly until: number;
  /** What follows in its line. */
  readonly facts: readonly number[];
  /** The page that it names. */
  readonly page?: { readonly name: string } & PageSummary["range"];
}

/** A page that is written. */
export interface WrittenPage {
  readonly key: PageKey;
  readonly summary: PageSummary;
  readonly fetchedAt: number;
  readonly staleUntil: number;
  readonly isRewritten: boolean;
}

const nextId = (cursor: string) => `next ${encodeURIComponent(cursor)}`;

/** The expected index of one symbol. */
export class IndexOracle {
  /** The newest first. */
  #entries: readonly Entry[] = [];
  #rewrite: Entry | undefined;
  until = 0;

  /** Adds entries that no page leads to. */
  fill(count: number, now: number): void {
    this.until = now + INDEX_MS;
    this.#entries = Array.from({ length: count }, (_, number) => ({
      id: nextId(`filler-${number}`),
      until: now + ((number % 4) + 12) * DAY_MS,
      facts: [],
    }));
  }

  clear(): void {
    this.#entries = [];
    this.#rewrite = undefined;
    this.until = 0;
  }

  /** The value of its key. */
  text(): string {
    return this.#all()
      .map(({ id, until, facts }) => [id, until, ...facts].join(" "))
      .join("\n");
  }

  /** Older pages that were fetched before this time are dropped. */
  get rewrittenAt(): number {
    return this.#rewrite?.facts[0] ?? 0;
  }

  #all(): readonly Entry[] {
    return this.#rewrite ? [this.#rewrite, ...this.#entries] : this.#entries;
  }

  knows(cursor: string, now: number): boolean {
    const alive = this.#all().filter(({ until }) => until > now);
    return cursor === "" ? alive.length > 0 : alive.some(({ id }) => id === nextId(cursor));
  }

  /** Names of the pages to try for a row, in this order: those with the most rows after it first. */
  pagesWith(timestamp: number, now: number): string[] {
    return this.#entries
      .flatMap(({ until, page }) => (page && until > now ? [page] : []))
      .filter(({ newest = 0, oldest = 0 }) => oldest < timestamp && timestamp <= newest)
      .sort((one, other) => (one.oldest ?? 0) - (other.oldest ?? 0))
      .slice(0, MAX_CANDIDATES)
      .map(({ name }) => name);
  }

  /** The last rewrite is never forgotten, and never replaced by an earlier one. */
  write({ key, summary, fetchedAt, staleUntil, isRewritten }: WrittenPage, now: number): void {
    const { next, range } = summary;
    if (isRewritten && fetchedAt > this.rewrittenAt) {
      this.#rewrite = { id: "rewritten *", until: now + INDEX_MS, facts: [fetchedAt] };
    }
    const added: Entry[] = [];
    if (range) {
      const name = nameOf(key);
      const facts = [fetchedAt, range.newest, range.oldest];
      added.push({ id: `page ${name}`, until: staleUntil, facts, page: { name, ...range } });
    }
    if (next !== null) added.push({ id: nextId(next), until: fetchedAt + INDEX_MS, facts: [] });
    if (added.length === 0 && !isRewritten) return;
    this.until = now + INDEX_MS;
    const kept = this.#entries.filter(
      ({ id, until }) => until > now && added.every((entry) => entry.id !== id),
    );
    this.#entries = [...added, ...kept].slice(0, MAX_ENTRIES - (this.#rewrite ? 1 : 0));
  }
}
