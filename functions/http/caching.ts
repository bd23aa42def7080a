/** The name that this cache gives itself in Cache-Status (RFC 9211). */
const CACHE = "short-interest-edge";

/** Times are Unix times in milliseconds. */
interface CacheFacts {
  /** `joined` an answer that another request was already fetching. */
  readonly origin: "kept" | "joined" | "fetched";
  readonly fetchedAt: number;
  readonly freshUntil: number;
}

/** What caches and people are told of an answer's age and of where it came from. */
export function cachingHeaders(
  { origin, fetchedAt, freshUntil }: CacheFacts,
  now: number,
): Record<string, string> {
  const seconds = (ms: number) => Math.max(0, Math.floor(ms / 1_000));
  const status = {
    kept: `${CACHE}; hit; ttl=${seconds(freshUntil - now)}`,
    joined: `${CACHE}; fwd=miss; collapsed`,
    fetched: `${CACHE}; fwd=miss; stored`,
  };
  return {
    Age: String(seconds(now - fetchedAt)),
    "Cache-Control": `public, max-age=${seconds(freshUntil - fetchedAt)}`,
    "Cache-Status": status[origin],
  };
}
