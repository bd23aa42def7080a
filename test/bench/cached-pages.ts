import { summaryOf } from "../../functions/page-source/cached-reply.ts";
import { freshnessPolicy, staleUntil } from "../../functions/page-source/freshness.ts";
import { readPage } from "../../functions/page-source/parsed-page.ts";
import { createSharedCache } from "../../functions/page-source/shared-cache.ts";
import { FIRST_CURSOR, MAX_ROWS } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import { logLine } from "../../functions/telemetry/log-line.ts";
import { createRequestStats } from "../../functions/telemetry/request-stats.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { PERMIT_LOG } from "../support/permit-log.ts";
import { type LoadPlan, load } from "./load.ts";
import type { Remotes } from "./resources.ts";
import { replyOf, WITH_KEY } from "./sample.ts";

export const CONNECTIONS = 8;

/** The first `count` symbols of the shared cache. */
export const symbolsOf = (count: number) => Array.from({ length: count }, (_, index) => `US.T${index}`);
const pathOf = (symbol: string) => `/v1/short-interest/${symbol}`;

/** A line of the same length as that of a cached page, for the log of the minimal Worker. */
export function sampleLogLine(): string {
  const stats = createRequestStats(Date.now);
  stats.countReuse({ symbols: new Set(symbolsOf(1)), pages: new Map([["edge", 1]]) });
  const route = "GET /v1/short-interest/:symbol";
  return logLine({ route, requestId: crypto.randomUUID(), status: 200, client: "key:bench", ms: 0 }, stats);
}

/** Requests for the same pages from this project's Worker, with conditions and without, and from the minimal Worker. */
export interface Plans {
  readonly main: LoadPlan;
  readonly unchanged: LoadPlan;
  readonly minimal: LoadPlan;
}

/**
 * Fills the caches of both Workers with the first pages of `count` symbols.
 * @param repetitions how often a plan requests each page, in turns
 */
export async function warmPlans(
  origins: { readonly main: string; readonly minimal: string },
  count: number,
  repetitions: number,
): Promise<Plans> {
  const paths = symbolsOf(count).map(pathOf);
  const once = { origin: origins.main, paths, headers: WITH_KEY };
  // The first requests read the shared cache, the second ones finish the responses.
  for (const _ of [1, 2]) await load(once, CONNECTIONS);
  const etags = new Map<string, string>();
  for (const path of paths) etags.set(path, await copyResponse(path, origins));
  const main = { ...once, paths: Array.from({ length: repetitions }, () => paths).flat() };
  const plans = { main, unchanged: { ...main, etags }, minimal: { ...main, origin: origins.minimal } };
  for (const plan of Object.values(plans)) await load(plan, CONNECTIONS);
  return plans;
}

/** Puts a response of this project's Worker into the cache of the minimal Worker. @returns its ETag */
async function copyResponse(path: string, origins: { main: string; minimal: string }): Promise<string> {
  const response = await fetch(origins.main + path, { headers: WITH_KEY });
  if (!response.headers.get("Cache-Status")?.includes("; hit")) throw new Error(`${path} is not cached`);
  const headers = new Headers(response.headers);
  // Headers of the connection.
  for (const name of ["Connection", "Content-Encoding", "Content-Length", "Keep-Alive", "Transfer-Encoding"])
    headers.delete(name);
  // Responses to requests with an API key are private, which the Cache API does not store.
  headers.set("Cache-Control", "max-age=3600");
  const text = await response.text();
  const stored = JSON.stringify({ headers: [...headers], body: text });
  await fetch(origins.minimal + path, { method: "PUT", body: stored });
  const served = await fetch(origins.minimal + path, { headers: WITH_KEY });
  if ((await served.text()) !== text) throw new Error("The minimal Worker serves another response");
  return headers.get("ETag") ?? "";
}

/** Writes the first pages of `count` symbols to the shared cache. */
export async function fillSharedCache({ upstash }: Remotes, count: number): Promise<void> {
  const client = createUpstash({ url: upstash.url, token: upstash.token }, 3_000);
  const sharedCache = createSharedCache(client, 15_000, Date.now, freshnessPolicy);
  const fetchedAt = Date.now();
  const cached = {
    reply: replyOf(MAX_ROWS),
    cursor: FIRST_CURSOR,
    fetchedAt,
    freshUntil: fetchedAt,
    staleUntil: staleUntil(FIRST_CURSOR, fetchedAt),
  };
  // No permit was granted, so the log is missing, and the write ignores the settlement.
  const settlement = { key: PERMIT_LOG, args: ["none", "0", "1", "0"] };
  for (const symbol of symbolsOf(count)) {
    const key = { symbol, cursor: FIRST_CURSOR };
    const summary = summaryOf(readPage(parseSymbol(symbol), cached), key);
    const write = { cached, summary, settlement, isRewritten: false };
    await sharedCache.write({ key, version: "", publication: undefined }, "", write);
  }
}
