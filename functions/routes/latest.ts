import { negotiate } from "../http/formats.ts";
import { LatestQuery, parseQuery } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { respondWithPages } from "../middleware/response-cache.ts";
import { latestOf } from "../page-source/latest.ts";
import type { PageResult } from "../page-source/page-source.ts";
import { stringify } from "../short-interest/json.ts";

/** `GET /v1/short-interest?symbols=…`: the newest row of each symbol. */
export async function getLatest(context: AppContext): Promise<Response> {
  // Many clients send one parameter for each item of a list.
  const { symbols } = parseQuery(LatestQuery, context.req.url, ["symbols"]);
  // Throws if the client accepts no JSON.
  negotiate(["json"], context.req.header("Accept"));
  const latest = await latestOf(context.var.pageSource, symbols);
  const results = latest.flatMap(({ result }) => (result ? [result] : []));
  const isComplete = results.length === latest.length;
  const body = stringify({ items: latest.map(({ item }) => item) });
  const facts = isComplete ? combined(results) : undefined;
  return respondWithPages(context, body, facts, { "Content-Type": "application/json" });
}

/** The cache facts of all results together. */
function combined(results: readonly PageResult[]) {
  return {
    tier: results.every(({ tier }) => tier === "edge") ? ("edge" as const) : ("opend" as const),
    staleReason: results.find(({ staleReason }) => staleReason !== undefined)?.staleReason,
    fetchedAt: Math.min(...results.map(({ fetchedAt }) => fetchedAt)),
    freshUntil: Math.min(...results.map(({ freshUntil }) => freshUntil)),
    reusableUntil: Math.min(...results.map(({ reusableUntil }) => reusableUntil)),
  };
}
