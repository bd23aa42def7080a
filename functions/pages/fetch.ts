import { Failure, type FailureCode, QUOTA_CODES } from "../failure.ts";
import type { Permits, Priority } from "../limit/permits.ts";
import { parsePageReply } from "../opend/short-interest.ts";
import { MOST_ROWS, type Page, pageOf } from "../short-interest/page.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import type { EdgeCache } from "./edge-cache.ts";
import type { GlobalStore } from "./global-store.ts";
import {
  type KeptReply,
  keepPage,
  keepRefusal,
  keepUnknown,
  NOTHING,
  type PageKey,
  refusalTtl,
  summaryOf,
} from "./kept.ts";
import type { Fetched, Upstream } from "./upstream.ts";

/** After a failed refresh, the next one waits for this long: the stale copy is served. */
const REFRESH_PAUSE_MS = 5_000;

/** OpenD did not answer. A used-up quota or a refusal is an answer. */
const TRIPS_BREAKER: ReadonlySet<FailureCode> = new Set([
  "opend_unreachable",
  "opend_timeout",
  // Connection, login and call took the whole deadline of the request.
  "request_timeout",
  "opend_key_refused",
]);

export interface FetchParts {
  readonly edge: EdgeCache;
  readonly store: GlobalStore;
  readonly upstream: Upstream;
  readonly permits: Pick<Permits, "settling" | "block" | "refusal">;
  /** The client, for the fair shares. */
  readonly client: string;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  /** Keeps the Worker running until the given work has ended. */
  readonly background: (work: Promise<unknown>) => void;
  /** Called with each call that brought no page, and each call that could not be made because of OpenD. */
  readonly failed: (code: FailureCode) => void;
}

export interface FetchContext {
  /** The lease that allows the fetch. */
  readonly lease: string;
  /** The reply that the shared store has. */
  readonly stored: KeptReply | undefined;
  readonly priority: Priority;
}

/**
 * Fetches a reply from OpenD as the holder of the lease, stores it, and releases the lease.
 * @throws Failure of the permit, the call or the reply; a reply that contradicts the stored page is a failed refresh
 */
export async function fetchAndKeep(
  parts: FetchParts,
  symbol: SecuritySymbol,
  key: PageKey,
  context: FetchContext,
): Promise<KeptReply> {
  const { lease, stored, priority } = context;
  const { store, permits } = parts;
  const request = { symbol, cursor: key.cursor, num: key.num ?? MOST_ROWS };

  const fetched = await parts.upstream.fetch(request, { client: parts.client, priority }).catch((thrown) => {
    const failure = Failure.from(thrown);
    const { code } = failure;
    // A refused permit is not a failed call.
    if (!QUOTA_CODES.has(code)) parts.failed(code);
    const outcome = TRIPS_BREAKER.has(code) ? "failed" : "not-called";
    // Another client may have a share left.
    const isPaused = stored !== undefined && code !== "client_quota_exceeded";
    const end = { outcome, ...(isPaused && { pause: { ms: REFRESH_PAUSE_MS, code } }) } as const;
    later(parts, store.release(key, lease, end, []));
    throw failure;
  });
  const { reply, permit } = fetched;
  const fetchedAt = parts.now();
  let page: Page;
  try {
    page = pageOf(symbol.market, key.cursor, parsePageReply(reply));
  } catch (thrown) {
    throw await keepFailure(parts, key, context, fetched, fetchedAt, Failure.from(thrown));
  }
  // The page that leads to the cursor may have been stored during the call.
  if (priority === "unknown-cursor" && !(await store.isKnown(key).catch(() => false))) {
    const kept = keepUnknown(reply, key.cursor, fetchedAt);
    later(parts, store.release(key, lease, { outcome: "answered" }, [permits.settling(permit, true)]));
    await parts.edge.put(key, kept, undefined);
    return kept;
  }
  const kept = keepPage(reply, key.cursor, fetchedAt);
  pages.set(kept, page);
  const summary = summaryOf(page, key);
  const writing = store.write(key, lease, kept, summary, [permits.settling(permit, false)]);
  if ((await resultOf(parts, writing, stored)) === "stored") await parts.edge.put(key, kept, summary);
  return kept;
}

/** Stores a refusal that lasts, and releases the lease. Returns the failure to throw. */
async function keepFailure(
  parts: FetchParts,
  key: PageKey,
  { lease, stored, priority }: FetchContext,
  { reply, permit }: Fetched,
  fetchedAt: number,
  failure: Failure,
): Promise<Failure> {
  const { edge, store, permits } = parts;
  const { code, detail } = failure;
  const isUnknownCursor = priority === "unknown-cursor";
  const ttlMs = refusalTtl(code, isUnknownCursor);
  // Neither a refresh nor an unknown reason on a known page is the caller's waste.
  const isWasted = ttlMs !== undefined && !stored && (code !== "opend_failed" || isUnknownCursor);
  const settling = [permits.settling(permit, isWasted)];
  if (code !== "unknown_symbol") parts.failed(code);
  if (ttlMs === undefined || (stored && code !== "unknown_symbol")) {
    // Other programs use the account too: no calls for a window. Set before the lease is released.
    const retryAfterMs = code === "upstream_quota_exceeded" ? await permits.block() : undefined;
    const pause = stored && { ms: ttlMs ?? REFRESH_PAUSE_MS, code };
    later(parts, store.release(key, lease, { outcome: "answered", ...(pause && { pause }) }, settling));
    return retryAfterMs === undefined ? failure : new Failure(code, detail, { retryAfterMs });
  }
  const refusal = keepRefusal(reply, key.cursor, fetchedAt, ttlMs);
  const writing = store.write(key, lease, refusal, NOTHING, settling);
  if ((await resultOf(parts, writing, stored)) === "stored") await edge.put(key, refusal, undefined);
  return failure;
}

/**
 * A reply that replaces a stored page must be accepted by the store first.
 * @throws Failure `opend_failed` if it is doubted; whatever the store throws
 */
async function resultOf(
  parts: FetchParts,
  writing: ReturnType<GlobalStore["write"]>,
  stored: KeptReply | undefined,
) {
  if (stored === undefined) {
    later(parts, writing);
    return "stored";
  }
  const result = await writing;
  if (result !== "doubted") return result;
  parts.failed("opend_failed");
  throw new Failure(
    "opend_failed",
    "OpenD's reply contradicts the stored page, which is served until it repeats",
  );
}

function later({ background }: FetchParts, work: Promise<unknown>): void {
  background(work.catch(() => undefined));
}

/** The pages of the copies that this isolate has in memory: parsing one takes longer than serving it. */
const pages = new WeakMap<KeptReply, Page>();

/** @throws Failure of the reply: a refusal, or a reply that cannot be read */
export function readPage(symbol: SecuritySymbol, kept: KeptReply): Page {
  const page = pages.get(kept) ?? pageOf(symbol.market, kept.cursor, parsePageReply(kept.reply));
  pages.set(kept, page);
  return page;
}
