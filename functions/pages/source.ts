import { requestTimeout, within } from "../deadline.ts";
import { Failure } from "../failure.ts";
import {
  END,
  FIRST,
  firstRows,
  isSliceable,
  joined,
  MOST_ROWS,
  type Page,
  rowsAfter,
} from "../short-interest/page.ts";
import { formatSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import { readPage } from "./fetch.ts";
import { keepPage, type PageKey, timestampOf } from "./kept.ts";
import { type Found, type LookupParts, lookUp, type Origin } from "./lookup.ts";

/** A page, and how old it is. Times are Unix times in milliseconds. */
export interface Answer {
  readonly page: Page;
  /** Where its least near part came from. */
  readonly origin: Origin;
  /** Why a part of it is served past its freshness; absent while all of it is fresh. */
  readonly stale?: string | undefined;
  /** When its oldest part was fetched. */
  readonly fetchedAt: number;
  /** Until when all of it is fresh. */
  readonly freshUntil: number;
}

/** The one way to a page. */
export interface PageSource {
  /**
   * @param cursor `FIRST`, `END`, or the cursor of a page before
   * @param num rows wanted, 1 to 50; absent for as many as are kept together, at most 50
   * @throws Failure whatever stood in the way
   */
  page(symbol: SecuritySymbol, cursor: string, num?: number): Promise<Answer>;
  /** For a walk over pages: uses one connection to OpenD for all, until what is returned is called. */
  keepConnection(): () => void;
}

const NEAR_TO_FAR: readonly Origin[] = ["edge", "global", "joined", "fetched"];

export function createPageSource(given: LookupParts): PageSource {
  const parts = { ...given, storeHangs: {} };
  return {
    page(symbol, cursor, num) {
      let waiting = true;
      const late = () =>
        waiting
          ? new Failure("subrequest_limit", "This request looks up more pages than fit into its deadline")
          : requestTimeout(parts.requestMs);
      return within(parts.requestMs, late, (signal) => {
        const look: Look = (key) =>
          parts.room.within(() => {
            signal.throwIfAborted();
            waiting = false;
            return lookUp(parts, symbol, key);
          });
        return findPage(parts, look, symbol, cursor, num);
      });
    },
    keepConnection: parts.upstream.keepConnection,
  };
}

/** Looks up a reply, within the budget of subrequests. */
type Look = (key: PageKey) => Promise<Found>;

async function findPage(
  parts: LookupParts,
  look: Look,
  symbol: SecuritySymbol,
  cursor: string,
  num: number | undefined,
): Promise<Answer> {
  if (cursor === END) {
    const { fetchedAt, freshUntil } = keepPage(new Uint8Array(), cursor, parts.now());
    return { page: { market: symbol.market, rows: [], next: null }, origin: "edge", fetchedAt, freshUntil };
  }
  if (cursor !== FIRST && timestampOf(cursor) === undefined) {
    return rowsFrom(look, symbol, cursor, num ?? MOST_ROWS);
  }
  const head = await rowsFrom(look, symbol, cursor, undefined);
  if (num === undefined) return head;
  if (!isSliceable(head.page)) {
    return num === MOST_ROWS ? head : rowsFrom(look, symbol, cursor, num);
  }
  if (head.page.rows.length >= num || head.page.next === null) {
    return { ...head, page: firstRows(head.page, num) };
  }
  // The cursor lies near the end of a kept page: the rest is on the next one.
  // A short page, with the cursor of what follows, is better than none, and than rows out of order.
  const short = { ...head, freshUntil: head.fetchedAt };
  const tail = await rowsFrom(look, symbol, head.page.next, undefined).catch((thrown: unknown) => {
    if (head.page.rows.length === 0) throw thrown;
    return undefined;
  });
  if (tail === undefined || !isSliceable(joined(head.page, tail.page))) return short;
  return {
    page: firstRows(joined(head.page, tail.page), num),
    origin: NEAR_TO_FAR.indexOf(head.origin) > NEAR_TO_FAR.indexOf(tail.origin) ? head.origin : tail.origin,
    stale: head.stale ?? tail.stale,
    fetchedAt: Math.min(head.fetchedAt, tail.fetchedAt),
    freshUntil: Math.min(head.freshUntil, tail.freshUntil),
  };
}

/**
 * All rows from `cursor` to the end of the page that has them.
 * @param num rows to ask for, where no other page will do
 */
async function rowsFrom(
  look: Look,
  symbol: SecuritySymbol,
  cursor: string,
  num: number | undefined,
): Promise<Answer> {
  const key = { symbol: formatSymbol(symbol), cursor, num };
  const { kept, origin, stale } = await look(key);
  const { fetchedAt, freshUntil } = kept;
  const page = readPage(symbol, kept);
  if (kept.cursor === cursor) return { page, origin, stale, fetchedAt, freshUntil };
  const rest = rowsAfter(page, cursor);
  if (rest) return { page: rest, origin, stale, fetchedAt, freshUntil };
  // The cursor lies between two rows of a kept page; only OpenD knows what it means by it.
  return rowsFrom(look, symbol, cursor, MOST_ROWS);
}
