import { Failure } from "../errors.ts";
import { contentTypeOf, type FormatName, negotiate, PAGE_FORMATS, SERIES_FORMATS } from "../http/formats.ts";
import { PageQuery, parseQuery } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { respondWithPages } from "../middleware/response-cache.ts";
import type { Column } from "../short-interest/columns.ts";
import { pageCsv } from "../short-interest/csv.ts";
import { pageJson, rowsNdjson } from "../short-interest/json.ts";
import { FIRST_CURSOR, type Page } from "../short-interest/page.ts";
import { pageProtobuf } from "../short-interest/protobuf.ts";
import { parseSymbol, type SecuritySymbol } from "../short-interest/symbol.ts";
import { withIncluded } from "./included-columns.ts";

type Render = (
  symbol: SecuritySymbol,
  page: Page,
  more: readonly Column[],
) => string | Uint8Array<ArrayBuffer>;

const RENDER: Readonly<Record<FormatName, Render>> = {
  json: pageJson,
  csv: (_, page, more) => pageCsv(page, more),
  ndjson: (_, { market, rows }, more) => rowsNdjson(market, rows, more),
  protobuf: (_, page) => pageProtobuf(page),
};

/** `GET /v1/short-interest/{symbol}`: one page. */
export async function getPage(context: AppContext, symbolText: string): Promise<Response> {
  const symbol = parseSymbol(symbolText);
  const query = parseQuery(PageQuery, context.req.url);
  const accept = context.req.header("Accept");
  const formats = query.include ? SERIES_FORMATS : PAGE_FORMATS;
  const format = query.format ?? negotiate(formats, accept);
  if (query.include && format === "protobuf") throw notInProtobuf();
  const { source, columns } = withIncluded(context.var.pageSource, query.include);
  const result = await source.page(symbol, query.next_key ?? FIRST_CURSOR, query.num);
  const body = RENDER[format](symbol, result.page, columns);
  return respondWithPages(context, body, result, {
    "Content-Type": contentTypeOf(format, accept),
    ...linkToNext(context.req.url, result.page.next),
  });
}

/** The message is OpenD's own, and has no such field. */
function notInProtobuf(): Failure {
  const detail = `include does not work with format=protobuf: use ${SERIES_FORMATS.join(", ")}`;
  return new Failure("invalid_parameter", detail, { parameter: "include" });
}

/** A Link header for the next page (RFC 8288): CSV and NDJSON have no member for a cursor. */
function linkToNext(url: string, next: string | null): Record<string, string> {
  if (next === null) return {};
  const target = new URL(url);
  target.searchParams.set("next_key", next);
  return { Link: `<${target.pathname}${target.search}>; rel="next"` };
}
