import type { Context } from "hono";
import * as v from "valibot";
import { cachingHeaders } from "../http/caching.ts";
import { FORMATS, type Format, type FormatName, negotiate } from "../http/formats.ts";
import type { PageSource } from "../pages/source.ts";
import { FIRST, MOST_ROWS } from "../short-interest/page.ts";
import { parseSymbol } from "../short-interest/symbol.ts";
import { once, parseQuery } from "./query.ts";

const LONGEST_CURSOR = 256;
const NUM = `num is a whole number from 1 to ${MOST_ROWS}`;
const NEXT_KEY = `next_key is the next_key of an answer: at most ${LONGEST_CURSOR} printable characters`;

const FORMAT_NAMES = Object.keys(FORMATS);
const FORMAT = `format is one of ${FORMAT_NAMES.join(", ")}`;

const Query = v.strictObject(
  {
    num: v.pipe(
      v.optional(once(NUM), ["10"]),
      v.transform(([text = ""]) => text),
      v.regex(/^[1-9]\d?$/, NUM),
      v.transform(Number),
      v.maxValue(MOST_ROWS, NUM),
    ),
    next_key: v.pipe(
      v.optional(once(NEXT_KEY), [FIRST]),
      v.transform(([text = FIRST]) => text),
      v.maxLength(LONGEST_CURSOR, NEXT_KEY),
      v.regex(/^\P{C}*$/u, NEXT_KEY),
    ),
    format: v.pipe(
      v.optional(once(FORMAT), []),
      v.transform(([name]) => name),
      v.optional(
        v.custom<FormatName>((name) => typeof name === "string" && Object.hasOwn(FORMATS, name), FORMAT),
      ),
    ),
  },
  "This parameter does not exist; num, next_key and format do",
);

/** `GET /v1/short-interest/{symbol}`: one page. */
export async function getPage(
  context: Context,
  symbolText: string,
  source: () => PageSource,
): Promise<Response> {
  const symbol = parseSymbol(symbolText);
  const { num, next_key, format: name } = parseQuery(Query, context.req.queries());
  const format: Format = name === undefined ? negotiate(context.req.header("Accept")) : FORMATS[name];
  const answer = await source().page(symbol, next_key, num);
  return context.body(format.render(symbol, answer.page), 200, {
    "Content-Type": `${format.mediaType}${format.parameters ?? ""}`,
    Vary: "Accept",
    ...linkToNext(context.req.url, answer.page.next),
    ...cachingHeaders(answer, Date.now()),
  });
}

/** Where the next page is (RFC 8288), for formats that have no room for a cursor as well. */
function linkToNext(url: string, next: string | null): Record<string, string> {
  if (next === null) return {};
  const target = new URL(url);
  target.searchParams.set("next_key", next);
  return { Link: `<${target.pathname}${target.search}>; rel="next"` };
}
