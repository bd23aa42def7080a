import { type Config, validConfig } from "../env.ts";
import { entityTag, isNotModified, notModified } from "../http/entity-tag.ts";
import { createLruCache, type FinishedResponse } from "../http/lru-cache.ts";
import { ageHeaders, type CacheFacts, cacheHeaders, lifetimeOf } from "../page-source/cache-headers.ts";
import type { RequestStats } from "../telemetry/request-stats.ts";
import type { AppContext, Middleware, Reusable } from "./app-env.ts";
import { authenticateOnce } from "./auth.ts";
import { allowedOrigin } from "./cors.ts";

/** A finished response of pages of the edge cache. */
interface PageResponse extends FinishedResponse, Reusable {
  /** An isolate may serve several configurations. */
  readonly config: Config;
  /** What a cache hit counts again. */
  readonly counted: Pick<RequestStats, "symbols" | "pages">;
}

/** About 4,000 responses of ten rows. An isolate has 128 MB. */
const MAX_BYTES = 16 * 1_024 * 1_024;
/** A longer key is not used: a client may send an Accept header of many kilobytes. */
const MAX_KEY_LENGTH = 2_048;

const memory = createLruCache<PageResponse>(MAX_BYTES);

/** The cache facts of all pages of a response, and until when it may be reused (Unix time, milliseconds). */
interface PageFacts extends CacheFacts {
  readonly reusableUntil: number;
}

/**
 * Makes the response of a route that reads pages.
 * @param facts of all its pages; undefined if a page is missing: then no cache stores it
 */
export async function respondWithPages(
  context: AppContext,
  body: string | Uint8Array<ArrayBuffer>,
  facts: PageFacts | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const bytes = typeof body === "string" ? new Uint8Array(new TextEncoder().encode(body)) : body;
  const now = Date.now();
  const etag = await entityTag(bytes);
  if (facts && now < facts.reusableUntil) {
    const { fetchedAt, reusableUntil: until } = facts;
    context.set("reusable", { body: bytes, etag, fetchedAt, lifetime: lifetimeOf(facts, now), until });
  }
  const caching = facts
    ? cacheHeaders(facts, context.get("visibility"), now)
    : { "Cache-Control": "no-store" };
  return context.body(bytes, 200, { Vary: "Accept", ETag: etag, ...headers, ...caching });
}

/**
 * The response cache of this isolate. A hit reuses a response until one of its pages must be revalidated. A miss runs the
 * middleware and the route, and stores the response if the route marked it reusable. Also answers If-None-Match, for all
 * routes.
 */
export const responseCache: Middleware = async (context, next) => {
  const { method, raw } = context.req;
  if (method !== "GET" && method !== "HEAD") return next();
  const config = validConfig(context.env);
  const key = config && keyOf(context);
  const kept = key === undefined ? undefined : memory.get(key, Date.now());
  const ifNoneMatch = raw.headers.get("If-None-Match");
  if (kept && kept.config === config && (await isAdmitted(context, config))) {
    return reuse(context, kept, isNotModified(ifNoneMatch, kept.etag));
  }
  await next();
  const { status, headers } = context.res;
  if (status !== 200) return;
  const reusable = context.get("reusable");
  if (config && key !== undefined && reusable) {
    const { symbols, pages } = context.get("stats");
    memory.put(key, { ...reusable, config, headers: new Headers(headers), counted: { symbols, pages } });
  }
  if (!isNotModified(ifNoneMatch, headers.get("ETag"))) return;
  await context.res.body?.cancel();
  // Otherwise Hono copies the headers of the old response into the new one.
  context.res = undefined;
  context.res = notModified(headers);
};

/** The cache key: everything in a request that makes responses of page routes differ; undefined if it is too long. */
function keyOf(context: AppContext): string | undefined {
  const { headers, url } = context.req.raw;
  const origin = allowedOrigin(headers.get("Origin") ?? "", context);
  // None of the three contains a line break.
  const key = `${url}\n${headers.get("Accept") ?? ""}\n${origin ?? ""}`;
  return key.length > MAX_KEY_LENGTH ? undefined : key;
}

/** Authenticates the client and counts the request. A refusal is thrown by the route's chain, which knows its headers. */
async function isAdmitted(context: AppContext, config: Config): Promise<boolean> {
  try {
    context.set("client", await authenticateOnce(context, config));
    context.set("config", config);
    return true;
  } catch {
    return false;
  }
}

function reuse(
  context: AppContext,
  { body, headers, fetchedAt, lifetime, counted }: PageResponse,
  isUnmodified: boolean,
): Response {
  context.get("stats").countReuse(counted);
  const response = isUnmodified ? notModified(headers) : new Response(body, { headers });
  const changing = ageHeaders({ tier: "edge", fetchedAt }, lifetime, Date.now());
  for (const [name, value] of Object.entries(changing)) response.headers.set(name, value);
  return response;
}
