import {
  type CachedReply,
  cachedRefusal,
  EMPTY_SUMMARY,
  summaryOf,
} from "../../../functions/page-source/cached-reply.ts";
import { datesToRecord } from "../../../functions/page-source/first-seen.ts";
import { publicationAfterFetch, staleUntil } from "../../../functions/page-source/freshness.ts";
import { readPage } from "../../../functions/page-source/parsed-page.ts";
import { isHistoryRewritten } from "../../../functions/page-source/rewritten-history.ts";
import type { PageWrite, SharedLook } from "../../../functions/page-source/shared-cache.ts";
import { parseSymbol } from "../../../functions/short-interest/symbol.ts";
import type { Reply } from "./upstream-history.ts";

const REFUSAL_MS = 10 * 60_000;

/** What the Worker stores of a reply. */
export function writeOf(
  reply: Reply,
  { slot, cached: stored, isKnown }: SharedLook,
  fetchedAt: number,
): Omit<PageWrite, "settlement"> {
  const { key, publication: known } = slot;
  const { cursor } = key;
  if (reply.isDenial) {
    const cached = cachedRefusal(reply.bytes, cursor, fetchedAt, REFUSAL_MS);
    return { cached, summary: EMPTY_SUMMARY, isRewritten: false };
  }
  const symbol = parseSymbol(key.symbol);
  const cached: CachedReply = {
    reply: reply.bytes,
    cursor,
    fetchedAt,
    // Not stored: the cache computes it.
    freshUntil: 0,
    staleUntil: staleUntil(cursor, fetchedAt),
  };
  const page = readPage(symbol, cached);
  const publication = publicationAfterFetch(known, symbol.market, reply.rows, fetchedAt);
  return {
    cached,
    summary: summaryOf(page, key),
    dates: datesToRecord(page, key),
    isRewritten: stored
      ? isHistoryRewritten(cursor, readPage(symbol, stored), page)
      : isKnown && cursor === "" && key.num === undefined,
    ...(cursor === "" && publication !== known && { publication }),
  };
}
