import { array, type InferOutput, nullable, number, object, parse, string } from "valibot";
import { FIRST_CURSOR } from "../short-interest/page.ts";
import { type CachedReply, nameOf, type PageKey, type PageSummary, timestampOf } from "./cached-reply.ts";
import { EDGE_INDEX_MS, type FreshnessPolicy, MIN_STALE_REVALIDATE_MS } from "./freshness.ts";

/** A copy in this data center. */
export interface EdgeEntry extends CachedReply {
  /** Until when it is served without reading the shared cache (Unix time, milliseconds). */
  readonly revalidateAfter: number;
}

/** The part of the Cache API that the Worker uses. Keys are URLs. */
export interface EdgeStorage {
  match(url: string): Promise<CachedResponse | undefined>;
  put(url: string, response: Response): Promise<void>;
}

interface CachedResponse extends Pick<Response, "arrayBuffer" | "json" | "text"> {
  readonly headers: Pick<Headers, "get">;
}

/** The copies of this data center. A lost copy costs a lookup, so no failure of the cache fails a request. */
export interface EdgeCache {
  /** The copy under this key, or a later one of another page that may have the row of its cursor. */
  get(key: PageKey): Promise<EdgeEntry | undefined>;
  /** Whether a page stored here leads to the cursor of this key. */
  isKnown(key: PageKey): Promise<boolean>;
  /**
   * Stores a copy, under the cursor that the reply was fetched with.
   * @param summary for the index; absent for a copy that the index must not name
   * @param waitMs for how long the page cannot be fetched, in milliseconds
   */
  put(key: PageKey, cached: CachedReply, summary: PageSummary | undefined, waitMs?: number): Promise<void>;
  /** Serves a copy for another `MIN_STALE_REVALIDATE_MS`, in this isolate, after the shared cache could not be read. */
  postponeRevalidation(key: PageKey, entry: EdgeEntry): void;
}

/** Stores nothing: for callers that do not know the Worker's origin. */
export const NO_EDGE_CACHE: EdgeCache = {
  get: async () => undefined,
  isKnown: async () => false,
  put: async () => undefined,
  postponeRevalidation: () => undefined,
};

const METADATA_HEADER = "x-cache-metadata";
const Metadata = object({
  /** The key under which it was stored. The cache normalizes URLs, so two keys might share one. */
  name: string(),
  cursor: string(),
  fetchedAt: number(),
  freshUntil: number(),
  staleUntil: number(),
  revalidateAfter: number(),
});

/** Which pages of a symbol are stored here. Concurrent writers may lose an entry; that costs a lookup. */
const Index = object({
  symbol: string(),
  entries: array(
    object({
      name: string(),
      cursor: string(),
      next: nullable(string()),
      newest: number(),
      /** null for a page without a range */
      oldest: nullable(number()),
    }),
  ),
});
type Entries = InferOutput<typeof Index>["entries"];

/**
 * The entries that this isolate has read or written last, by URL: a popular entry is not read and parsed for each
 * request. They are revalidated as soon as the stored entries.
 */
const memory = new Map<string, { readonly name: string; readonly entry: EdgeEntry }>();
/** A page is 3 to 8 KB. */
const MAX_IN_MEMORY = 500;

function remember(url: string, name: string, entry: EdgeEntry): void {
  memory.delete(url);
  memory.set(url, { name, entry });
  const [oldest] = memory.keys();
  if (memory.size > MAX_IN_MEMORY && oldest !== undefined) memory.delete(oldest);
}

/** More entries than ten years of weekly rows fill. */
const MAX_ENTRIES = 64;
/** Candidates for one cursor: pages overlap after new rows have moved their bounds. */
const MAX_CANDIDATES = 3;

/**
 * @param origin the Worker's own origin: keys of the Cache API are URLs under it
 * @param now Unix time, milliseconds
 */
export function createEdgeCache(
  cache: EdgeStorage,
  origin: string,
  now: () => number,
  policy: FreshnessPolicy,
): EdgeCache {
  // In the query, because dot segments of a path are folded away.
  const urlOf = (kind: string, name: string) => `${origin}/${kind}?key=${encodeURIComponent(name)}`;
  const pageUrl = (name: string) => urlOf("page", name);
  const indexUrl = (symbol: string) => urlOf("page-index", symbol);

  // Read once for each request, to save subrequests.
  const indexes = new Map<string, Entries>();

  async function readIndex(symbol: string): Promise<Entries> {
    const known = indexes.get(symbol);
    if (known) return known;
    const response = await cache.match(indexUrl(symbol));
    const index = response && parse(Index, await response.json());
    const entries = index?.symbol === symbol ? index.entries : [];
    indexes.set(symbol, entries);
    return entries;
  }

  async function addToIndex(key: PageKey, { next, newest, range }: PageSummary): Promise<void> {
    const { symbol, cursor } = key;
    const name = nameOf(key);
    const others = (await readIndex(symbol)).filter((entry) => entry.name !== name);
    const entries = [{ name, cursor, next, newest, oldest: range?.oldest ?? null }, ...others].slice(
      0,
      MAX_ENTRIES,
    );
    indexes.set(symbol, entries);
    await cache.put(indexUrl(symbol), Response.json({ symbol, entries }, { headers: maxAge(EDGE_INDEX_MS) }));
  }

  async function read(key: PageKey): Promise<EdgeEntry | undefined> {
    const name = nameOf(key);
    const url = pageUrl(name);
    const remembered = memory.get(url);
    if (remembered?.name === name && now() < remembered.entry.revalidateAfter) return remembered.entry;
    const response = await cache.match(url);
    if (!response) return undefined;
    const { name: storedName, ...metadata } = parse(
      Metadata,
      JSON.parse(response.headers.get(METADATA_HEADER) ?? ""),
    );
    if (storedName !== name) return undefined;
    const entry = { ...metadata, reply: new Uint8Array(await response.arrayBuffer()) };
    remember(url, name, entry);
    return entry;
  }

  async function readByTimestamp(symbol: string, cursor: string): Promise<EdgeEntry | undefined> {
    const timestamp = timestampOf(cursor);
    if (timestamp === undefined) return undefined;
    const candidates = (await readIndex(symbol))
      .filter(({ newest, oldest }) => oldest !== null && oldest < timestamp && timestamp <= newest)
      // Those with the most rows after the cursor first.
      .sort((one, other) => (one.oldest ?? 0) - (other.oldest ?? 0))
      .slice(0, MAX_CANDIDATES);
    const entries = await Promise.all(candidates.map(({ cursor: own }) => read({ symbol, cursor: own })));
    const found = entries.filter((entry) => entry !== undefined);
    return found.find(({ freshUntil }) => now() < freshUntil) ?? found[0];
  }

  return {
    async get(key) {
      const entry = await read(key).catch(ignoreFailure);
      const isCurrent = entry !== undefined && now() < entry.revalidateAfter;
      if (isCurrent || key.num !== undefined || key.exact) return entry;
      // The shared cache may have dropped a page, and have its rows in another page. Then its copy is never renewed.
      const other = await readByTimestamp(key.symbol, key.cursor).catch(ignoreFailure);
      return entry && !(other && other.fetchedAt > entry.fetchedAt) ? entry : other;
    },
    async isKnown({ symbol, cursor }) {
      const entries = (await readIndex(symbol).catch(ignoreFailure)) ?? [];
      return cursor === FIRST_CURSOR ? entries.length > 0 : entries.some(({ next }) => next === cursor);
    },
    async put(key, cached, summary, waitMs = 0) {
      const storedKey = { ...key, cursor: cached.cursor };
      const name = nameOf(storedKey);
      const url = pageUrl(name);
      const known = memory.get(url);
      // A slow lookup must not replace the copy of a later fetch.
      if (known?.name === name && known.entry.fetchedAt > cached.fetchedAt) return;
      const { reply, ...metadata } = cached;
      const entry = {
        ...cached,
        revalidateAfter: policy.revalidateAfter(cached, now(), waitMs, Math.random()),
      };
      remember(url, name, entry);
      const stored = asciiJson({ ...metadata, name, revalidateAfter: entry.revalidateAfter });
      const headers = { ...maxAge(cached.staleUntil - now()), [METADATA_HEADER]: stored };
      await cache.put(url, new Response(reply, { headers })).catch(ignoreFailure);
      if (summary) await addToIndex(storedKey, summary).catch(ignoreFailure);
    },
    postponeRevalidation(key, entry) {
      const name = nameOf({ ...key, cursor: entry.cursor });
      remember(pageUrl(name), name, { ...entry, revalidateAfter: now() + MIN_STALE_REVALIDATE_MS });
    },
  };
}

function maxAge(ms: number): Record<string, string> {
  return { "Cache-Control": `max-age=${Math.max(0, Math.floor(ms / 1_000))}` };
}

/** JSON for a header, which is ASCII. A cursor may have any character. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A cache that fails to read or write is like an empty one. */
function ignoreFailure(): undefined {}
