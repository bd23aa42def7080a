import {
  type CachedReply,
  nameOf,
  type PageKey,
  type PageSummary,
} from "../../../functions/page-source/cached-reply.ts";
import { freshnessPolicy, type Publication } from "../../../functions/page-source/freshness.ts";
import type {
  FetchEnd,
  PageSlot,
  PageWrite,
  SharedLook,
  WriteResult,
} from "../../../functions/page-source/shared-cache.ts";
import { CircuitOracle } from "./circuit-oracle.ts";
import { FirstSeenOracle } from "./first-seen-oracle.ts";
import type { SharedCacheSetting } from "./history.ts";
import { INDEX_MS, IndexOracle } from "./index-oracle.ts";

/** A contradicting reply is stored if it repeats after this time, in milliseconds. */
const CONFIRM_AFTER_MS = 60_000;
/** Both securities are in the same market. */
const MARKET = "HK";

/** The result of the lease's script. */
export type LeaseResult = "acquired" | "changed" | "held" | "open";

interface Page {
  readonly key: PageKey;
  readonly cached: CachedReply;
  readonly isRefusal: boolean;
  readonly summary: PageSummary;
  /** When its key expires. */
  readonly until: number;
  /** The last reply that contradicted it. */
  contradiction?: { readonly newest: number; readonly extent: number; readonly since: number };
}

interface Lease {
  /** The holder; undefined for a backoff. */
  readonly id?: string;
  readonly until: number;
  readonly backoffCause?: SharedLook["backoffCause"];
}

/** The expected state of the shared cache. Times are Unix times in milliseconds. */
export class SharedCacheOracle {
  readonly circuit: CircuitOracle;
  readonly #setting: SharedCacheSetting;
  readonly #pages = new Map<string, Page>();
  readonly #leases = new Map<string, Lease>();
  readonly #indexes = new Map<string, IndexOracle>();
  readonly #firstSeen = new Map<string, FirstSeenOracle>();
  #published: { readonly record: Publication; readonly until: number } | undefined;

  constructor(setting: SharedCacheSetting) {
    this.#setting = setting;
    this.circuit = new CircuitOracle(setting);
  }

  /** Remaining TTL of a lease; undefined if it has expired or was released. */
  leaseMs(key: PageKey, now: number): number | undefined {
    const lease = this.#lease(key, now);
    return lease && lease.until - now;
  }

  /** The expected index of a symbol. */
  index(symbol: string, now: number): IndexOracle {
    const index = this.#indexes.get(symbol) ?? new IndexOracle();
    this.#indexes.set(symbol, index);
    if (!this.#isAlive(index.until, now)) index.clear();
    return index;
  }

  /** The expected record of first sights of a symbol. */
  firstSeen(symbol: string, now: number): FirstSeenOracle {
    const record = this.#firstSeen.get(symbol) ?? new FirstSeenOracle();
    this.#firstSeen.set(symbol, record);
    if (!this.#isAlive(record.until, now)) record.clear();
    return record;
  }

  /** What is known of the market's publications. */
  publication(now: number): Publication | undefined {
    return this.#published && this.#isAlive(this.#published.until, now) ? this.#published.record : undefined;
  }

  /** Whether a key with this expiry exists. */
  #isAlive(until: number, now: number): boolean {
    return this.#setting.keysEndEarly ? until > now : until >= now;
  }

  #lease(key: PageKey, now: number): Lease | undefined {
    const lease = this.#leases.get(nameOf(key));
    return lease && this.#isAlive(lease.until, now) ? lease : undefined;
  }

  /** A page whose key exists. */
  #stored(name: string, now: number): Page | undefined {
    const page = this.#pages.get(name);
    return page && this.#isAlive(page.until, now) ? page : undefined;
  }

  /** A page that may be served: it has not expired, and its history was not rewritten after its fetch. */
  #usable(name: string, now: number): Page | undefined {
    const page = this.#stored(name, now);
    if (page === undefined || page.cached.staleUntil <= now) return undefined;
    const { symbol, cursor } = page.key;
    const isDropped = cursor !== "" && page.cached.fetchedAt < this.index(symbol, now).rewrittenAt;
    return isDropped ? undefined : page;
  }

  /** The page of a key, or one that may have the row of its cursor, a fresh one if there is one. */
  #find(key: PageKey, now: number): Page | undefined {
    const own = this.#usable(nameOf(key), now);
    if (own || key.num !== undefined || key.exact || !/^\d+$/.test(key.cursor)) return own;
    const names = this.index(key.symbol, now).pagesWith(Number(key.cursor), now);
    // The index may name a page that was replaced by a refusal, or by one without rows.
    const pages = names.flatMap((name) => {
      const page = this.#usable(name, now);
      return page && Number(key.cursor) <= page.summary.newest ? [page] : [];
    });
    return pages.find((page) => this.#freshUntil(page, now) > now) ?? pages[0];
  }

  /** The expected result of a look by the holder of `ownLease`. */
  look(key: PageKey, now: number, ownLease?: string): SharedLook {
    const page = this.#find(key, now);
    const publication = this.publication(now);
    const fetchedAt = (page ?? this.#stored(nameOf(key), now))?.cached.fetchedAt;
    const found = page && page.key.cursor !== key.cursor ? { ...key, cursor: page.key.cursor } : key;
    const cached = page && { ...page.cached, freshUntil: this.#freshUntil(page, now) };
    return {
      cached,
      slot: { key: found, version: String(fetchedAt ?? ""), publication },
      isProbe: this.circuit.isHalfOpen(now),
      openPeriodMs: this.circuit.periodMs(now),
      isKnown: cached !== undefined || this.index(key.symbol, now).knows(key.cursor, now),
      ...this.#stateOf(found, cached, now, ownLease),
    };
  }

  #stateOf(
    key: PageKey,
    cached: CachedReply | undefined,
    now: number,
    ownLease: string | undefined,
  ): Pick<SharedLook, "state" | "waitMs" | "backoffCause"> {
    if (cached && cached.freshUntil > now) return { state: "fresh", waitMs: 0 };
    const held = this.#lease(key, now);
    const lease = held?.id !== undefined && held.id === ownLease ? undefined : held;
    if (lease && lease.id !== undefined) return { state: "lease-held", waitMs: 0 };
    if (lease && lease.until > now) {
      return { state: "backoff", waitMs: lease.until - now, backoffCause: lease.backoffCause };
    }
    return this.circuit.isCallAllowed(now, ownLease)
      ? { state: "lease-free", waitMs: 0 }
      : { state: "circuit-open", waitMs: this.circuit.openMs(now) };
  }

  /** The expected result of the lease's script. Records the lease. */
  lease({ key, version }: PageSlot, id: string, now: number): LeaseResult {
    const page = this.#stored(nameOf(key), now);
    if (String(page?.cached.fetchedAt ?? "") !== version) return "changed";
    if (this.#lease(key, now)) return "held";
    if (!this.circuit.isCallAllowed(now)) return "open";
    this.circuit.call(id, now);
    this.#leases.set(nameOf(key), { id, until: now + this.#setting.leaseMs });
    return "acquired";
  }

  /** The expected result of a write. Records the page. */
  write({ key }: PageSlot, id: string, write: PageWrite, isRefusal: boolean, now: number): WriteResult {
    this.circuit.close();
    const { cached, summary, isRewritten, publication } = write;
    const result = this.#resultOf(key, write, now);
    if (result === "unconfirmed") {
      this.#endLease(key, id, { ms: CONFIRM_AFTER_MS, code: "opend_failed" }, now);
      return result;
    }
    this.#endLease(key, id, undefined, now);
    if (result === "superseded") return result;
    const { fetchedAt, staleUntil } = cached;
    const until = Math.max(staleUntil, now + 1);
    this.#pages.set(nameOf(key), { key, cached, isRefusal, summary, until });
    this.index(key.symbol, now).write({ key, summary, fetchedAt, staleUntil, isRewritten }, now);
    if (publication) this.#publish(publication, now);
    const repliedAt = Number(write.settlement.args[1]);
    const dates = (write.dates ?? "").split(" ").filter(Boolean).map(Number);
    this.firstSeen(key.symbol, now).write(dates, Math.max(fetchedAt, repliedAt), now);
    return result;
  }

  /** An older reply is superseded. A contradicting one is unconfirmed until it repeats after a minute. */
  #resultOf(key: PageKey, { cached, summary: { newest, extent } }: PageWrite, now: number): WriteResult {
    const page = this.#usable(nameOf(key), now);
    if (page === undefined) return "stored";
    if (cached.fetchedAt < page.cached.fetchedAt) return "superseded";
    if (newest >= page.summary.newest && extent >= page.summary.extent) return "stored";
    const earlier = page.contradiction;
    if (earlier?.newest === newest && earlier.extent === extent) {
      return now - earlier.since >= CONFIRM_AFTER_MS ? "stored" : "unconfirmed";
    }
    page.contradiction = { newest, extent, since: now };
    return "unconfirmed";
  }

  /** The record has the newest row of the market, and the last fetch that showed it. It never goes back. */
  #publish(record: Publication, now: number): void {
    const known = this.publication(now);
    if (known && record.newest < known.newest) return;
    if (known?.newest === record.newest && record.checkedAt <= known.checkedAt) return;
    this.#published = { record, until: now + INDEX_MS };
  }

  release({ key }: PageSlot, id: string, { outcome, backoff }: FetchEnd, now: number): void {
    this.#endLease(key, id, backoff, now);
    if (outcome === "answered") this.circuit.close();
    else this.circuit.record(id, outcome === "failed", now);
  }

  /** Only the holder of a lease can release it, or turn it into a backoff. */
  #endLease(key: PageKey, id: string, backoff: FetchEnd["backoff"], now: number): void {
    if (this.#lease(key, now)?.id !== id) return;
    if (backoff) this.#leases.set(nameOf(key), { until: now + backoff.ms, backoffCause: backoff.code });
    else this.#leases.delete(nameOf(key));
  }

  /** A page from before the last rewrite of its history is stale. */
  #freshUntil({ cached, key, isRefusal, summary }: Page, now: number): number {
    const { fetchedAt, staleUntil } = cached;
    if (isRefusal) return staleUntil;
    const facts = { market: MARKET, cursor: key.cursor, fetchedAt, newest: summary.newest } as const;
    const { rewrittenAt } = this.index(key.symbol, now);
    const unchangedUntil = fetchedAt < rewrittenAt ? rewrittenAt : staleUntil;
    return Math.min(freshnessPolicy.freshUntil(facts, this.publication(now)), unchangedUntil);
  }
}
