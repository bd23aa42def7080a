import { pageCursorOf, parseCursor } from "../short-interest/cursor.ts";
import {
  END_CURSOR,
  FIRST_CURSOR,
  firstRows,
  hasRowCursors,
  isSliceable,
  MAX_ROWS,
  type Page,
  rowsAfter,
  sliceByRow,
} from "../short-interest/page.ts";
import { formatSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import { requestTimeout, withTimeout } from "../timeout.ts";
import { type PageKey, timestampOf } from "./cached-reply.ts";
import type { FirstSeenReader } from "./first-seen.ts";
import { lookUp } from "./lookup.ts";
import { readPage } from "./parsed-page.ts";
import type { CacheTier, LookupResult, SharedLookupDeps } from "./shared-lookup.ts";
import { subrequestLimit } from "./subrequest-budget.ts";

/** A page, and its age. Times are Unix times in milliseconds. */
export interface PageResult {
  readonly page: Page;
  readonly tier: CacheTier;
  /** Why it counts as stale; also set for a fresh page that could not be revalidated. */
  readonly staleReason?: string | undefined;
  readonly fetchedAt: number;
  readonly freshUntil: number;
  /**
   * Until when the same request has the same result, because all its lookups were answered by copies of this data
   * center. Past if one was not.
   */
  readonly reusableUntil: number;
}

/** The only way to a page: every route, protocol and job reads pages here. */
export interface PageSource extends FirstSeenReader {
  /**
   * @param cursor `FIRST_CURSOR`, `END_CURSOR`, or the cursor of an earlier page
   * @param num requested rows, 1 to 50; absent for all rows that are cached together, 50 at most. A page has fewer where
   *   the cached page ends, if OpenD's cursors are no timestamps
   * @throws Failure of the lookup; `subrequest_limit`, also if no lookup starts before the deadline; `request_timeout`
   */
  page(symbol: SecuritySymbol, cursor: string, num?: number): Promise<PageResult>;
  /** Uses one connection to OpenD for several pages, until the returned function is called. */
  reuseConnection(): () => void;
}

/** The page source without stats; see `create-page-source.ts`. */
export function createLookupPageSource(sharedDeps: SharedLookupDeps): Omit<PageSource, "firstSeen"> {
  const deps = { ...sharedDeps, redisFailure: {} };
  return {
    page(symbol, cursor, num) {
      let isWaiting = true;
      const timeoutError = () =>
        isWaiting
          ? subrequestLimit("The request needs more lookups than its deadline allows")
          : requestTimeout(deps.requestMs);
      return withTimeout(deps.requestMs, timeoutError, async (signal) => {
        const reusableUntil: number[] = [];
        const lookup: Lookup = async (key) => {
          const index = reusableUntil.push(0) - 1;
          const result = await deps.budget.run(() => {
            signal.throwIfAborted();
            isWaiting = false;
            return lookUp(deps, symbol, key);
          });
          reusableUntil[index] = result.reusableUntil ?? 0;
          return result;
        };
        const { pageCursor: _, ...found } = await findPage(deps, lookup, symbol, cursor, num);
        return { ...found, reusableUntil: reusableUntil.length > 0 ? Math.min(...reusableUntil) : 0 };
      });
    },
    reuseConnection: deps.upstream.reuseConnection,
  };
}

/** Looks up a reply, within the subrequest budget. */
type Lookup = (key: PageKey) => Promise<LookupResult>;
interface FoundPage extends Omit<PageResult, "reusableUntil"> {
  /** The cursor of the cached page that has the rows. */
  readonly pageCursor: string;
}

async function findPage(
  deps: SharedLookupDeps,
  lookup: Lookup,
  symbol: SecuritySymbol,
  cursor: string,
  num: number | undefined,
): Promise<FoundPage> {
  const { key: opendCursor, anchor, row } = parseCursor(cursor);
  if (opendCursor === END_CURSOR) {
    const fetchedAt = deps.now();
    const page = { market: symbol.market, rows: [], next: null };
    const facts = { market: symbol.market, cursor: END_CURSOR, fetchedAt, newest: 0 };
    const freshUntil = deps.policy.freshUntil(facts, undefined);
    return { page, pageCursor: cursor, tier: "edge", fetchedAt, freshUntil };
  }
  const key = { symbol: formatSymbol(symbol), cursor };
  if (anchor !== undefined || row !== undefined) {
    return findByRow(lookup, symbol, cursor, num);
  }
  if (cursor !== FIRST_CURSOR && timestampOf(cursor) === undefined) {
    return rowsFrom(lookup, symbol, { ...key, num: num ?? MAX_ROWS });
  }
  const head = await rowsFrom(lookup, symbol, key);
  if (num === undefined) return head;
  // A history of one page does not show which kind of cursor OpenD has.
  const isSinglePage = head.pageCursor === FIRST_CURSOR && head.page.next === null;
  if (!isSliceable(head.page) || isSinglePage) {
    if (hasRowCursors(head.page, head.pageCursor)) {
      return { ...head, page: sliceByRow(head.page, head.pageCursor, undefined, num) };
    }
    return num === MAX_ROWS ? head : rowsFrom(lookup, symbol, { ...key, num });
  }
  if (head.page.rows.length >= num || head.page.next === null) {
    return { ...head, page: firstRows(head.page, num) };
  }
  // The cursor lies near the end of a cached page. All rows of a result come from one reply, because two replies may be
  // from before and after the history was rewritten. If the fetch fails, respond with the rows that are cached.
  const short = { ...head, freshUntil: head.fetchedAt };
  const full = await rowsFrom(lookup, symbol, { ...key, exact: true }).catch((thrown: unknown) => {
    if (head.page.rows.length === 0) throw thrown;
    return undefined;
  });
  return full && isSliceable(full.page) ? { ...full, page: firstRows(full.page, num) } : short;
}

/** The rows of a cursor with timestamps. All calls have the same `num`, because a cursor of OpenD may depend on it. */
async function findByRow(
  lookup: Lookup,
  symbol: SecuritySymbol,
  cursor: string,
  num: number | undefined,
): Promise<FoundPage> {
  const { row } = parseCursor(cursor);
  const pageCursor = pageCursorOf(cursor);
  const isOpaque = pageCursor !== FIRST_CURSOR && timestampOf(pageCursor) === undefined;
  const key = { symbol: formatSymbol(symbol), cursor: pageCursor, ...(isOpaque && { num: MAX_ROWS }) };
  const found = await rowsFrom(lookup, symbol, key);
  const page = sliceByRow(found.page, found.pageCursor, row, num);
  const isPassed = row !== undefined && page.rows.length === 0 && page.next !== null;
  // New rows have shifted the rest of the page to the next one. Once, because a cursor may be invented.
  return isPassed ? findByRow(lookup, symbol, pageCursorOf(page.next), num) : { ...found, page };
}

/**
 * All rows from the cursor of a key to the end of the page that has them.
 * @param key with a row count only if the page cannot be sliced
 */
async function rowsFrom(lookup: Lookup, symbol: SecuritySymbol, key: PageKey): Promise<FoundPage> {
  const { cached, tier, staleReason } = await lookup(key);
  const { fetchedAt, freshUntil } = cached;
  const page = readPage(symbol, cached);
  const found = { tier, staleReason, fetchedAt, freshUntil, pageCursor: cached.cursor };
  if (cached.cursor === key.cursor) return { ...found, page };
  const rest = rowsAfter(page, key.cursor);
  if (rest) return { ...found, page: rest };
  // The cursor lies between two rows of a cached page, so only OpenD knows its meaning.
  return rowsFrom(lookup, symbol, { ...key, num: MAX_ROWS });
}
