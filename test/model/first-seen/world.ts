import { nullable, parse, string } from "valibot";
import { type PageKey, summaryOf } from "../../../functions/page-source/cached-reply.ts";
import { createFirstSeenReader, datesToRecord } from "../../../functions/page-source/first-seen.ts";
import { FIRST_SEEN_PREFIX } from "../../../functions/page-source/first-seen-script.ts";
import { freshnessPolicy, staleUntil } from "../../../functions/page-source/freshness.ts";
import { readPage } from "../../../functions/page-source/parsed-page.ts";
import {
  createSharedCache,
  INDEX_PREFIX,
  PAGE_PREFIX,
  type SharedCache,
} from "../../../functions/page-source/shared-cache.ts";
import type { Page } from "../../../functions/short-interest/page.ts";
import { parseSymbol } from "../../../functions/short-interest/symbol.ts";
import type { Upstash } from "../../../functions/upstash.ts";
import { PERMIT_LOG } from "../../support/permit-log.ts";
import type { VirtualRedis } from "../redis/virtual-redis.ts";
import { createVirtualUpstash } from "../redis/virtual-upstash.ts";
import { START_MS } from "../shared-cache/history.ts";
import { PAGE_ROWS, ROW_S, Security, type WrongReplyKind } from "../shared-cache/upstream-history.ts";

const SYMBOL = "HK.00001";
const RECORD = FIRST_SEEN_PREFIX + SYMBOL;

/** The clocks of data centers differ from that of Redis by this at most, in milliseconds. */
export const MAX_SKEW_MS = 3_000;
/** Redis answers within this time, in milliseconds. */
export const MAX_LATENCY_MS = 500;
/** How late a recorded time may be: the clock, the latency, two roundings of the limiter, and a full second. */
const SLACK_MS = MAX_SKEW_MS + MAX_LATENCY_MS + 2 + 1_000;

/** A fetched page, and when its reply arrived (Unix time in milliseconds, by the clock of Redis). */
export interface FetchedPage {
  readonly key: PageKey;
  readonly page: Page;
  readonly reply: Uint8Array<ArrayBuffer>;
  readonly arrivedAt: number;
  /** The same by the clock of its data center. */
  readonly fetchedAt: number;
  /** The same as its data center computes it from the answer of Redis. */
  readonly repliedAt: number;
}

/** Several data centers with their own clocks, one Redis, and one security. It knows when each row was really seen. */
export class FirstSeenWorld {
  readonly security: Security;
  readonly #redis: VirtualRedis;
  readonly #upstash: Upstash;
  readonly #cache: SharedCache;
  /** When any reply showed a row for the first time. */
  readonly #sights = new Map<bigint, number>();
  /** When a stored first page showed a row for the first time, since the record began. */
  readonly #stored = new Map<bigint, number>();
  /** The rows of the page that the record began with, newest first. */
  #baseline: readonly bigint[] = [];

  constructor(redis: VirtualRedis, rows: number) {
    redis.reset();
    redis.micros = START_MS * 1_000;
    this.security = new Security(SYMBOL, rows, 14, false);
    this.#redis = redis;
    this.#upstash = createVirtualUpstash(redis);
    this.#cache = createSharedCache(this.#upstash, 15_000, () => this.now, freshnessPolicy);
  }

  /** Unix time in milliseconds, by the clock of Redis. */
  get now(): number {
    return this.#redis.micros / 1_000;
  }

  wait(ms: number): void {
    this.#redis.micros += ms * 1_000;
  }

  /** Adds a row between the two newest ones, as a late correction does. */
  insert(): void {
    const [newest = 0, ...older] = this.security.rows;
    const added = newest - ROW_S / 2;
    if (!older.includes(added)) this.security.rows = [newest, added, ...older];
  }

  /** A data center gets a reply. It has not stored it yet. */
  fetch(isFirst: boolean, fault: WrongReplyKind | undefined, skewMs: number, latencyMs: number): FetchedPage {
    const cursor = isFirst ? "" : String(this.security.rows.slice(0, PAGE_ROWS).at(-1));
    const key = { symbol: SYMBOL, cursor };
    const { bytes: reply } = this.security.reply(key, fault);
    const fetchedAt = this.now + skewMs;
    const page = readPage(parseSymbol(SYMBOL), { reply, cursor, fetchedAt, freshUntil: 0, staleUntil: 0 });
    for (const { timestamp } of page.rows) {
      if (!this.#sights.has(timestamp)) this.#sights.set(timestamp, this.now);
    }
    return { key, page, reply, arrivedAt: this.now, fetchedAt, repliedAt: this.now + latencyMs + 2 };
  }

  /** Stores a fetched page, as its data center does. */
  async store({ key, page, reply, arrivedAt, fetchedAt, repliedAt }: FetchedPage): Promise<void> {
    const before = this.#record();
    const dates = datesToRecord(page, key);
    const { cursor } = key;
    const cached = { reply, cursor, fetchedAt, freshUntil: 0, staleUntil: staleUntil(cursor, fetchedAt) };
    const settlement = { key: PERMIT_LOG, args: ["permit", String(repliedAt), "1", "1000"] };
    const write = { cached, summary: summaryOf(page, key), settlement, isRewritten: false, dates };
    const slot = { key, version: "", publication: undefined };
    const result = await this.#cache.write(slot, "lease", write);
    if (result !== "stored" || dates === "") {
      if (this.#record() !== before) throw new Error(`A page that is ${result} has changed the record`);
      return;
    }
    const rows = page.rows.map(({ timestamp }) => timestamp);
    if (before === null) {
      this.#baseline = rows;
      this.#stored.clear();
    }
    // A row newer than the page is dropped, as if it had never been there.
    const [newest = 0n] = rows;
    this.#baseline = this.#baseline.filter((row) => row <= newest);
    for (const row of this.#stored.keys()) if (row > newest) this.#stored.delete(row);
    for (const row of rows) if (!this.#stored.has(row)) this.#stored.set(row, arrivedAt);
  }

  /** Deletes the keys that `npm run purge` deletes. */
  purge(): void {
    for (const key of this.#redis.keys()) {
      if (key.startsWith(PAGE_PREFIX) || key.startsWith(INDEX_PREFIX)) this.#redis.command("DEL", key);
    }
  }

  /** Redis evicts the record, or is replaced by an empty one. */
  lose(isAll: boolean): void {
    for (const key of this.#redis.keys()) if (isAll || key === RECORD) this.#redis.command("DEL", key);
  }

  /**
   * Reads the times of a page that a data center has, and checks them.
   * @param isolate names an isolate that may remember the record; absent for a new one
   * @throws Error if a time is not null and not within the true window
   */
  async read({ key, page, fetchedAt, arrivedAt }: FetchedPage, isolate?: string): Promise<void> {
    const reader = createFirstSeenReader(this.#upstash, isolate ?? crypto.randomUUID(), () => this.now);
    const times = await reader.firstSeen(parseSymbol(SYMBOL), {
      rows: page.rows,
      fetchedAt,
      isFirstPage: key.cursor === "",
    });
    const oldest = this.#baseline.at(-1) ?? 0n;
    for (const { timestamp } of page.rows) {
      const seconds = times.get(timestamp);
      const storedAt = this.#stored.get(timestamp);
      if (seconds === undefined) {
        // An isolate may remember a record from before a loss.
        if (isolate !== undefined) continue;
        const isKnown = storedAt !== undefined && timestamp > oldest && !this.#baseline.includes(timestamp);
        if (isKnown && this.#record() !== null) throw new Error(`Row ${timestamp} has no time`);
        continue;
      }
      const isOld = this.#baseline.includes(timestamp) || timestamp < oldest;
      if (isolate === undefined && storedAt !== undefined && isOld) {
        throw new Error(`Row ${timestamp} was there before the first look, and has the time ${seconds}`);
      }
      const sightAt = this.#sights.get(timestamp) ?? Number.POSITIVE_INFINITY;
      // Before the record has the row, the clock of the data center counts.
      const earliest = storedAt === undefined ? sightAt - MAX_SKEW_MS : sightAt;
      const latest = Math.max(storedAt ?? 0, arrivedAt) + SLACK_MS;
      if (seconds * 1_000 < earliest || seconds * 1_000 > latest) {
        throw new Error(`Row ${timestamp} has ${seconds * 1_000}, not from ${earliest} to ${latest}`);
      }
    }
  }

  #record(): string | null {
    return parse(nullable(string()), this.#redis.command("GET", RECORD));
  }
}
