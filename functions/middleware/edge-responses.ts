import { array, number, object, parse, string, tuple } from "valibot";
import type { FinishedResponse } from "../http/lru-cache.ts";
import type { RequestStats } from "../telemetry/request-stats.ts";
import { requestTimeout, withTimeout } from "../timeout.ts";
import type { AppContext, Reusable } from "./app-env.ts";

/** A finished response of pages of the edge cache. */
export interface PageResponse extends FinishedResponse, Reusable {
  /** What a cache hit counts again. */
  readonly counted: Pick<RequestStats, "symbols" | "pages">;
}

const METADATA_HEADER = "x-response-metadata";
/** An entry has the body and the headers of the response. This is the rest, and the headers that a cache may change. */
const Metadata = object({
  /** The key under which it was stored. The cache normalizes URLs, so two keys might share one. */
  name: string(),
  etag: string(),
  cacheControl: string(),
  fetchedAt: number(),
  lifetime: number(),
  until: number(),
  symbols: array(string()),
  pages: array(tuple([string(), number()])),
});

/** Headers that a cache adds. No finished response has them. */
const HEADERS_OF_CACHE = ["CF-Cache-Status", "Content-Encoding", "Content-Length", "Date"];

/** A slower read is a miss. */
const READ_TIMEOUT_MS = 1_000;
/** A response that ends sooner is not worth a write. */
const MIN_REMAINING_S = 60;

/**
 * Reads a response that an isolate of this data center has finished. No failure of the cache fails a request.
 * @param name everything that makes responses differ, and the deployment
 * @returns undefined without a valid entry
 */
export async function readEdgeResponse(context: AppContext, name: string): Promise<PageResponse | undefined> {
  const stats = context.get("stats");
  stats.countSubrequest();
  const reading = () => read(urlOf(context, name), name);
  return withTimeout(
    READ_TIMEOUT_MS,
    () => requestTimeout(READ_TIMEOUT_MS),
    () => stats.time("edge", reading),
  ).catch(ignoreFailure);
}

async function read(url: string, name: string): Promise<PageResponse | undefined> {
  const entry = await caches.default.match(url);
  if (!entry) return undefined;
  const text = decodeURIComponent(entry.headers.get(METADATA_HEADER) ?? "");
  const { name: storedName, cacheControl, symbols, pages, ...rest } = parse(Metadata, JSON.parse(text));
  // The entry tells until when it is valid. The cache may keep it for longer.
  if (storedName !== name || Date.now() >= rest.until) {
    await entry.body?.cancel();
    return undefined;
  }
  // A copy of the headers as a whole is faster than a list of them in the metadata.
  const headers = new Headers(entry.headers);
  for (const own of [METADATA_HEADER, ...HEADERS_OF_CACHE]) headers.delete(own);
  headers.set("Cache-Control", cacheControl);
  headers.set("ETag", rest.etag);
  const counted = { symbols: new Set(symbols), pages: new Map(pages) };
  return { ...rest, headers, counted, body: new Uint8Array(await entry.arrayBuffer()) };
}

/** Stores a response in the background. Without it, other isolates run the route. */
export function writeEdgeResponse(context: AppContext, name: string, response: PageResponse): void {
  const { etag, fetchedAt, lifetime, until, headers, body, counted } = response;
  const remainingS = Math.floor((until - Date.now()) / 1_000);
  if (remainingS < MIN_REMAINING_S) return;
  const cacheControl = headers.get("Cache-Control");
  const [symbols, pages] = [[...counted.symbols], [...counted.pages]];
  const metadata = { name, etag, cacheControl, fetchedAt, lifetime, until, symbols, pages };
  const entry = new Response(body, { headers });
  // Otherwise a cache may subtract the age of the page from the lifetime of the entry.
  entry.headers.delete("Age");
  entry.headers.set(METADATA_HEADER, encodeURIComponent(JSON.stringify(metadata)));
  // A cache does not store a private response.
  entry.headers.set("Cache-Control", `max-age=${remainingS}`);
  context.get("stats").countSubrequest();
  context.get("waitUntil")(caches.default.put(urlOf(context, name), entry).catch(ignoreFailure));
}

/**
 * A URL under the Worker's own origin. No request can read the entry by it: the Worker runs for each request, and has no such
 * route. So private responses are safe here. They are read after the client is authenticated, for its own request only.
 */
function urlOf(context: AppContext, name: string): string {
  return `${new URL(context.req.url).origin}/response?key=${encodeURIComponent(name)}`;
}

/** A cache that fails to read or write is like an empty one. */
function ignoreFailure(): undefined {}
