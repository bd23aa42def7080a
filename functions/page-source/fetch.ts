import { Failure, type FailureCode, QUOTA_CODES } from "../errors.ts";
import { parsePageReply } from "../opend/short-interest.ts";
import type { Permits, Priority } from "../rate-limit/permits.ts";
import { MAX_ROWS, type Page, pageOf } from "../short-interest/page.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import {
  type CachedReply,
  cachedPage,
  cachedRefusal,
  cachedUnknownCursorPage,
  EMPTY_SUMMARY,
  type PageKey,
  summaryOf,
} from "./cached-reply.ts";
import { outcomeOf } from "./circuit-breaker.ts";
import type { EdgeCache } from "./edge-cache.ts";
import { negativeTtl, REFRESH_BACKOFF_MS } from "./freshness.ts";
import { keepParsed } from "./parsed-page.ts";
import type { SharedCache } from "./shared-cache.ts";
import type { Fetched, Upstream } from "./upstream.ts";

export interface FetchDeps {
  readonly edge: EdgeCache;
  readonly sharedCache: SharedCache;
  readonly upstream: Upstream;
  readonly permits: Pick<Permits, "block" | "rememberedRefusal">;
  /** The client, for its share of the calls. */
  readonly client: string;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** Called for each failed fetch, except for unknown symbols and refused permits. */
  readonly onFetchFailure: (code: FailureCode) => void;
}

export interface FetchContext {
  /** The lease that allows the fetch. */
  readonly leaseId: string;
  /** The reply in the shared cache. */
  readonly stored: CachedReply | undefined;
  readonly priority: Priority;
}

/**
 * Fetches a reply from OpenD as the holder of the lease, stores it, and releases the lease.
 * @throws Failure of the permit, the call or the reply; a reply that contradicts the stored page is a failed refresh
 */
export async function fetchAndCache(
  deps: FetchDeps,
  symbol: SecuritySymbol,
  key: PageKey,
  context: FetchContext,
): Promise<CachedReply> {
  const { leaseId, stored, priority } = context;
  const { sharedCache } = deps;
  const request = { symbol, cursor: key.cursor, num: key.num ?? MAX_ROWS };

  const fetched = await deps.upstream.fetch(request, { client: deps.client, priority }).catch((thrown) => {
    const failure = Failure.from(thrown);
    const { code } = failure;
    // A refused permit is not a failed call.
    if (!QUOTA_CODES.has(code)) deps.onFetchFailure(code);
    // A refused permit delays the next refresh too, unless another client may have a share left.
    const isBackedOff = stored !== undefined && code !== "client_quota_exceeded";
    const backoff = isBackedOff ? { ms: REFRESH_BACKOFF_MS, code } : undefined;
    inBackground(
      deps,
      sharedCache.release(key, leaseId, { outcome: outcomeOf(code), ...(backoff && { backoff }) }),
    );
    throw failure;
  });
  const { reply, settleScript } = fetched;
  const fetchedAt = deps.now();
  let page: Page;
  try {
    page = pageOf(symbol.market, key.cursor, parsePageReply(reply));
  } catch (thrown) {
    throw await handleRefusal(deps, key, context, fetched, fetchedAt, Failure.from(thrown));
  }
  // The page that leads to the cursor may have been stored during the call.
  if (priority === "unknown-cursor" && !(await sharedCache.isKnown(key).catch(() => false))) {
    const cached = cachedUnknownCursorPage(reply, key.cursor, fetchedAt);
    inBackground(
      deps,
      sharedCache.release(key, leaseId, { outcome: "answered" }, [settleScript({ wasted: true })]),
    );
    await deps.edge.put(key, cached, undefined);
    return cached;
  }
  const cached = cachedPage(reply, key.cursor, fetchedAt);
  keepParsed(cached, page);
  const summary = summaryOf(page, key);
  const writing = sharedCache.write(key, leaseId, cached, summary, [settleScript({ wasted: false })]);
  if ((await awaitWrite(deps, writing, stored)) === "stored") await deps.edge.put(key, cached, summary);
  return cached;
}

/**
 * Ends a fetch that OpenD refused: caches a refusal that lasts, unless a stored page stays; otherwise releases the lease,
 * with a backoff if a page is stored. Returns the failure to throw.
 */
async function handleRefusal(
  deps: FetchDeps,
  key: PageKey,
  { leaseId, stored, priority }: FetchContext,
  { reply, settleScript }: Fetched,
  fetchedAt: number,
  failure: Failure,
): Promise<Failure> {
  const { edge, sharedCache, permits } = deps;
  const { code, detail } = failure;
  const isUnknownCursor = priority === "unknown-cursor";
  const ttlMs = negativeTtl(code, isUnknownCursor);
  // A client wastes a call if it requests a symbol or cursor that does not exist; a refresh is not its request.
  const isWasted = ttlMs !== undefined && !stored && (code !== "opend_failed" || isUnknownCursor);
  const scripts = [settleScript({ wasted: isWasted })];
  if (code !== "unknown_symbol") deps.onFetchFailure(code);
  if (ttlMs === undefined || (stored && code !== "unknown_symbol")) {
    // Other programs use the account too: no calls for a window. Set before the lease is released.
    const retryAfterMs = code === "upstream_quota_exceeded" ? await permits.block() : undefined;
    const backoff = stored && { ms: ttlMs ?? REFRESH_BACKOFF_MS, code };
    const end = { outcome: "answered", ...(backoff && { backoff }) } as const;
    inBackground(deps, sharedCache.release(key, leaseId, end, scripts));
    return retryAfterMs === undefined ? failure : new Failure(code, detail, { retryAfterMs });
  }
  const negative = cachedRefusal(reply, key.cursor, fetchedAt, ttlMs);
  const writing = sharedCache.write(key, leaseId, negative, EMPTY_SUMMARY, scripts);
  if ((await awaitWrite(deps, writing, stored)) === "stored") await edge.put(key, negative, undefined);
  return failure;
}

/**
 * Waits for the write of a reply only if it replaces a stored page, because it may contradict that page.
 * @throws Failure `opend_failed` for an unconfirmed reply; any failure of the write
 */
async function awaitWrite(
  deps: FetchDeps,
  writing: ReturnType<SharedCache["write"]>,
  stored: CachedReply | undefined,
) {
  if (stored === undefined) {
    inBackground(deps, writing);
    return "stored";
  }
  const result = await writing;
  if (result !== "unconfirmed") return result;
  deps.onFetchFailure("opend_failed");
  throw new Failure(
    "opend_failed",
    "OpenD's reply contradicts the stored page, which is served until the reply repeats",
  );
}

function inBackground({ waitUntil }: FetchDeps, work: Promise<unknown>): void {
  waitUntil(work.catch(() => undefined));
}
