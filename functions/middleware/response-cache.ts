import { type Config, validConfig } from "../env.ts";
import { entityTag, isNotModified, notModified } from "../http/entity-tag.ts";
import { createLruCache } from "../http/lru-cache.ts";
import { ageHeaders, type CacheFacts, cacheHeaders, lifetimeOf } from "../page-source/cache-headers.ts";
import type { AppContext, Middleware } from "./app-env.ts";
import { authenticateOnce } from "./auth.ts";
import { allowedOrigin } from "./cors.ts";
import { type PageResponse, readEdgeResponse, writeEdgeResponse } from "./edge-responses.ts";

interface KeptResponse extends PageResponse {
  /** An isolate may serve several configurations. */
  readonly config: Config;
}

/** About 2,600 responses of ten rows. An isolate has 128 MB. */
const MAX_BYTES = 16 * 1_024 * 1_024;
/** A longer key is not used: a client may send an Accept header of many kilobytes. */
const MAX_KEY_LENGTH = 2_048;

const memory = createLruCache<KeptResponse>(MAX_BYTES);

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
 * The response cache of the page routes: the memory of this isolate, then the edge. A hit reuses a response until one of its
 * pages must be revalidated. A miss runs the middleware and the route, and stores the response if the route marked it
 * reusable.
 */
export const responseCache: Middleware = async (context, next) => {
  const { method } = context.req;
  if (method !== "GET" && method !== "HEAD") return next();
  // Its response may not be stored, and a stored one has other cache headers.
  if (context.get("queryKey") !== undefined) return next();
  const config = validConfig(context.env);
  const key = keyOf(context);
  if (config === undefined || key === undefined) return next();
  const remembered = memory.get(key, Date.now());
  let kept = remembered?.config === config ? remembered : undefined;
  // Another version may have another configuration. So without a known version, nothing is stored at the edge.
  const name = config.version && `${config.version}\n${key}`;
  if ((kept || name) && (await isAdmitted(context, config))) {
    if (!kept && name) kept = remember(key, config, await readEdgeResponse(context, name));
    if (kept) return reuse(context, kept);
  }
  await next();
  const reusable = context.get("reusable");
  if (context.res.status !== 200 || !reusable) return;
  const { symbols, pages } = context.get("stats");
  const response = { ...reusable, headers: new Headers(context.res.headers), counted: { symbols, pages } };
  remember(key, config, response);
  if (name) writeEdgeResponse(context, name, response);
};

function remember(key: string, config: Config, response: PageResponse | undefined): KeptResponse | undefined {
  const kept = response && { ...response, config };
  if (kept) memory.put(key, kept);
  return kept;
}

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

function reuse(context: AppContext, response: PageResponse): Response {
  const { body, headers, etag, fetchedAt, lifetime, counted } = response;
  context.get("stats").countReuse(counted);
  const isUnmodified = isNotModified(context.req.raw.headers.get("If-None-Match"), etag);
  const reused = isUnmodified ? notModified(headers) : new Response(body, { headers });
  const changing = ageHeaders({ tier: "edge", fetchedAt }, lifetime, Date.now());
  for (const [name, value] of Object.entries(changing)) reused.headers.set(name, value);
  return reused;
}
