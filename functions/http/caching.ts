/** The name of this cache in Cache-Status (RFC 9211). */
const CACHE = "short-interest-edge";

/** Times are Unix times in milliseconds. */
interface CacheFacts {
  /** The edge cache, the shared cache, a coalesced request, or OpenD. */
  readonly origin: "edge" | "global" | "joined" | "fetched";
  /** Why the reply is served stale; absent if it is fresh. */
  readonly stale?: string | undefined;
  readonly fetchedAt: number;
  readonly freshUntil: number;
}

/** How long other caches may serve a stale response (RFC 5861), in seconds. */
const STALE_WHILE_REVALIDATE_S = 3_600;
const STALE_IF_ERROR_S = 7 * 24 * 3_600;

/** Headers with the age and the origin of a response. */
export function cachingHeaders(
  facts: CacheFacts,
  visibility: "public" | "private",
  now: number,
): Record<string, string> {
  const age = seconds(now - facts.fetchedAt);
  const lifetime = seconds(facts.freshUntil - facts.fetchedAt);
  return {
    Age: String(age),
    "Cache-Control": `${visibility}, max-age=${lifetime}, stale-while-revalidate=${STALE_WHILE_REVALIDATE_S}, stale-if-error=${STALE_IF_ERROR_S}`,
    "Cache-Status": cacheStatus(facts, lifetime - age),
  };
}

function cacheStatus({ origin, stale }: CacheFacts, ttl: number): string {
  if (stale !== undefined) return `${CACHE}; fwd=stale; ttl=${ttl}; detail=${stale}`;
  if (origin === "edge") return `${CACHE}; hit; ttl=${ttl}`;
  if (origin === "global") return `${CACHE}-global; hit; ttl=${ttl}, ${CACHE}; fwd=miss; stored`;
  return `${CACHE}; fwd=miss; ${origin === "joined" ? "collapsed" : "stored"}`;
}

function seconds(ms: number): number {
  return Math.max(0, Math.floor(ms / 1_000));
}

/** A strong ETag: the SHA-1 of the body. */
export async function entityTag(body: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-1", bytes));
  return `"${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}
