import { parsePageReply } from "../opend/short-interest.ts";
import { type Page, pageOf } from "../short-interest/page.ts";
import type { SecuritySymbol } from "../short-interest/symbol.ts";
import type { CachedReply } from "./cached-reply.ts";

/** The parsed pages of the replies that this isolate has in memory: parsing a page takes longer than serving it. */
const pages = new WeakMap<CachedReply, Page>();

/** Keeps a page that was parsed before its reply was cached. */
export function keepParsed(cached: CachedReply, page: Page): void {
  pages.set(cached, page);
}

/** @throws Failure of the reply: a refusal, or a reply that cannot be decoded */
export function readPage(symbol: SecuritySymbol, cached: CachedReply): Page {
  const page = pages.get(cached) ?? pageOf(symbol.market, cached.cursor, parsePageReply(cached.reply));
  pages.set(cached, page);
  return page;
}
