import {
  array,
  type InferOutput,
  literal,
  number,
  parse,
  picklist,
  safeParse,
  string,
  tuple,
  union,
} from "valibot";
import { FAILURE_CODES, type FailureCode } from "../errors.ts";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import type { ScriptCall, Upstash } from "../upstash.ts";
import { type CachedReply, nameOf, type PageKey, type PageSummary, timestampOf } from "./cached-reply.ts";
import { CIRCUIT } from "./circuit-breaker.ts";
import { CONFIRM_AFTER_MS } from "./freshness.ts";
import { READ_OR_LEASE_SCRIPT, RELEASE_SCRIPT, WRITE_SCRIPT } from "./shared-cache-scripts.ts";

/** A page of the shared cache, and whether the reader may fetch it. */
export interface SharedCacheRead {
  /** The stored reply, fresh or stale; undefined if there is none. */
  readonly cached: CachedReply | undefined;
  /**
   * - `fresh`: no fetch is needed.
   * - `lease-acquired`: this reader fetches the page.
   * - `lease-held`: another reader fetches it.
   * - `circuit-open`: OpenD is not called for `waitMs` milliseconds; 0 while another lease probes.
   * - `backoff`: the last fetch failed with `backoffCause`, and the next one waits for `waitMs` milliseconds.
   */
  readonly state: "fresh" | "lease-acquired" | "lease-held" | "circuit-open" | "backoff";
  readonly waitMs: number;
  readonly backoffCause?: FailureCode | undefined;
  /**
   * With the lease: whether the page was answered before, or a stored page leads to its cursor. For a first page:
   * whether the symbol was answered before.
   */
  readonly isKnown: boolean;
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
   * Reads a page, and acquires its lease if the page is missing or stale. A page stored under another cursor whose
   * rows continue past the requested one is found as well; the lease is then that page's.
   * @param leaseId a name for the lease, unique to this lookup
   * @throws Failure `store_unavailable`
   */
  readOrLease(key: PageKey, leaseId: string): Promise<SharedCacheRead>;
  /**
   * Reads a page with plain commands, without a lease: one command for a page stored under this key, three at most.
   * @throws Failure `store_unavailable`
   */
  peek(key: PageKey): Promise<CachedReply | undefined>;
  /**
   * Whether the page was answered before, or a stored page leads to its cursor: one command.
   * @throws Failure `store_unavailable`
   */
  isKnown(key: PageKey): Promise<boolean>;
  /**
   * Stores a reply and releases the lease, in one round trip with other scripts. A reply fetched before the stored
   * one is `superseded`. A reply that is older or emptier than the stored page is `unconfirmed` until it repeats: the
   * stored page stays, and the lease is held for a while.
   */
  write(
    key: PageKey,
    leaseId: string,
    cached: CachedReply,
    summary: PageSummary,
    scripts: readonly ScriptCall[],
  ): Promise<WriteResult>;
  /** Releases the lease without a reply, in one round trip with other scripts. */
  release(key: PageKey, leaseId: string, end: FetchEnd, scripts?: readonly ScriptCall[]): Promise<void>;
}

/** Prefixes of the keys of pages, their leases, and the index of a symbol's pages; `npm run purge` deletes them. */
export const PAGE_PREFIX = "short-interest:page:";
export const LEASE_PREFIX = "short-interest:lease:";
export const INDEX_PREFIX = "short-interest:index:";

/** Index entries that are tried for one cursor: pages overlap after new rows have moved their bounds. */
const MAX_CANDIDATES = 8;

const FIELDS = ["entry", "cursor", "fetched", "fresh", "stale", "reply"] as const;
const PageFields = tuple([string(), string(), string(), string(), string()]);
/** A missing hash has null in each field. */
const StoredFields = tuple([string(), ...PageFields.items]);
const ReadReply = union([
  tuple([literal("indexed"), array(string())]),
  tuple([
    picklist(["fresh", "lease-acquired", "lease-held", "circuit-open", "backoff"]),
    number(),
    number(),
    union([literal(""), picklist(FAILURE_CODES)]),
    ...PageFields.items,
  ]),
]);

const pageKeyOf = (name: string) => PAGE_PREFIX + name;
const leaseKeyOf = (name: string) => LEASE_PREFIX + name;
const indexKeyOf = ({ symbol }: PageKey) => INDEX_PREFIX + symbol;
/** The member by which an index knows that a stored page leads to a cursor; '' for the first page. */
const nextMemberOf = (cursor: string) => (cursor === FIRST_CURSOR ? "" : `next ${cursor}`);
/** An index entry is `newest name`. */
const nameIn = (entry: string) => entry.slice(entry.indexOf(" ") + 1);

/**
 * @param leaseMs after which a lease ends by itself: as long as a fetch may take
 * @param now Unix time, milliseconds
 */
export function createSharedCache(upstash: Upstash, leaseMs: number, now: () => number): SharedCache {
  /** @param entries of the index, whose pages are tried first */
  async function readOnce(key: PageKey, leaseId: string, timestamp: number | undefined, entries: string[]) {
    const names = [...entries.map(nameIn), nameOf(key)];
    const keys = [indexKeyOf(key), CIRCUIT, ...names.flatMap((name) => [pageKeyOf(name), leaseKeyOf(name)])];
    const args = [
      leaseId,
      leaseMs,
      now(),
      timestamp ?? "",
      MAX_CANDIDATES,
      nextMemberOf(key.cursor),
      ...entries,
    ];
    return upstash.eval({ script: READ_OR_LEASE_SCRIPT, keys, args: args.map(String) }, ReadReply);
  }

  /** @param member the index entry that led to the page */
  async function load(name: string, member?: string): Promise<CachedReply | undefined> {
    const reply = await upstash.exec((redis) => redis.exec<unknown>(["HMGET", pageKeyOf(name), ...FIELDS]));
    const { success, output } = safeParse(StoredFields, reply);
    if (!success) return undefined;
    const [entry, ...page] = output;
    if (member !== undefined && member !== entry) return undefined;
    const cached = cachedReplyOf(page);
    return cached && now() < cached.staleUntil ? cached : undefined;
  }

  return {
    async readOrLease(key, leaseId) {
      const timestamp = key.num === undefined ? timestampOf(key.cursor) : undefined;
      let reply = await readOnce(key, leaseId, timestamp, []);
      if (reply[0] === "indexed") reply = await readOnce(key, leaseId, undefined, reply[1]);
      if (reply[0] === "indexed") throw new Error("A read without an index search has no index entries");
      const [state, waitMs, isKnown, code, ...page] = reply;
      return {
        state,
        waitMs,
        isKnown: isKnown === 1,
        backoffCause: code || undefined,
        cached: cachedReplyOf(page),
      };
    },
    async peek(key) {
      const own = await load(nameOf(key));
      const timestamp = timestampOf(key.cursor);
      if (own || key.num !== undefined || timestamp === undefined) return own;
      const range = { byScore: true, rev: true, offset: 0, count: MAX_CANDIDATES } as const;
      const found = await upstash.exec((redis) =>
        redis.zrange<unknown[]>(indexKeyOf(key), `(${timestamp}`, "-inf", range),
      );
      const entry = parse(array(string()), found).find((member) => Number(member.split(" ")[0]) >= timestamp);
      return entry === undefined ? undefined : load(nameIn(entry), entry);
    },
    async isKnown(key) {
      const member = nextMemberOf(key.cursor);
      const found = await upstash.exec(async (redis) =>
        member === "" ? redis.exists(indexKeyOf(key)) : redis.zscore(indexKeyOf(key), member),
      );
      return found !== null && Number(found) > 0;
    },
    async write(key, leaseId, cached, { newest, extent, next, range }, scripts) {
      const args = [
        leaseId,
        cached.cursor,
        cached.fetchedAt,
        cached.freshUntil,
        cached.staleUntil,
        base64Of(cached.reply),
        newest,
        extent,
        range ? `${range.newest} ${nameOf(key)}` : "",
        range?.oldest ?? "",
        next === null ? "" : nextMemberOf(next),
        now(),
        CONFIRM_AFTER_MS,
      ];
      const keys = [pageKeyOf(nameOf(key)), leaseKeyOf(nameOf(key)), indexKeyOf(key), CIRCUIT];
      const [result] = await upstash.evalAll([
        { script: WRITE_SCRIPT, keys, args: args.map(String) },
        ...scripts,
      ]);
      return parse(picklist(["stored", "unconfirmed", "superseded"]), result);
    },
    async release(key, leaseId, { outcome, backoff }, scripts = []) {
      const args = [leaseId, backoff?.ms ?? 0, outcome, now(), backoff?.code ?? ""].map(String);
      await upstash.evalAll([
        { script: RELEASE_SCRIPT, keys: [leaseKeyOf(nameOf(key)), CIRCUIT], args },
        ...scripts,
      ]);
    },
  };
}

function cachedReplyOf([cursor, fetchedAt, freshUntil, staleUntil, base64]: InferOutput<typeof PageFields>) {
  if (base64 === "") return undefined;
  return {
    cursor,
    fetchedAt: Number(fetchedAt),
    freshUntil: Number(freshUntil),
    staleUntil: Number(staleUntil),
    reply: Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)),
  };
}

function base64Of(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
