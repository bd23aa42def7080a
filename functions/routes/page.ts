import type { Context } from "hono";
import * as v from "valibot";
import { Failure } from "../failure.ts";
import { cachingHeaders } from "../http/caching.ts";
import type { PageSource } from "../pages/source.ts";
import { pageJson } from "../short-interest/json.ts";
import { FIRST, MOST_ROWS } from "../short-interest/page.ts";
import { parseSymbol } from "../short-interest/symbol.ts";

const LONGEST_CURSOR = 256;
/** How much of a parameter's name is said back. */
const LONGEST_NAME = 64;
const NUM = `num is a whole number from 1 to ${MOST_ROWS}`;
const NEXT_KEY = `next_key is the next_key of an answer: at most ${LONGEST_CURSOR} printable characters`;

const once = (problem: string) => v.pipe(v.array(v.string()), v.maxLength(1, problem));

/** The page's query. Each parameter may stand once; others are refused, so that a misspelt one is noticed. */
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
  },
  "This parameter does not exist; num and next_key do",
);

/** `GET /v1/short-interest/{symbol}`: one page. */
export async function getPage(
  context: Context,
  symbolText: string,
  source: () => PageSource,
): Promise<Response> {
  const symbol = parseSymbol(symbolText);
  const { num, next_key } = parseQuery(context.req.queries());
  const answer = await source().page(symbol, next_key, num);
  return context.body(pageJson(symbol, answer.page), 200, {
    "Content-Type": "application/json",
    ...cachingHeaders(answer, Date.now()),
  });
}

function parseQuery(queries: Record<string, string[]>): v.InferOutput<typeof Query> {
  const result = v.safeParse(Query, queries, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Failure("invalid_parameter", issue.message, {
    parameter: (v.getDotPath(issue) ?? "query").slice(0, LONGEST_NAME),
  });
}
