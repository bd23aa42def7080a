import { Failure } from "../errors.ts";
import { cachingHeaders } from "../page-source/cache-headers.ts";
import { negotiate } from "../http/formats.ts";
import { problemOf } from "../http/problem.ts";
import type { Answer, PageSource } from "../page-source/source.ts";
import type { RouteContext } from "../middleware/app-env.ts";
import { sharesIn } from "../short-interest/columns.ts";
import { record, stringify } from "../short-interest/json.ts";
import { FIRST, type Page } from "../short-interest/page.ts";
import { formatSymbol, parseSymbol } from "../short-interest/symbol.ts";
import { LatestQuery, parseQuery } from "../http/parameters.ts";

interface Latest {
  readonly item: { readonly symbol: string };
  readonly answer?: Answer;
}

/**
 * `GET /v1/short-interest?symbols=…`: the newest row of each, and its change against the row before. What
 * fails is a problem at its symbol, and never fails the rest.
 */
export async function getLatest(context: RouteContext): Promise<Response> {
  // Many clients send a list as a parameter for each item.
  const { symbols } = parseQuery(LatestQuery, context.req.url, ["symbols"]);
  // There is nothing else; who wants something else is told so.
  negotiate(["json"], context.req.header("Accept"));
  const found = await latestOf(context.var.pages, symbols);
  const answers = found.flatMap(({ answer }) => (answer ? [answer] : []));
  const whole = answers.length === found.length ? allOf(answers) : undefined;
  return context.body(stringify({ items: found.map(({ item }) => item) }), 200, {
    "Content-Type": "application/json",
    Vary: "Accept",
    ...(whole ? cachingHeaders(whole, context.var.visibility, Date.now()) : { "Cache-Control": "no-store" }),
  });
}

/** The newest row of each symbol, or what stood in the way; of one that is written twice, once. */
export async function latestOf(pages: PageSource, symbols: readonly string[]): Promise<Latest[]> {
  const found = await Promise.all(symbols.map((symbol) => latest(pages, symbol.trim())));
  return [...new Map(found.map((each) => [each.item.symbol, each])).values()];
}

async function latest(pages: PageSource, text: string): Promise<Latest> {
  try {
    const symbol = parseSymbol(text);
    const answer = await pages.page(symbol, FIRST, 2);
    const { market } = symbol;
    const stale = answer.stale !== undefined;
    const item = { symbol: formatSymbol(symbol), market, ...newestIn(answer.page), stale, error: null };
    return { item, answer };
  } catch (thrown) {
    const error = problemOf(Failure.from(thrown));
    const item = { symbol: text, latest: null, change: null, stale: false, error };
    return { item };
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
