import { parse, picklist } from "valibot";
import type { FailureCode } from "../errors.ts";
import type { Settlement } from "../rate-limit/permits.ts";
import type { RequiredLease } from "../rate-limit/required-lease.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import { parseSymbol } from "../short-interest/symbol.ts";
import type { ScriptCall, Upstash } from "../upstash.ts";
import { type CachedReply, nameOf, type PageKey, type PageSummary, timestampOf } from "./cached-reply.ts";
import { CIRCUIT, parseCircuit } from "./circuit-breaker.ts";
import { FIRST_SEEN_PREFIX } from "./first-seen-script.ts";
import {
  CONFIRM_AFTER_MS,
  type FreshnessPolicy,
  isShortLived,
  type Publication,
  SHARED_INDEX_MS,
} from "./freshness.ts";
import { LEASE_SCRIPT, RELEASE_SCRIPT, WRITE_SCRIPT } from "./shared-cache-scripts.ts";
import {
  formatPublication,
  formatStoredPage,
  indexEntries,
  parseIndex,
  parseLease,
  parsePublication,
  parseStoredPage,
  type StoredIndex,
  type StoredPage,
  versionOf,
} from "./stored-values.ts";

/** The place of a page in the shared cache, as a lookup has read it. */
export interface PageSlot {
  /** The key that the page is stored under. */
  readonly key: PageKey;
  /** Its version; '' if no page is stored there. */
  readonly version: string;
  /** What was known of the market's publications. */
  readonly publication: Publication | undefined;
}

/** What the shared cache knows of a page, and whether the page may be fetched. */
export interface SharedLook {
  /** The stored reply, fresh or stale; undefined if there is none. */
  readonly cached: CachedReply | undefined;
  /** Where to store a fetched page. */
  readonly slot: PageSlot;
  /**
   * - `fresh`: no fetch is needed.
   * - `lease-free`: the reader may try to acquire the lease.
   * - `lease-held`: another reader fetches the page.
   * - `circuit-open`: OpenD is not called for `waitMs` milliseconds; 0 while another lease probes.
   * - `backoff`: the last fetch failed with `backoffCause`, and the next one waits for `waitMs` milliseconds.
   */
  readonly state: "fresh" | "lease-free" | "lease-held" | "circuit-open" | "backoff";
  readonly waitMs: number;
  readonly backoffCause?: FailureCode | undefined;
  /** Whether the next call to OpenD is the probe of a half-open circuit. */
  readonly isProbe: boolean;
  /** For how long the circuit was opened the last time, in milliseconds; 0 if it is closed. */
  readonly openPeriodMs: number;
  /**
   * Whether the page was answered before, or a stored page leads to its cursor. For a first page: whether the symbol was
   * answered before.
   */
  readonly isKnown: boolean;
}

/** What to store with a page. */
export interface PageWrite {
  readonly cached: CachedReply;
  readonly summary: PageSummary;
  /** Settles the permit of the call. */
  readonly settlement: Settlement;
  /**
   * Whether the page shows that the history was rewritten: older pages fetched before it are dropped, and a first page
   * is stale.
   */
  readonly isRewritten: boolean;
  /** What the page says of the market's publications; absent if nothing new. */
  readonly publication?: Publication | undefined;
  /** Its rows, for the record of first sights; see `datesToRecord`. Absent or '' if the page says nothing. */
  readonly dates?: string;
}

/** The result of a write: `unconfirmed` and `superseded` replies are not stored. */
export type WriteResult = "stored" | "unconfirmed" | "superseded";

/** The end of a fetch without a reply to store. */
export interface FetchEnd {
  /** For the circuit breaker; see `outcomeOf`. */
  readonly outcome: "answered" | "failed" | "inconclusive";
  /** For how long the page is not fetched again, in milliseconds, and because of which failure. */
  readonly backoff?: { readonly ms: number; readonly code: FailureCode };
}

/** One copy for all data centers, and the leases that let one of them fetch a page. */
export interface SharedCache {
  /**
   * Looks for a page with plain reads: one command, or two for a cursor that lies within a page of another cursor. A
   * replica may answer them.
   * @param ownLease the lease of this lookup: the page counts as free while it holds that lease itself
   * @throws Failure `store_unavailable`
   */
  look(key: PageKey, ownLease?: string): Promise<SharedLook>;
  /**
   * The lease that a fetch needs. It is acquired with the permit of the call, if the page has not changed since the look.
   * @param leaseId a name for the lease, unique to this lookup
   */
  lease(slot: PageSlot, leaseId: string): RequiredLease;
  /**
   * Stores a reply, releases the lease and settles the permit, in one script. A reply fetched before the stored one is
   * `superseded`. A reply that is older or emptier than the stored page is `unconfirmed` until it repeats: the stored page
   * stays, and the lease is held for a while.
   */
  write(slot: PageSlot, leaseId: string, write: PageWrite): Promise<WriteResult>;
  /** Releases the lease without a reply, in one round trip with other scripts. */
  release(slot: PageSlot, leaseId: string, end: FetchEnd, scripts?: readonly ScriptCall[]): Promise<void>;
}

/** Prefixes of keys that `npm run purge` deletes. It keeps the records of first sights. Only `--all` deletes the publications of the markets. */
export const PAGE_PREFIX = "short-interest:page:";
export const LEASE_PREFIX = "short-interest:lease:";
export const INDEX_PREFIX = "short-interest:index:";
export const PUBLICATION_PREFIX = "short-interest:publication:";

/** Pages that are tried for one cursor: pages overlap after new rows have moved their bounds. */
const MAX_CANDIDATES = 8;

const pageKeyOf = (key: PageKey) => PAGE_PREFIX + nameOf(key);
const leaseKeyOf = (key: PageKey) => LEASE_PREFIX + nameOf(key);
const indexKeyOf = ({ symbol }: PageKey) => INDEX_PREFIX + symbol;
const marketOf = ({ symbol }: PageKey) => parseSymbol(symbol).market;
const firstSeenKeyOf = ({ symbol }: PageKey) => FIRST_SEEN_PREFIX + symbol;
const publicationKeyOf = (key: PageKey) => PUBLICATION_PREFIX + marketOf(key);

/** A page as it was read, with the value of its lease. */
interface ReadPage {
  readonly key: PageKey;
  readonly stored: StoredPage | undefined;
  readonly lease: string | null;
}

/**
 * @param leaseMs after which a lease ends by itself: as long as a fetch may take
 * @param now Unix time, milliseconds
 */
export function createSharedCache(
  upstash: Upstash,
  leaseMs: number,
  now: () => number,
  policy: FreshnessPolicy,
): SharedCache {
  const readAll = (keys: readonly string[]) =>
    upstash.exec((redis) => redis.mget<(string | null)[]>(...keys));

  function cachedReplyOf(
    key: PageKey,
    stored: StoredPage,
    publication: Publication | undefined,
    { rewrittenAt }: StoredIndex,
  ): CachedReply {
    const { cursor, fetchedAt, expiresAt, newest, reply } = stored;
    const facts = { market: marketOf(key), cursor, fetchedAt, newest };
    // A first page may have the history from before the rewrite, if an older page showed it first.
    const unchangedUntil = fetchedAt < rewrittenAt ? rewrittenAt : expiresAt;
    const freshUntil = stored.isRefusal
      ? expiresAt
      : Math.min(policy.freshUntil(facts, publication), unchangedUntil);
    return { cursor, fetchedAt, freshUntil, staleUntil: expiresAt, reply };
  }

  /** Reads the pages that may have the row of a key's cursor. */
  async function readPagesWith(key: PageKey, index: StoredIndex, at: number): Promise<ReadPage[]> {
    const timestamp = key.num === undefined && !key.exact ? timestampOf(key.cursor) : undefined;
    if (timestamp === undefined) return [];
    const names = index.pagesWith(timestamp).slice(0, MAX_CANDIDATES);
    if (names.length === 0) return [];
    const values = await readAll(names.flatMap((name) => [PAGE_PREFIX + name, LEASE_PREFIX + name]));
    return names.flatMap((_, position) => {
      const [page = null, lease = null] = values.slice(2 * position, 2 * position + 2);
      const stored = validPage(page, index, at);
      // The page may have been replaced by a refusal, or by one without rows.
      return stored && timestamp <= stored.newest
        ? [{ key: { ...key, cursor: stored.cursor }, stored, lease }]
        : [];
    });
  }

  function validPage(value: string | null, { rewrittenAt }: StoredIndex, at: number): StoredPage | undefined {
    const stored = parseStoredPage(value);
    if (!stored || at >= stored.expiresAt) return undefined;
    const isDropped = stored.cursor !== FIRST_CURSOR && stored.fetchedAt < rewrittenAt;
    return isDropped ? undefined : stored;
  }

  return {
    async look(key, ownLease) {
      const [page = null, lease = null, circuitValue = null, indexValue = null, publicationValue = null] =
        await readAll([pageKeyOf(key), leaseKeyOf(key), CIRCUIT, indexKeyOf(key), publicationKeyOf(key)]);
      // One time for all: a refusal that expires meanwhile must not count as a stale page.
      const at = now();
      const index = parseIndex(indexValue, at);
      const publication = parsePublication(publicationValue);
      const own = { key, stored: validPage(page, index, at), lease };
      const pages = (own.stored ? [own] : await readPagesWith(key, index, at)).map((read) => ({
        ...read,
        cached: read.stored && cachedReplyOf(key, read.stored, publication, index),
      }));
      const isFresh = (cached: CachedReply | undefined) => cached !== undefined && at < cached.freshUntil;
      const found = pages.find(({ cached }) => isFresh(cached)) ?? pages[0] ?? { ...own, cached: undefined };
      const { cached } = found;
      const circuit = parseCircuit(circuitValue, at);
      const version = found.stored?.version ?? versionOf(page);
      const look = {
        cached,
        slot: { key: found.key, version, publication },
        isProbe: circuit.isHalfOpen,
        openPeriodMs: circuit.periodMs,
        isKnown: cached !== undefined || index.knows(key.cursor),
        waitMs: 0,
      };
      if (isFresh(cached)) return { ...look, state: "fresh" };
      const held = parseLease(found.lease === ownLease ? null : found.lease);
      if (held?.kind === "held") return { ...look, state: "lease-held" };
      if (held && held.until > at) {
        return { ...look, state: "backoff", waitMs: held.until - at, backoffCause: held.code };
      }
      const isForeignProbe = circuit.probe !== undefined && circuit.probe !== ownLease;
      if (circuit.openMs > 0 || isForeignProbe) {
        return { ...look, state: "circuit-open", waitMs: circuit.openMs };
      }
      return { ...look, state: "lease-free" };
    },
    lease({ key, version }, leaseId) {
      const keys = [pageKeyOf(key), leaseKeyOf(key), CIRCUIT];
      const args = [leaseId, leaseMs, now(), version].map(String);
      return { script: { script: LEASE_SCRIPT, keys, args }, key: leaseKeyOf(key), id: leaseId };
    },
    async write({ key }, leaseId, { cached, summary, settlement, isRewritten, publication, dates = "" }) {
      const isRefusal = isShortLived(cached);
      const { fetchedAt, staleUntil } = cached;
      const args = [
        leaseId,
        now(),
        formatStoredPage(cached, isRefusal, summary),
        fetchedAt,
        staleUntil,
        summary.newest,
        summary.extent,
        indexEntries(key, summary, fetchedAt, staleUntil, fetchedAt + SHARED_INDEX_MS).join("\n"),
        key.cursor === FIRST_CURSOR ? 0 : 1,
        isRewritten ? fetchedAt : 0,
        publication ? formatPublication(publication) : "",
        CONFIRM_AFTER_MS,
        dates,
        ...settlement.args,
      ];
      const keys = [
        pageKeyOf(key),
        leaseKeyOf(key),
        indexKeyOf(key),
        CIRCUIT,
        publicationKeyOf(key),
        settlement.key,
        firstSeenKeyOf(key),
      ];
      const [result] = await upstash.evalAll([{ script: WRITE_SCRIPT, keys, args: args.map(String) }]);
      return parse(picklist(["stored", "unconfirmed", "superseded"]), result);
    },
    async release({ key }, leaseId, { outcome, backoff }, scripts = []) {
      const args = [leaseId, backoff?.ms ?? 0, outcome, now(), backoff?.code ?? ""].map(String);
      const keys = [leaseKeyOf(key), CIRCUIT];
      await upstash.evalAll([{ script: RELEASE_SCRIPT, keys, args }, ...scripts]);
    },
  };
}
