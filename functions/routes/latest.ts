import { Failure } from "../failure.ts";
import { cachingHeaders } from "../http/caching.ts";
import { problemOf } from "../http/problem.ts";
import type { Answer, PageSource } from "../pages/source.ts";
import type { RouteContext } from "../scope.ts";
import { sharesIn } from "../short-interest/columns.ts";
import { record, stringify } from "../short-interest/json.ts";
import { FIRST, type Page } from "../short-interest/page.ts";
import { formatSymbol, parseSymbol } from "../short-interest/symbol.ts";
import { LatestQuery, parseQuery } from "./parameters.ts";

/**
 * `GET /v1/short-interest?symbols=…`: the newest row of each, and its change against the row before. What
 * fails is a problem at its symbol, and never fails the rest.
 */
export async function getLatest(context: RouteContext): Promise<Response> {
  const { symbols: lists, ...others } = context.req.queries();
  // Many clients write a list as one parameter many times.
  const joined = lists && { symbols: [lists.join()] };
  const { symbols } = parseQuery(LatestQuery, { ...others, ...joined });
  const found = await Promise.all(symbols.map((symbol) => latest(context.var.pages, symbol)));
  const answers = found.flatMap(({ answer }) => (answer ? [answer] : []));
  const whole = answers.length === found.length ? allOf(answers) : undefined;
  return context.body(stringify({ items: found.map(({ item }) => item) }), 200, {
    "Content-Type": "application/json",
    ...(whole ? cachingHeaders(whole, context.var.visibility, Date.now()) : { "Cache-Control": "no-store" }),
  });
}

/** The newest row of a symbol, or what stood in the way. */
export async function latest(pages: PageSource, text: string): Promise<{ item: object; answer?: Answer }> {
  try {
    const symbol = parseSymbol(text);
    const answer = await pages.page(symbol, FIRST, 2);
    const { market } = symbol;
    const item = { symbol: formatSymbol(symbol), market, ...newestIn(answer.page), error: null };
    return { item, answer };
  } catch (thrown) {
    return { item: { symbol: text, latest: null, change: null, error: problemOf(Failure.from(thrown)) } };
  }
}

function newestIn({ market, rows: [newest, before] }: Page) {
  if (newest === undefined) return { latest: null, change: null };
  const shares = sharesIn(newest);
  const sharesBefore = before && sharesIn(before);
  if (shares === null || sharesBefore == null) return { latest: record(market, newest), change: null };
  const change = shares - sharesBefore;
  // Two decimals are as many as OpenD's own percentages have.
  const percent =
    sharesBefore === 0n ? null : Math.round((Number(change) / Number(sharesBefore)) * 1e4) / 100;
  return { latest: record(market, newest), change: { shares: change, percent } };
}

/** What is true of all answers together. */
function allOf(answers: readonly Answer[]) {
  return {
    origin: answers.every(({ origin }) => origin === "edge") ? ("edge" as const) : ("fetched" as const),
    stale: answers.find(({ stale }) => stale !== undefined)?.stale,
    fetchedAt: Math.min(...answers.map(({ fetchedAt }) => fetchedAt)),
    freshUntil: Math.min(...answers.map(({ freshUntil }) => freshUntil)),
  };
}
