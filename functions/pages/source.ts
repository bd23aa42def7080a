import { within } from "../deadline.ts";
import { Failure } from "../failure.ts";
import { parsePageReply } from "../opend/short-interest.ts";
import {
  END,
  FIRST,
  firstRows,
  isSliceable,
  joined,
  MOST_ROWS,
  type Page,
  pageOf,
  rowsAfter,
} from "../short-interest/page.ts";
import { formatSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import type { EdgeCache, Span } from "./edge-cache.ts";
import { freshForMs, type KeptReply, type PageKey, UNKNOWN_SYMBOL_MS } from "./kept.ts";
import { fetchReply, type UpstreamParts } from "./upstream.ts";

/** Where an answer came from. `joined` an answer that another request was already fetching. */
export type Origin = "kept" | "joined" | "fetched";

/** A page, and how old it is. */
export interface Answer {
  readonly page: Page;
  /** Where its least near part came from. */
  readonly origin: Origin;
  /** When its oldest part was fetched, Unix time in milliseconds. */
  readonly fetchedAt: number;
  /** Until when all of it is fresh, Unix time in milliseconds. */
  readonly freshUntil: number;
}

/** The one way to a page. */
export interface PageSource {
  /**
   * @param cursor `FIRST`, `END`, or the cursor of a page before
   * @param num rows wanted, 1 to 50
   * @throws Failure whatever stood in the way
   */
  page(symbol: SecuritySymbol, cursor: string, num: number): Promise<Answer>;
}

export interface SourceParts extends UpstreamParts {
  readonly edge: EdgeCache;
  /** Unix time, milliseconds. */
  readonly now: () => number;
  /** Tells this gateway's fetches from those of another one in the same isolate. */
  readonly gateway: string;
}

/** A cursor that can be the timestamp of a row. Any other is opaque, and its page cannot be sliced. */
const TIMESTAMP_CURSOR = /^[1-9]\d{7,10}$/;

/** The fetches under way in this isolate, so that those who ask meanwhile share one. */
const underway = new Map<string, Promise<KeptReply>>();

export function createPageSource(parts: SourceParts): PageSource {
  return {
    page: (symbol, cursor, num) =>
      within(
        parts.deadlines.request,
        () => new Failure("opend_timeout", "OpenD did not answer in time"),
        () => findPage(parts, symbol, cursor, num),
      ),
  };
}

async function findPage(
  parts: SourceParts,
  symbol: SecuritySymbol,
  cursor: string,
  num: number,
): Promise<Answer> {
  if (cursor === END) {
    const now = parts.now();
    const page = { market: symbol.market, rows: [], next: null };
    return { page, origin: "kept", fetchedAt: now, freshUntil: now + freshForMs(cursor) };
  }
  const opaque = cursor !== FIRST && !TIMESTAMP_CURSOR.test(cursor);
  const head = await rowsFrom(parts, symbol, cursor, opaque ? num : undefined);
  if (opaque) return head;
  if (!isSliceable(head.page)) {
    return num === MOST_ROWS ? head : rowsFrom(parts, symbol, cursor, num);
  }
  if (head.page.rows.length >= num || head.page.next === null) {
    return { ...head, page: firstRows(head.page, num) };
  }
  // The cursor lies near the end of a kept page: the rest is on the next one.
  const tail = await rowsFrom(parts, symbol, head.page.next, undefined);
  if (!isSliceable(tail.page)) return head;
  return {
    page: firstRows(joined(head.page, tail.page), num),
    origin: tail.origin === "kept" ? head.origin : tail.origin,
    fetchedAt: Math.min(head.fetchedAt, tail.fetchedAt),
    freshUntil: Math.min(head.freshUntil, tail.freshUntil),
  };
}

/** All rows from `cursor` to the end of the page that has them, kept or fetched. */
async function rowsFrom(
  parts: SourceParts,
  symbol: SecuritySymbol,
  cursor: string,
  num: number | undefined,
): Promise<Answer> {
  const key = { symbol: formatSymbol(symbol), cursor, num };
  const exact = await parts.edge.get(key);
  if (exact) return answerOf(symbol, cursor, exact, "kept");
  if (num === undefined && cursor !== FIRST) {
    const around = await parts.edge.getAround(key.symbol, Number(cursor));
    if (around) {
      const answer = answerOf(symbol, around.cursor, around, "kept");
      const rest = isSliceable(answer.page) ? rowsAfter(answer.page, cursor) : undefined;
      if (rest) return { ...answer, page: rest };
    }
  }
  const name = `${parts.gateway} ${JSON.stringify(key)}`;
  const other = underway.get(name);
  if (other) return answerOf(symbol, cursor, await other, "joined");
  const fetching = fetchAndKeep(parts, symbol, key).finally(() => underway.delete(name));
  underway.set(name, fetching);
  parts.background(fetching.catch(() => undefined));
  return answerOf(symbol, cursor, await fetching, "fetched");
}

async function fetchAndKeep(parts: SourceParts, symbol: SecuritySymbol, key: PageKey): Promise<KeptReply> {
  const reply = await fetchReply(parts, { symbol, cursor: key.cursor, num: key.num ?? MOST_ROWS });
  const kept = { reply, fetchedAt: parts.now() };
  try {
    const { page } = answerOf(symbol, key.cursor, kept, "fetched");
    await parts.edge.put(key, kept, freshForMs(key.cursor), isSliceable(page) ? spanOf(page) : undefined);
  } catch (thrown) {
    const { code, detail } = Failure.from(thrown);
    if (code === "unknown_symbol") await parts.edge.put(key, kept, UNKNOWN_SYMBOL_MS);
    if (code === "upstream_quota_exceeded") {
      // Other programs use the account too. Calls before its window is over would only be refused.
      throw new Failure(code, detail, { retryAfterMs: await parts.permits.block() });
    }
    // Whoever waits for the reply reads the failure out of it.
  }
  return kept;
}

function answerOf(
  symbol: SecuritySymbol,
  cursor: string,
  { reply, fetchedAt }: KeptReply,
  origin: Origin,
): Answer {
  const page = pageOf(symbol.market, parsePageReply(reply));
  return { page, origin, fetchedAt, freshUntil: fetchedAt + freshForMs(cursor) };
}

function spanOf({ rows }: Page): Span | undefined {
  const newest = rows.at(0);
  const oldest = rows.at(-1);
  return newest && oldest && { newest: Number(newest.timestamp), oldest: Number(oldest.timestamp) };
}
