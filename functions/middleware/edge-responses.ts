import { array, number, object, parse, string, tuple } from "valibot";
import type { FinishedResponse } from "../http/lru-cache.ts";
import type { RequestStats } from "../telemetry/request-stats.ts";
import type { AppContext, Reusable } from "./app-env.ts";

/** A finished response of pages of the edge cache. */
export interface PageResponse extends FinishedResponse, Reusable {
  /** What a cache hit counts again. */
  readonly counted: Pick<RequestStats, "symbols" | "pages">;
}

/**
 * The first line of an entry's body; the body of the response follows. A cache may change the headers of an entry, so those
 * of the response are here.
 */
const Metadata = object({
  /** The key under which it was stored. The cache normalizes URLs, so two keys might share one. */
  name: string(),
  headers: array(tuple([string(), string()])),
  etag: string(),
  fetchedAt: number(),
  lifetime: number(),
  until: number(),
  symbols: array(string()),
  pages: array(tuple([string(), number()])),
});

/** A response that ends sooner is not worth a write. */
const MIN_REMAINING_S = 60;
const LINE_FEED = 10;

/**
 * Reads a response that an isolate of this data center has finished. No failure of the cache fails a request.
 * @param name everything that makes responses differ, and the deployment
 * @returns undefined without a valid entry
 */
export async function readEdgeResponse(context: AppContext, name: string): Promise<PageResponse | undefined> {
  const stats = context.get("stats");
  stats.countSubrequest();
  try {
    const entry = await stats.time("edge", caches.default.match(urlOf(context, name)));
    if (!entry) return undefined;
    const bytes = new Uint8Array(await entry.arrayBuffer());
    const end = bytes.indexOf(LINE_FEED);
    const line = new TextDecoder().decode(bytes.subarray(0, end));
    const { name: storedName, headers, symbols, pages, ...rest } = parse(Metadata, JSON.parse(line));
    // The entry tells until when it is valid. The cache may keep it for longer.
    if (storedName !== name || Date.now() >= rest.until) return undefined;
    const counted = { symbols: new Set(symbols), pages: new Map(pages) };
    // A copy, because a view would keep the line in memory.
    return { ...rest, headers: new Headers(headers), counted, body: bytes.slice(end + 1) };
  } catch {
    return undefined;
  }
}

/** Stores a response in the background. Without it, other isolates run the route. */
export function writeEdgeResponse(context: AppContext, name: string, response: PageResponse): void {
  const { etag, fetchedAt, lifetime, until, headers, body, counted } = response;
  const remainingS = Math.floor((until - Date.now()) / 1_000);
  if (remainingS < MIN_REMAINING_S) return;
  const [symbols, pages] = [[...counted.symbols], [...counted.pages]];
  const metadata = { name, headers: [...headers], etag, fetchedAt, lifetime, until, symbols, pages };
  const line = new TextEncoder().encode(`${JSON.stringify(metadata)}\n`);
  const bytes = new Uint8Array(line.byteLength + body.byteLength);
  bytes.set(line);
  bytes.set(body, line.byteLength);
  const entry = new Response(bytes, { headers: { "Cache-Control": `max-age=${remainingS}` } });
  context.get("stats").countSubrequest();
  context.get("waitUntil")(caches.default.put(urlOf(context, name), entry).catch(() => undefined));
}

/**
 * A URL under the Worker's own origin. No request can read the entry by it: the Worker runs for each request, and has no such
 * route. So private responses are safe here. They are read after the client is authenticated, for its own request only.
 */
function urlOf(context: AppContext, name: string): string {
  return `${new URL(context.req.url).origin}/response?key=${encodeURIComponent(name)}`;
}
