import { array, type InferOutput, nullable, number, object, parse, string } from "valibot";
import { isShortLived, type KeptReply, nameOf, type PageKey, type PageSummary, timestampOf } from "./cached-reply.ts";

/** A copy in this data center. */
export interface EdgeCopy extends KeptReply {
  /** Until when it is served without asking the shared store (Unix time, milliseconds). */
  readonly trustedUntil: number;
}

/** The copies of this data center. A lost copy costs a lookup, so no failure of the cache fails a request. */
export interface EdgeCache {
  /** The copy under this key, or of another page that may have the row which its cursor names. */
  get(key: PageKey): Promise<EdgeCopy | undefined>;
  /** Whether a page stored here leads to the cursor of this key. */
  isKnown(key: PageKey): Promise<boolean>;
  /**
   * Stores a copy, under the cursor that the reply was fetched with.
   * @param summary how the index finds it; absent for a copy that the index must not name
   * @param waitMs for how long the page cannot be fetched, in milliseconds
   */
  put(key: PageKey, kept: KeptReply, summary: PageSummary | undefined, waitMs?: number): Promise<void>;
  /** Trusts a copy again for a moment, in this isolate, after the store could not be asked. */
  trustAgain(key: PageKey, copy: EdgeCopy): void;
}

/** A fresh copy is trusted for this long. */
const TRUST_FRESH_MS = 4 * 60_000;
/**
 * A stale copy is trusted for a tenth of the time since it became stale, within these bounds: a page whose refresh
 * has failed for ten minutes is not worth a lookup every five seconds.
 */
const MIN_TRUST_STALE_MS = 5_000;
const MAX_TRUST_STALE_MS = 60_000;
const STALE_TRUST_DIVISOR = 10;
/**
 * For this long after, a copy is served once more while the store is asked in the background. Together with
 * TRUST_FRESH_MS it bounds the time in which every data center forgets a purged page.
 */
export const SERVED_ONCE_MORE_MS = 60_000;

const FACTS = "x-kept";
const Facts = object({
  /** The key under which it was stored. The cache normalizes URLs, so two keys might share one. */
  name: string(),
  cursor: string(),
  fetchedAt: number(),
  freshUntil: number(),
  keptUntil: number(),
  trustedUntil: number(),
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
      /** null for a page that has no span */
      oldest: nullable(number()),
    }),
  ),
});
type Entries = InferOutput<typeof Index>["entries"];

/**
 * The copies that this isolate has read or written last, by their URLs, so that a popular copy is not read and parsed
 * for each request. They are trusted no longer than the stored copies.
 */
const memory = new Map<string, { readonly name: string; readonly copy: EdgeCopy }>();
/** A page is 3 to 8 KB. */
const MAX_IN_MEMORY = 500;

function remember(url: string, name: string, copy: EdgeCopy): void {
  memory.delete(url);
  memory.set(url, { name, copy });
  const [oldest] = memory.keys();
  if (memory.size > MAX_IN_MEMORY && oldest !== undefined) memory.delete(oldest);
}

/** More entries than ten years of weekly rows fill. */
const MAX_ENTRIES = 64;
/** Candidates for one cursor: pages overlap after new rows have moved their bounds. */
const MAX_CANDIDATES = 3;
const INDEX_MS = 8 * 24 * 3_600_000;

/**
 * @param origin the Worker's own origin, which the Cache API wants its keys to be under
 * @param now Unix time, milliseconds
 */
export function createEdgeCache(
  cache: Pick<Cache, "match" | "put">,
  origin: string,
  now: () => number,
): EdgeCache {
  // In the query, because dot segments of a path are folded away.
  const urlOf = (kind: string, name: string) => `${origin}/${kind}?${new URLSearchParams({ key: name })}`;
  const pageUrl = (key: PageKey) => urlOf("kept", nameOf(key));
  const indexUrl = (symbol: string) => urlOf("kept-index", symbol);

  // Read once by each request: a walk through a history has no subrequests to spare.
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

  async function enter(key: PageKey, { next, newest, span }: PageSummary): Promise<void> {
    const { symbol, cursor } = key;
    const name = nameOf(key);
    const others = (await readIndex(symbol)).filter((entry) => entry.name !== name);
    const entries = [{ name, cursor, next, newest, oldest: span?.oldest ?? null }, ...others].slice(
      0,
      MAX_ENTRIES,
    );
    indexes.set(symbol, entries);
    await cache.put(indexUrl(symbol), Response.json({ symbol, entries }, { headers: maxAge(INDEX_MS) }));
  }

  async function read(key: PageKey): Promise<EdgeCopy | undefined> {
    const [url, name] = [pageUrl(key), nameOf(key)];
    const remembered = memory.get(url);
    if (remembered?.name === name && now() < remembered.copy.trustedUntil) return remembered.copy;
    const response = await cache.match(url);
    if (!response) return undefined;
    const { name: storedName, ...facts } = parse(
      Facts,
      JSON.parse(decodeURIComponent(response.headers.get(FACTS) ?? "")),
    );
    if (storedName !== name) return undefined;
    const copy = { ...facts, reply: new Uint8Array(await response.arrayBuffer()) };
    remember(url, name, copy);
    return copy;
  }

  async function readAround(symbol: string, cursor: string): Promise<EdgeCopy | undefined> {
    const timestamp = timestampOf(cursor);
    if (timestamp === undefined) return undefined;
    const around = (await readIndex(symbol))
      .filter(({ newest, oldest }) => oldest !== null && oldest < timestamp && timestamp <= newest)
      .slice(0, MAX_CANDIDATES);
    const copies = await Promise.all(around.map(({ cursor: own }) => read({ symbol, cursor: own })));
    const found = copies.filter((copy) => copy !== undefined);
    return found.find(({ freshUntil }) => now() < freshUntil) ?? found[0];
  }

  return {
    async get(key) {
      const copy = await read(key).catch(nothing);
      if (copy || key.num !== undefined) return copy;
      return readAround(key.symbol, key.cursor).catch(nothing);
    },
    async isKnown({ symbol, cursor }) {
      const entries = (await readIndex(symbol).catch(nothing)) ?? [];
      return cursor === "" ? entries.length > 0 : entries.some(({ next }) => next === cursor);
    },
    async put(key, kept, summary, waitMs = 0) {
      const { reply, ...facts } = kept;
      const at = now();
      // A short-lived copy is never served once more.
      const trustFreshMs = TRUST_FRESH_MS + (isShortLived(kept) ? SERVED_ONCE_MORE_MS : 0);
      const trustedUntil =
        at < kept.freshUntil
          ? Math.min(at + trustFreshMs, kept.freshUntil)
          : at + Math.max(staleTrustMs(at - kept.freshUntil), Math.min(waitMs, MAX_TRUST_STALE_MS));
      const own = { ...key, cursor: kept.cursor };
      const [url, name] = [pageUrl(own), nameOf(own)];
      // A header is ASCII, and a cursor may be anything.
      const written = encodeURIComponent(JSON.stringify({ ...facts, name, trustedUntil }));
      const headers = { ...maxAge(kept.keptUntil - at), [FACTS]: written };
      const known = memory.get(url);
      // A slow lookup must not replace the copy of a later fetch.
      if (known?.name === name && known.copy.fetchedAt > kept.fetchedAt) return;
      remember(url, name, { ...kept, trustedUntil });
      await cache.put(url, new Response(reply, { headers })).catch(nothing);
      if (summary) await enter(own, summary).catch(nothing);
    },
    trustAgain(key, copy) {
      const own = { ...key, cursor: copy.cursor };
      remember(pageUrl(own), nameOf(own), { ...copy, trustedUntil: now() + MIN_TRUST_STALE_MS });
    },
  };
}

/** @param staleMs time since it became stale, in milliseconds */
function staleTrustMs(staleMs: number): number {
  return Math.min(Math.max(staleMs / STALE_TRUST_DIVISOR, MIN_TRUST_STALE_MS), MAX_TRUST_STALE_MS);
}

function maxAge(ms: number): Record<string, string> {
  return { "Cache-Control": `max-age=${Math.max(0, Math.floor(ms / 1_000))}` };
}

/** A cache that fails to read or write is like an empty one. */
function nothing(): undefined {}
