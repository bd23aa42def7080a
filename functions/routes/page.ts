import { contentTypeOf, type FormatName, negotiate, PAGE_FORMATS } from "../http/formats.ts";
import { PageQuery, parseQuery } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { respondWithPages } from "../middleware/response-cache.ts";
import { pageCsv } from "../short-interest/csv.ts";
import { pageJson, rowsNdjson } from "../short-interest/json.ts";
import { FIRST_CURSOR, type Page } from "../short-interest/page.ts";
import { pageProtobuf } from "../short-interest/protobuf.ts";
import { parseSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";

type Render = (symbol: SecuritySymbol, page: Page) => string | Uint8Array<ArrayBuffer>;

const RENDER: Readonly<Record<FormatName, Render>> = {
  json: pageJson,
  csv: (_, page) => pageCsv(page),
  ndjson: (_, { market, rows }) => rowsNdjson(market, rows),
  protobuf: (_, page) => pageProtobuf(page),
};

/** `GET /v1/short-interest/{symbol}`: one page. */
export async function getPage(context: AppContext, symbolText: string): Promise<Response> {
  const symbol = parseSymbol(symbolText);
  const query = parseQuery(PageQuery, context.req.url);
  const accept = context.req.header("Accept");
  const format = query.format ?? negotiate(PAGE_FORMATS, accept);
  const result = await context.var.pageSource.page(symbol, query.next_key ?? FIRST_CURSOR, query.num);
  const body = RENDER[format](symbol, result.page);
  return respondWithPages(context, body, result, {
    "Content-Type": contentTypeOf(format, accept),
    ...linkToNext(context.req.url, result.page.next),
  });
}

/** A Link header for the next page (RFC 8288): CSV and NDJSON have no member for a cursor. */
function linkToNext(url: string, next: string | null): Record<string, string> {
  if (next === null) return {};
  const target = new URL(url);
  target.searchParams.set("next_key", next);
  return { Link: `<${target.pathname}${target.search}>; rel="next"` };
}
