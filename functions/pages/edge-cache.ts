import { array, type InferOutput, number, object, parse, string } from "valibot";
import { type KeptReply, nameOf, type PageKey, type Span, timestampOf } from "./kept.ts";

/** A copy in this data centre. */
export interface EdgeCopy extends KeptReply {
  /** Until when it is served without asking the global store (Unix time, milliseconds). */
  readonly trustedUntil: number;
}

/** The copies of this data centre. Losing one costs a question, so no trouble with it fails a request. */
export interface EdgeCache {
  /** The copy under this key, or of another page that may have the row which its cursor names. */
  get(key: PageKey): Promise<EdgeCopy | undefined>;
  /** Keeps a copy, under the cursor that the reply was fetched with. */
  put(key: PageKey, kept: KeptReply, span: Span | undefined): Promise<void>;
}

/** A fresh copy is trusted for this long. */
const TRUST_FRESH_MS = 4 * 60_000;
/** A stale one for this long: time for whoever refreshes it. */
const TRUST_STALE_MS = 5_000;
/**
 * For this long after, a copy is served once more while the store is asked behind it. Together with
 * TRUST_FRESH_MS it is the time in which every data centre forgets what the store has forgotten.
 */
export const SERVED_ONCE_MORE_MS = 60_000;

const FACTS = "x-kept";
const Facts = object({
  cursor: string(),
  fetchedAt: number(),
  freshUntil: number(),
  keptUntil: number(),
  trustedUntil: number(),
});

/** Which pages of a symbol are kept here. Two writers at once may lose an entry; that costs a question. */
const Index = array(object({ cursor: string(), newest: number(), oldest: number() }));
type Index = InferOutput<typeof Index>;

/**
 * The copies that this isolate has read or written last, by their URLs, so that what is asked for again and
 * again is not read again and again. They are trusted for no longer than what they are copies of.
 */
const memory = new Map<string, EdgeCopy>();
/** A page is 3 to 8 KB. */
const MOST_IN_MEMORY = 500;

function remember(url: string, copy: EdgeCopy): void {
  memory.delete(url);
  memory.set(url, copy);
  const [oldest] = memory.keys();
  if (memory.size > MOST_IN_MEMORY && oldest !== undefined) memory.delete(oldest);
}

/** More entries than ten years of weekly rows fill. */
const MOST_ENTRIES = 64;
/** Pages overlap where new rows have moved their bounds: as many are looked at for one cursor. */
const MOST_TRIED = 3;
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
  const urlOf = (key: PageKey) => `${origin}/kept/${nameOf(key)}`;
  const indexUrl = (symbol: string) => `${origin}/kept-index/${symbol}`;

  // Read once by each request: a walk through a history has no subrequests to spare.
  const indexes = new Map<string, Index>();

  async function readIndex(symbol: string): Promise<Index> {
    const known = indexes.get(symbol);
    if (known) return known;
    const response = await cache.match(indexUrl(symbol));
    const index = response ? parse(Index, await response.json()) : [];
    indexes.set(symbol, index);
    return index;
  }

  async function enter(symbol: string, cursor: string, { newest, oldest }: Span): Promise<void> {
    const others = (await readIndex(symbol)).filter((entry) => entry.cursor !== cursor);
    const entries = [{ cursor, newest, oldest }, ...others].slice(0, MOST_ENTRIES);
    indexes.set(symbol, entries);
    await cache.put(indexUrl(symbol), Response.json(entries, { headers: maxAge(INDEX_MS) }));
  }

  async function read(key: PageKey): Promise<EdgeCopy | undefined> {
    const url = urlOf(key);
    const remembered = memory.get(url);
    if (remembered && now() < remembered.trustedUntil) return remembered;
    const response = await cache.match(url);
    if (!response) return undefined;
    const facts = parse(Facts, JSON.parse(decodeURIComponent(response.headers.get(FACTS) ?? "")));
    const copy = { ...facts, reply: new Uint8Array(await response.arrayBuffer()) };
    remember(url, copy);
    return copy;
  }

  async function readAround(symbol: string, cursor: string): Promise<EdgeCopy | undefined> {
    const timestamp = timestampOf(cursor);
    if (timestamp === undefined) return undefined;
    const around = (await readIndex(symbol))
      .filter(({ newest, oldest }) => oldest < timestamp && timestamp <= newest)
      .slice(0, MOST_TRIED);
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
    async put(key, kept, span) {
      const { reply, ...facts } = kept;
      const at = now();
      const fresh = at < kept.freshUntil;
      const trustedUntil = fresh ? Math.min(at + TRUST_FRESH_MS, kept.freshUntil) : at + TRUST_STALE_MS;
      // A header is ASCII, and a cursor may be anything.
      const written = encodeURIComponent(JSON.stringify({ ...facts, trustedUntil }));
      const headers = { ...maxAge(kept.keptUntil - at), [FACTS]: written };
      const url = urlOf({ ...key, cursor: kept.cursor });
      remember(url, { ...kept, trustedUntil });
      await cache.put(url, new Response(reply, { headers })).catch(nothing);
      if (span) await enter(key.symbol, kept.cursor, span).catch(nothing);
    },
  };
}

function maxAge(ms: number): Record<string, string> {
  return { "Cache-Control": `max-age=${Math.max(0, Math.floor(ms / 1_000))}` };
}

/** A cache that cannot be read or written is a cache that has nothing. */
function nothing(): undefined {}
