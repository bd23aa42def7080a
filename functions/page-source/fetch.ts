import { Failure, type FailureCode, QUOTA_CODES } from "../errors.ts";
import { parsePageReply } from "../opend/short-interest.ts";
import type { Permits, Priority } from "../rate-limit/permits.ts";
import { LeaseNotAcquired } from "../rate-limit/required-lease.ts";
import { parseCursor } from "../short-interest/cursor.ts";
import { FIRST_CURSOR, MAX_ROWS, type Page, pageOf } from "../short-interest/page.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import type { ScriptCall } from "../upstash.ts";
import {
  type CachedReply,
  cachedRefusal,
  cachedUnknownCursorPage,
  EMPTY_SUMMARY,
  type PageKey,
  summaryOf,
} from "./cached-reply.ts";
import { outcomeOf } from "./circuit-breaker.ts";
import type { EdgeCache } from "./edge-cache.ts";
import { datesToRecord } from "./first-seen.ts";
import {
  type FreshnessPolicy,
  negativeTtl,
  type Publication,
  publicationAfterFetch,
  REFRESH_BACKOFF_MS,
  staleUntil,
} from "./freshness.ts";
import { keepParsed, readPage } from "./parsed-page.ts";
import { isHistoryRewritten } from "./rewritten-history.ts";
import type { FetchEnd, PageWrite, SharedCache, SharedLook } from "./shared-cache.ts";
import type { Fetched, Upstream } from "./upstream.ts";

export interface FetchDeps {
  readonly edge: EdgeCache;
  readonly sharedCache: SharedCache;
  readonly upstream: Pick<Upstream, "fetch">;
  readonly permits: Pick<Permits, "block" | "rememberedRefusal">;
  readonly policy: FreshnessPolicy;
  /** The client, for its share of the calls. */
  readonly client: string;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** Called for each failed fetch, except for unknown symbols and refused permits. */
  readonly onFetchFailure: (code: FailureCode) => void;
  /** Called for each failed fetch, for the operator's log. */
  readonly onRefusal: (failure: Failure) => void;
}

export interface FetchContext {
  /** The name of the lease that the fetch acquires. */
  readonly leaseId: string;
  /** What the lookup found in the shared cache. */
  readonly look: SharedLook;
  readonly priority: Priority;
}

/**
 * Acquires the lease of a page together with the permit of the call, fetches the page from OpenD, stores it, and releases
 * the lease.
 * @returns undefined if the lease was not acquired: another reader fetches or has fetched the page
 * @throws Failure of the permit, the call or the reply; a reply that contradicts the stored page is a failed refresh
 */
export async function fetchAndCache(
  deps: FetchDeps,
  symbol: SecuritySymbol,
  context: FetchContext,
): Promise<CachedReply | undefined> {
  const { look, priority } = context;
  const { slot } = look;
  const { key } = slot;
  const fetched = await callOpend(deps, symbol, context);
  if (fetched === undefined) return undefined;
  const { reply, settlement, settleScript } = fetched;
  const fetchedAt = deps.now();
  let page: Page;
  try {
    page = pageOf(symbol.market, key.cursor, parsePageReply(reply));
  } catch (thrown) {
    throw await handleRefusal(deps, context, fetched, fetchedAt, Failure.from(thrown));
  }
  // The page that leads to the cursor may have been stored during the call.
  if (priority === "unknown-cursor" && !(await isKnownNow(deps, key))) {
    const cached = cachedUnknownCursorPage(reply, key.cursor, fetchedAt);
    releaseLease(deps, context, { outcome: "answered" }, [settleScript({ wasted: true })]);
    await deps.edge.put(key, cached, undefined);
    return cached;
  }
  const summary = summaryOf(page, key);
  const publication = publicationIn(page, key, slot.publication, fetchedAt);
  const facts = { market: symbol.market, cursor: key.cursor, fetchedAt, newest: summary.newest };
  const cached = {
    reply,
    cursor: key.cursor,
    fetchedAt,
    freshUntil: deps.policy.freshUntil(facts, publication ?? slot.publication),
    staleUntil: staleUntil(key.cursor, fetchedAt),
  };
  keepParsed(cached, page);
  const isRewritten = showsRewrittenHistory(symbol, look, page);
  const dates = datesToRecord(page, key);
  const write = { cached, summary, settlement: settlement({ wasted: false }), isRewritten, dates };
  const isStored = await store(deps, context, { ...write, ...(publication && { publication }) });
  if (isStored) await deps.edge.put(key, cached, summary);
  return cached;
}

/** @returns undefined if the lease was not acquired */
async function callOpend(deps: FetchDeps, symbol: SecuritySymbol, context: FetchContext) {
  const { leaseId, look, priority } = context;
  const { slot, cached: stored, isProbe } = look;
  const { cursor, num = MAX_ROWS } = slot.key;
  const lease = deps.sharedCache.lease(slot, leaseId);
  // Many data centers may compete for the lease of a probe or a refresh. No client waits for a refresh.
  const connectEarly = !isProbe && priority !== "refresh";
  try {
    return await deps.upstream.fetch(
      { symbol, cursor: parseCursor(cursor).key, num },
      { client: deps.client, priority, lease },
      connectEarly,
    );
  } catch (thrown) {
    if (thrown instanceof LeaseNotAcquired) return undefined;
    const failure = Failure.from(thrown);
    const { code } = failure;
    deps.onRefusal(failure);
    // A refused permit is not a failed call.
    if (!QUOTA_CODES.has(code)) deps.onFetchFailure(code);
    // A refused permit delays the next refresh too, unless another client may have a share left.
    const isBackedOff = stored !== undefined && code !== "client_quota_exceeded";
    const backoff = isBackedOff ? { ms: REFRESH_BACKOFF_MS, code } : undefined;
    releaseLease(deps, context, { outcome: outcomeOf(code), ...(backoff && { backoff }) });
    throw failure;
  }
}

/** Whether the fetched page shows, or may hide, that the history was rewritten since older pages were fetched. */
function showsRewrittenHistory(symbol: SecuritySymbol, look: SharedLook, page: Page): boolean {
  const { cached: stored, slot, isKnown } = look;
  if (stored !== undefined) return isHistoryRewritten(slot.key.cursor, readPage(symbol, stored), page);
  // The first page has expired before the older ones, and nothing can be compared.
  return isKnown && slot.key.cursor === FIRST_CURSOR && slot.key.num === undefined;
}

/** What a first page says of the market's publications; undefined if nothing new. */
function publicationIn(
  { market, rows }: Page,
  { cursor }: PageKey,
  previous: Publication | undefined,
  fetchedAt: number,
): Publication | undefined {
  if (cursor !== FIRST_CURSOR) return undefined;
  const timestamps = rows.map(({ timestamp }) => Number(timestamp));
  const publication = publicationAfterFetch(previous, market, timestamps, fetchedAt);
  return publication === previous ? undefined : publication;
}

async function isKnownNow({ sharedCache }: FetchDeps, key: PageKey): Promise<boolean> {
  return sharedCache.look(key).then(
    ({ isKnown }) => isKnown,
    () => false,
  );
}

/**
 * Ends a fetch that OpenD refused: caches a refusal that lasts, unless a stored page stays; otherwise releases the lease,
 * with a backoff if a page is stored. Returns the failure to throw.
 */
async function handleRefusal(
  deps: FetchDeps,
  context: FetchContext,
  { reply, settlement, settleScript }: Fetched,
  fetchedAt: number,
  failure: Failure,
): Promise<Failure> {
  const { edge, permits } = deps;
  const { code } = failure;
  const { look, priority } = context;
  deps.onRefusal(failure);
  const { cached: stored, slot } = look;
  const isUnknownCursor = priority === "unknown-cursor";
  const ttlMs = negativeTtl(code, isUnknownCursor);
  // A client wastes a call if it requests a symbol or cursor that does not exist; a refresh is not its request.
  const isWasted = ttlMs !== undefined && !stored && (code !== "opend_failed" || isUnknownCursor);
  if (code !== "unknown_symbol") deps.onFetchFailure(code);
  if (ttlMs === undefined || (stored && code !== "unknown_symbol")) {
    // Other programs use the account too: no calls for a window. Set before the lease is released.
    const retryAfterMs = code === "upstream_quota_exceeded" ? await permits.block() : undefined;
    const backoff = stored && { ms: ttlMs ?? REFRESH_BACKOFF_MS, code };
    // OpenD answers, but its own server does not: no call can succeed now.
    const outcome = outcomeOf(code) === "failed" ? "failed" : "answered";
    const end = { outcome, ...(backoff && { backoff }) } as const;
    releaseLease(deps, context, end, [settleScript({ wasted: isWasted })]);
    return retryAfterMs === undefined ? failure : failure.retryingAfter(retryAfterMs);
  }
  const negative = cachedRefusal(reply, slot.key.cursor, fetchedAt, ttlMs);
  const isStored = await store(deps, context, {
    cached: negative,
    summary: EMPTY_SUMMARY,
    settlement: settlement({ wasted: isWasted }),
    isRewritten: false,
  });
  if (isStored) await edge.put(slot.key, negative, undefined);
  return failure;
}

/**
 * Stores a reply. Waits for the write only if it replaces a stored page, because it may contradict that page.
 * @returns whether it was stored; a write in the background counts as stored
 * @throws Failure `opend_failed` for an unconfirmed reply; any failure of the write
 */
async function store(deps: FetchDeps, { look, leaseId }: FetchContext, write: PageWrite): Promise<boolean> {
  const writing = deps.sharedCache.write(look.slot, leaseId, write);
  if (look.cached === undefined) {
    deps.waitUntil(writing.catch(ignoreFailure));
    return true;
  }
  const result = await writing;
  if (result !== "unconfirmed") return result === "stored";
  deps.onFetchFailure("opend_failed");
  throw new Failure(
    "opend_failed",
    "OpenD's reply contradicts the stored page, which is served until the reply repeats",
  );
}

/** Releases the lease in the background. */
function releaseLease(
  { sharedCache, waitUntil }: FetchDeps,
  { look, leaseId }: FetchContext,
  end: FetchEnd,
  scripts: readonly ScriptCall[] = [],
): void {
  waitUntil(sharedCache.release(look.slot, leaseId, end, scripts).catch(ignoreFailure));
}

/** A lease that is not released ends by itself. */
function ignoreFailure(): void {}
