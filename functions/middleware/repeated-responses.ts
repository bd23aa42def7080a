import { type Config, validConfig } from "../env.ts";
import { entityTag, isNotModified, notModified } from "../http/entity-tag.ts";
import { createResponseMemory, type FinishedResponse } from "../http/response-memory.ts";
import { ageHeaders, type CacheFacts, cacheHeaders, lifetimeOf } from "../page-source/cache-headers.ts";
import type { RequestStats } from "../telemetry/request-stats.ts";
import type { AppContext, Middleware, Repeatable } from "./app-env.ts";
import { authenticateOnce } from "./auth.ts";
import { allowedOrigin } from "./cors.ts";

/** A finished response of pages of the edge cache. */
interface PageResponse extends FinishedResponse, Repeatable {
  /** An isolate may serve several configurations. */
  readonly config: Config;
  /** What a repetition counts again. */
  readonly counted: Pick<RequestStats, "symbols" | "pages">;
}

/** About 4,000 responses of ten rows. An isolate has 128 MB. */
const MAX_BYTES = 16 * 1_024 * 1_024;
/** A longer key is not looked up: a client may send an Accept header of many kilobytes. */
const MAX_KEY_LENGTH = 2_048;

const memory = createResponseMemory<PageResponse>(MAX_BYTES);

/** The cache facts of all pages of a response, and until when it may be repeated (Unix time, milliseconds). */
interface PageFacts extends CacheFacts {
  readonly repeatableUntil: number;
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
  if (facts && now < facts.repeatableUntil) {
    const { fetchedAt, repeatableUntil: until } = facts;
    context.set("repeatable", { body: bytes, etag, fetchedAt, lifetime: lifetimeOf(facts, now), until });
  }
  const caching = facts
    ? cacheHeaders(facts, context.get("visibility"), now)
    : { "Cache-Control": "no-store" };
  return context.body(bytes, 200, { Vary: "Accept", ETag: etag, ...headers, ...caching });
}

/**
 * Repeats a finished response of this isolate until one of its pages must be revalidated. Otherwise runs the chain of
 * the route, and keeps its response if the route calls it repeatable. Also answers If-None-Match, for all routes.
 */
export const repeatResponses: Middleware = async (context, next) => {
  const { method, raw } = context.req;
  if (method !== "GET" && method !== "HEAD") return next();
  const config = validConfig(context.env);
  const key = config && keyOf(context);
  const kept = key === undefined ? undefined : memory.get(key, Date.now());
  const ifNoneMatch = raw.headers.get("If-None-Match");
  if (kept && kept.config === config && (await isAdmitted(context, config))) {
    return repeat(context, kept, isNotModified(ifNoneMatch, kept.etag));
  }
  await next();
  const { status, headers } = context.res;
  if (status !== 200) return;
  const repeatable = context.get("repeatable");
  if (config && key !== undefined && repeatable) {
    const { symbols, pages } = context.get("stats");
    memory.put(key, { ...repeatable, config, headers: new Headers(headers), counted: { symbols, pages } });
  }
  if (!isNotModified(ifNoneMatch, headers.get("ETag"))) return;
  await context.res.body?.cancel();
  // Otherwise Hono copies the headers of the old response into the new one.
  context.res = undefined;
  context.res = notModified(headers);
};

/** Everything in a request that makes the responses of page routes differ; undefined if it is too long. */
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

function repeat(
  context: AppContext,
  { body, headers, fetchedAt, lifetime, counted }: PageResponse,
  isUnmodified: boolean,
): Response {
  context.get("stats").repeat(counted);
  const response = isUnmodified ? notModified(headers) : new Response(body, { headers });
  const changing = ageHeaders({ tier: "edge", fetchedAt }, lifetime, Date.now());
  for (const [name, value] of Object.entries(changing)) response.headers.set(name, value);
  return response;
}
