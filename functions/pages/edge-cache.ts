import { array, type InferOutput, number, object, parse, string } from "valibot";
import type { KeptReply, PageKey } from "./kept.ts";

/** The timestamps that a page runs from and to, in seconds. Only a page that may be sliced has a span. */
export interface Span {
  readonly newest: number;
  readonly oldest: number;
}

/** The copies of this data centre. Losing one costs a call, so no trouble with it fails a request. */
export interface EdgeCache {
  /** The reply kept under just this key. */
  get(key: PageKey): Promise<KeptReply | undefined>;
  /** The reply that may have the row which `cursor` names, and rows after it, with its own cursor. */
  getAround(symbol: string, cursor: number): Promise<(KeptReply & { cursor: string }) | undefined>;
  put(key: PageKey, kept: KeptReply, freshMs: number, span?: Span): Promise<void>;
}

const FETCHED_AT = "x-fetched-at";

/** Which pages of a symbol are kept here. Two writers at once may lose an entry; that costs a call. */
const Index = array(
  object({
    cursor: string(),
    newest: number(),
    oldest: number(),
  }),
);
type Index = InferOutput<typeof Index>;

/** More entries than ten years of weekly rows fill. */
const MOST_ENTRIES = 64;
const INDEX_MS = 24 * 3_600_000;

/**
 * @param origin the Worker's own origin, which the Cache API wants its keys to be under
 * @param now Unix time, milliseconds
 */
export function createEdgeCache(cache: Cache, origin: string, now: () => number): EdgeCache {
  const urlOf = ({ symbol, cursor, num }: PageKey) => {
    const query = new URLSearchParams({ cursor, ...(num === undefined ? {} : { num: String(num) }) });
    return `${origin}/kept/${symbol}?${query}`;
  };
  const indexUrl = (symbol: string) => `${origin}/kept/${symbol}/index`;

  async function readIndex(symbol: string): Promise<Index> {
    const response = await cache.match(indexUrl(symbol));
    return response ? parse(Index, await response.json()) : [];
  }

  async function enter(symbol: string, cursor: string, { newest, oldest }: Span): Promise<void> {
    const others = (await readIndex(symbol)).filter((entry) => entry.cursor !== cursor);
    const entries = [{ cursor, newest, oldest }, ...others].slice(0, MOST_ENTRIES);
    await cache.put(indexUrl(symbol), Response.json(entries, { headers: maxAge(INDEX_MS) }));
  }

  async function get(key: PageKey): Promise<KeptReply | undefined> {
    const response = await cache.match(urlOf(key));
    if (!response) return undefined;
    return {
      reply: new Uint8Array(await response.arrayBuffer()),
      fetchedAt: Number(response.headers.get(FETCHED_AT)),
    };
  }

  return {
    get: (key) => get(key).catch(nothing),
    async getAround(symbol, cursor) {
      const index = await readIndex(symbol).catch(() => []);
      const around = index.find(({ newest, oldest }) => oldest < cursor && cursor <= newest);
      const kept = around && (await get({ symbol, cursor: around.cursor }).catch(nothing));
      return kept && { ...kept, cursor: around.cursor };
    },
    async put(key, kept, freshMs, span) {
      const headers = { ...maxAge(kept.fetchedAt + freshMs - now()), [FETCHED_AT]: String(kept.fetchedAt) };
      await cache.put(urlOf(key), new Response(kept.reply, { headers })).catch(nothing);
      if (span) await enter(key.symbol, key.cursor, span).catch(nothing);
    },
  };
}

function maxAge(ms: number): Record<string, string> {
  return { "Cache-Control": `max-age=${Math.max(0, Math.floor(ms / 1_000))}` };
}

/** A cache that cannot be read or written is a cache that has nothing. */
function nothing(): undefined {}
