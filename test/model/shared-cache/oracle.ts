import { deepStrictEqual } from "node:assert";
import {
  type CachedReply,
  nameOf,
  type PageKey,
  type PageSummary,
} from "../../../functions/page-source/cached-reply.ts";
import type { FetchEnd, SharedCacheRead, WriteResult } from "../../../functions/page-source/shared-cache.ts";
import { CircuitOracle } from "./circuit-oracle.ts";
import type { SharedCacheSetting } from "./history.ts";
import { parseReply } from "./upstream-history.ts";

/** A contradicting reply is stored if it repeats after this time, in milliseconds. */
const CONFIRM_AFTER_MS = 60_000;

interface Page {
  readonly key: PageKey;
  readonly cached: CachedReply;
  readonly summary: PageSummary;
}

interface Contradiction {
  readonly newest: number;
  readonly extent: number;
  readonly since: number;
}

/** The expected state of the shared cache. Times are Unix times in milliseconds. */
export class SharedCacheOracle {
  readonly circuit: CircuitOracle;
  readonly #setting: SharedCacheSetting;
  readonly #pages = new Map<string, Page>();
  readonly #leases = new Map<
    string,
    {
      readonly lease: string;
      readonly until: number;
      readonly backoffCause?: SharedCacheRead["backoffCause"];
    }
  >();
  readonly #contradictions = new Map<string, Contradiction>();
  /** Symbols of stored pages, and their `next` cursors. */
  readonly #everKnown = new Set<string>();

  constructor(setting: SharedCacheSetting) {
    this.#setting = setting;
    this.circuit = new CircuitOracle(setting);
  }

  /** The name of the page that contains a cached reply; without one, the name of the requested page. */
  static nameOf(key: PageKey, cached: CachedReply | undefined): string {
    return nameOf(cached === undefined ? key : { ...key, cursor: cached.cursor });
  }

  /** Remaining TTL of a lease; undefined if it has expired or was released. */
  leaseMs(name: string, now: number): number | undefined {
    const until = this.#leases.get(name)?.until;
    if (until === undefined || !this.#isAlive(until, now)) return undefined;
    return until - now;
  }

  /** Whether a key with this expiry exists. */
  #isAlive(until: number, now: number): boolean {
    return this.#setting.keysEndEarly ? until > now : until >= now;
  }

  #alive(name: string, now: number): Page | undefined {
    const page = this.#pages.get(name);
    return page && page.cached.staleUntil > now ? page : undefined;
  }

  /** @throws Error if the found reply is missing, not stored, or that of another key */
  checkFound(key: PageKey, found: CachedReply | undefined, now: number): void {
    const own = this.#alive(nameOf(key), now);
    if (found === undefined) {
      if (own) throw new Error("A stored page is not found");
      return;
    }
    const page = this.#alive(SharedCacheOracle.nameOf(key, found), now);
    if (page === undefined) throw new Error("The reply is not stored, or has expired");
    deepStrictEqual(found, page.cached, "The reply differs from the stored one");
    const reply = parseReply(found.reply);
    if (reply.symbol !== key.symbol || reply.num !== key.num)
      throw new Error("The reply belongs to another key");
    if (reply.cursor !== key.cursor && !this.#covers(page, key)) throw new Error("The reply lacks the row");
  }

  /** Whether a page contains the row of a cursor, and rows after it. */
  #covers({ key, summary: { range } }: Page, { symbol, cursor, num }: PageKey): boolean {
    const timestamp = /^\d+$/.test(cursor) ? Number(cursor) : Number.NaN;
    if (num !== undefined || key.symbol !== symbol || range === undefined) return false;
    return range.oldest < timestamp && timestamp <= range.newest;
  }

  /**
   * Checks the result of a read, and records the lease.
   * @throws Error if the result is wrong
   */
  read(key: PageKey, lease: string, result: SharedCacheRead, now: number): void {
    const { cached, state, waitMs, backoffCause, isKnown } = result;
    this.checkFound(key, cached, now);
    const pages = [...this.#pages.values()].filter((page) => page.cached.staleUntil > now);
    if (cached === undefined && pages.some((page) => this.#covers(page, key))) {
      throw new Error("A stored page that has the row is not found");
    }
    const expected = this.#expectedState(SharedCacheOracle.nameOf(key, cached), cached, lease, now);
    if (state !== expected.state || waitMs !== expected.waitMs || backoffCause !== expected.backoffCause) {
      throw new Error(
        `The read state is ${state} (${waitMs} ms), not ${expected.state} (${expected.waitMs} ms)`,
      );
    }
    if (state !== "lease-acquired") return;
    this.#leases.set(SharedCacheOracle.nameOf(key, cached), { lease, until: now + this.#setting.leaseMs });
    const subject = key.cursor === "" ? key.symbol : `${key.symbol} ${key.cursor}`;
    const isKnownNow =
      cached !== undefined ||
      pages.some(({ key: { symbol }, summary: { next, range } }) =>
        key.cursor === ""
          ? symbol === key.symbol && (next !== null || range !== undefined)
          : symbol === key.symbol && next === key.cursor,
      );
    if (isKnownNow && !isKnown) throw new Error("The key is unknown, but a stored page leads to it");
    if (isKnown && !isKnownNow && !this.#everKnown.has(subject)) {
      throw new Error("The key is known, but no stored page ever led to it");
    }
  }

  #expectedState(
    name: string,
    cached: CachedReply | undefined,
    lease: string,
    now: number,
  ): Pick<SharedCacheRead, "state" | "waitMs" | "backoffCause"> {
    if (cached && cached.freshUntil > now) return { state: "fresh", waitMs: 0 };
    const leaseMs = this.leaseMs(name, now);
    const backoffCause = this.#leases.get(name)?.backoffCause;
    if (leaseMs !== undefined && backoffCause)
      return { state: "backoff", waitMs: Math.max(leaseMs, 1), backoffCause };
    if (leaseMs !== undefined) return { state: "lease-held", waitMs: 0 };
    const openMs = this.circuit.admit(lease, now);
    return openMs === undefined
      ? { state: "lease-acquired", waitMs: 0 }
      : { state: "circuit-open", waitMs: openMs };
  }

  /**
   * Checks the result of a write, and records the page.
   * @throws Error if the result is wrong
   */
  write(
    key: PageKey,
    lease: string,
    cached: CachedReply,
    summary: PageSummary,
    result: WriteResult,
    now: number,
  ): void {
    const name = nameOf(key);
    const expected = this.#expectedResult(name, cached, summary, now);
    if (result !== expected) throw new Error(`The write result is ${result}, not ${expected}`);
    this.circuit.close();
    if (result === "unconfirmed") {
      this.#endLease(name, lease, { ms: CONFIRM_AFTER_MS, code: "opend_failed" }, now);
      return;
    }
    this.#endLease(name, lease, undefined, now);
    if (result === "superseded") return;
    this.#contradictions.delete(name);
    this.#pages.set(name, { key, cached, summary });
    if (summary.next !== null) this.#everKnown.add(`${key.symbol} ${summary.next}`);
    if (summary.next !== null || summary.range !== undefined) this.#everKnown.add(key.symbol);
  }

  /** An older reply is superseded. A contradicting one is unconfirmed until it repeats after a minute. */
  #expectedResult(
    name: string,
    cached: CachedReply,
    { newest, extent }: PageSummary,
    now: number,
  ): WriteResult {
    const page = this.#alive(name, now);
    if (page === undefined) return "stored";
    if (cached.fetchedAt < page.cached.fetchedAt) return "superseded";
    if (newest >= page.summary.newest && extent >= page.summary.extent) return "stored";
    const earlier = this.#contradictions.get(name);
    if (earlier?.newest === newest && earlier.extent === extent) {
      return now - earlier.since >= CONFIRM_AFTER_MS ? "stored" : "unconfirmed";
    }
    this.#contradictions.set(name, { newest, extent, since: now });
    return "unconfirmed";
  }

  release(key: PageKey, lease: string, { outcome, backoff }: FetchEnd, now: number): void {
    this.#endLease(nameOf(key), lease, backoff, now);
    if (outcome === "answered") this.circuit.close();
    else this.circuit.record(lease, outcome === "failed", now);
  }

  /** Only the holder of a lease can release it, or turn it into a backoff. */
  #endLease(name: string, lease: string, backoff: FetchEnd["backoff"], now: number): void {
    if (this.leaseMs(name, now) === undefined || this.#leases.get(name)?.lease !== lease) return;
    if (backoff) this.#leases.set(name, { lease: "", until: now + backoff.ms, backoffCause: backoff.code });
    else this.#leases.delete(name);
  }
}
