/** The API, as the page asks it. */

export type Figure = number | bigint | null;

/** A row, whatever its market. */
export interface Point {
  /** The trading day, `YYYY-MM-DD`. */
  readonly date: string;
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

/** What no header can carry is no key, and is not kept. */
export function rememberKey(key: string): void {
  if (/^[!-~]+$/.test(key)) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

/** The key of this tab; null where there is none, or where the browser keeps nothing. */
export function rememberedKey(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

interface Answer {
  readonly symbol: string;
  readonly market: string;
  readonly items: readonly Readonly<Record<string, Figure | string>>[];
  readonly next_key: string | null;
}

async function answerIn(response: Response): Promise<Answer> {
  try {
    return JSON.parse(await response.text(), exactly);
  } catch {
    throw new Problem("not JSON");
  }
}

/** @throws Problem */
export async function fetchPage(
  symbol: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<PointsPage> {
  // Dots alone would lead to another path.
  if (!/[A-Z0-9]/i.test(symbol)) throw new Problem("invalid_symbol");
  const query = cursor === null ? "" : `&next_key=${encodeURIComponent(cursor)}`;
  const response = await ask(`${pathOf(symbol)}?num=50${query}`, signal);
  const answer = await answerIn(response);
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
export async function fetchCsv(symbol: string, from: string | undefined): Promise<Blob> {
  const range = from === undefined ? "" : `&from=${from}`;
  const response = await ask(`${pathOf(symbol)}/history?format=csv${range}`);
  try {
    return await response.blob();
  } catch {
    // CSV that cannot be had to its end is broken off. What was fetched is kept, so the next time goes further.
    throw new Problem("opend_unreachable");
  }
}

const pathOf = (symbol: string) => `/v1/short-interest/${encodeURIComponent(symbol)}`;

async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const key = rememberedKey();
  const headers: Record<string, string> = key === null ? {} : { "X-API-Key": key };
  let response: Response;
  try {
    response = await fetch(path, { headers, ...(signal && { signal }) });
  } catch {
    signal?.throwIfAborted();
    throw new Problem("offline");
  }
  if (response.ok) return response;
  const { code = `HTTP ${response.status}` } = (await response.json().catch(() => ({}))) as { code?: string };
  throw new Problem(code, secondsOf(response.headers.get("Retry-After")));
}

/** Retry-After is a number of seconds, or a date (RFC 9110, 10.2.3); never less than one here. */
function secondsOf(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined;
  const seconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.max(1, seconds) : undefined;
}

function pointOf(row: Readonly<Record<string, Figure | string>>): Point {
  const figure = (...names: string[]): Figure => {
    const value = names.map((name) => row[name]).find((each) => each !== undefined);
    return typeof value === "string" || value === undefined ? null : value;
  };
  return {
    date: String(row.timestamp_str),
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
