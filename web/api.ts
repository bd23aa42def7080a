/** The API, as the page asks it. */

export type Figure = number | bigint | null;

/** A row, whatever its market. */
export interface Point {
  /** The trading day, `YYYY-MM-DD`. */
  readonly date: string;
  /** Its midnight, Unix time in seconds. */
  readonly time: number;
  readonly shares: Figure;
  /** In percent. */
  readonly percent: Figure;
  readonly price: Figure;
  /** Days to cover; null in Hong Kong. */
  readonly cover: Figure;
}

export interface PointsPage {
  readonly symbol: string;
  readonly market: string;
  /** Newest first. */
  readonly points: readonly Point[];
  /** Cursor of the page that follows; null at the end. */
  readonly next: string | null;
  /** Seconds since it was fetched, where no newer one was to be had. */
  readonly staleS: number | undefined;
}

/** An answer that is a problem, or none at all. */
export class Problem extends Error {
  readonly code: string;
  readonly retryAfterS: number | undefined;

  constructor(code: string, retryAfterS?: number) {
    super(code);
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

const KEY = "short-interest-key";

export function rememberKey(key: string): void {
  sessionStorage.setItem(KEY, key);
}

interface Answer {
  readonly symbol: string;
  readonly market: string;
  readonly items: readonly Readonly<Record<string, Figure | string>>[];
  readonly next_key: string | null;
}

/** @throws Problem */
export async function fetchPage(
  symbol: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<PointsPage> {
  const query = cursor === null ? "" : `&next_key=${encodeURIComponent(cursor)}`;
  const response = await ask(`${pathOf(symbol)}?num=50${query}`, signal);
  const answer: Answer = JSON.parse(await response.text(), exactly);
  const isStale = response.headers.get("Cache-Status")?.includes("fwd=stale");
  return {
    symbol: answer.symbol,
    market: answer.market,
    points: answer.items.map(pointOf),
    next: answer.next_key,
    staleS: isStale ? Number(response.headers.get("Age")) : undefined,
  };
}

/**
 * The history as the API writes it.
 * @param from first day, `YYYY-MM-DD`; absent for all
 * @throws Problem
 */
export async function fetchCsv(symbol: string, from: string | undefined, signal: AbortSignal): Promise<Blob> {
  const range = from === undefined ? "" : `&from=${from}`;
  const response = await ask(`${pathOf(symbol)}/history?format=csv${range}`, signal);
  try {
    return await response.blob();
  } catch {
    signal.throwIfAborted();
    // CSV that cannot be had to its end is broken off. What was fetched is kept, so the next time goes further.
    throw new Problem("opend_unreachable");
  }
}

const pathOf = (symbol: string) => `/v1/short-interest/${encodeURIComponent(symbol)}`;

async function ask(path: string, signal: AbortSignal): Promise<Response> {
  const key = sessionStorage.getItem(KEY);
  const headers: Record<string, string> = key === null ? {} : { "X-API-Key": key };
  let response: Response;
  try {
    response = await fetch(path, { headers, signal });
  } catch {
    signal.throwIfAborted();
    throw new Problem("offline");
  }
  if (response.ok) return response;
  const { code = `HTTP ${response.status}` } = (await response.json().catch(() => ({}))) as { code?: string };
  const retryAfter = response.headers.get("Retry-After");
  throw new Problem(code, retryAfter === null ? undefined : Number(retryAfter));
}

function pointOf(row: Readonly<Record<string, Figure | string>>): Point {
  const figure = (...names: string[]): Figure => {
    const value = names.map((name) => row[name]).find((each) => each !== undefined);
    return typeof value === "string" || value === undefined ? null : value;
  };
  return {
    date: String(row.timestamp_str),
    time: Number(row.timestamp),
    shares: figure("aggregated_short", "shares_short"),
    percent: figure("aggregated_short_ratio", "short_percent"),
    price: figure("close_price"),
    cover: figure("days_to_cover"),
  };
}

/** Counts past 2^53 keep their digits, in browsers that tell the source of a number. */
function exactly(_: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  return context?.source && /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
}
