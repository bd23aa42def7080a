import { suggestSymbols } from "../functions/short-interest/symbol-suggestions.ts";

/** Client of this service's HTTP API. */

export type NumericValue = number | bigint | null;

/** One row of a history. Columns of both markets share these names. */
export interface Point {
  /** The trading day, `YYYY-MM-DD`. */
  readonly date: string;
  readonly shares: NumericValue;
  /** In percent. */
  readonly percent: NumericValue;
  readonly price: NumericValue;
  /** Null in Hong Kong. */
  readonly daysToCover: NumericValue;
}

export interface PointsPage {
  readonly symbol: string;
  readonly market: string;
  /** Newest first. */
  readonly points: readonly Point[];
  /** Cursor of the next page; null on the last page. */
  readonly next: string | null;
  /** Age of a stale page, in seconds; undefined for a fresh one. */
  readonly staleAgeS: number | undefined;
}

/** An error response of the API, or a failure to reach it. */
export class Problem extends Error {
  /** Code of the API's problem details, or one of the UI's own. */
  readonly code: string;
  readonly retryAfterS: number | undefined;

  constructor(code: string, retryAfterS?: number) {
    super(code);
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

const KEY_ITEM = "short-interest-key";

/** The key of this page, if the browser denies access to its storage. */
let keyInMemory: string | null = null;

/** The API key of a text without the spaces around it; undefined if no HTTP header can carry it. */
export function keyOf(text: string): string | undefined {
  const key = text.trim();
  return /^[!-~]*$/.test(key) ? key : undefined;
}

/** Keeps the API key until the tab is closed, or without a storage until the page is. An invalid key clears it. */
export function saveKey(text: string): void {
  const key = keyOf(text) || null;
  try {
    if (key === null) sessionStorage.removeItem(KEY_ITEM);
    else sessionStorage.setItem(KEY_ITEM, key);
    keyInMemory = null;
  } catch {
    keyInMemory = key;
  }
}

/** The API key; null without one. */
export function savedKey(): string | null {
  try {
    return keyInMemory ?? sessionStorage.getItem(KEY_ITEM);
  } catch {
    return null;
  }
}

type Row = Readonly<Record<string, NumericValue | string>>;

interface PageBody {
  readonly symbol: string;
  readonly market: string;
  readonly items: readonly Row[];
  readonly next_key: string | null;
}

/** The newest row of a security. */
export interface Newest {
  readonly symbol: string;
  /** Null without data. */
  readonly point: Point | null;
  /** Since the row before. */
  readonly change: { readonly shares: number | bigint; readonly percent: number | null } | null;
  readonly problem: Problem | undefined;
}

interface LatestBody {
  readonly items: readonly {
    readonly symbol: string;
    readonly latest: Row | null;
    readonly change: Newest["change"];
    readonly error: { readonly code: string; readonly retry_after?: number } | null;
  }[];
}

async function parseBody<Body>(response: Response): Promise<Body> {
  try {
    return JSON.parse(await response.text(), reviveBigInt);
  } catch {
    throw new Problem("invalid_json");
  }
}

/**
 * Fetches one page of a history.
 * @param cursor `next` of the page before; null for the first page
 * @throws Problem
 */
export async function fetchPage(
  symbol: string,
  cursor: string | null,
  signal: AbortSignal,
): Promise<PointsPage> {
  // The URL parser would resolve "." and ".." to another path.
  if (!/[A-Z0-9]/i.test(symbol)) throw new Problem("invalid_symbol");
  const [suggestion = symbol] = suggestSymbols(symbol);
  if (suggestion !== symbol) throw new Problem("invalid_symbol");
  const query = cursor === null ? "" : `&next_key=${encodeURIComponent(cursor)}`;
  const response = await get(`${pathOf(symbol)}?num=50${query}`, signal);
  const body = await parseBody<PageBody>(response);
  const isStale = response.headers.get("Cache-Status")?.includes("fwd=stale");
  return {
    symbol: body.symbol,
    market: body.market,
    points: body.items.map(pointOf),
    next: body.next_key,
    staleAgeS: isStale ? Number(response.headers.get("Age")) : undefined,
  };
}

/**
 * Fetches the newest row of each symbol in one request.
 * @throws Problem
 */
export async function fetchLatest(symbols: readonly string[], signal: AbortSignal): Promise<Newest[]> {
  const response = await get(`/v1/short-interest?symbols=${symbols.join()}`, signal);
  const { items } = await parseBody<LatestBody>(response);
  return items.map(({ symbol, latest, change, error }) => ({
    symbol,
    point: latest && pointOf(latest),
    change,
    problem: error === null ? undefined : new Problem(error.code, error.retry_after),
  }));
}

/**
 * Fetches the history as the API's CSV.
 * @param from first day, `YYYY-MM-DD`; undefined for the full history
 * @throws Problem
 */
export async function fetchCsv(symbol: string, from: string | undefined): Promise<Blob> {
  const range = from === undefined ? "" : `&from=${from}`;
  const response = await get(`${pathOf(symbol)}/history?format=csv${range}`);
  try {
    return await response.blob();
  } catch {
    // The API aborts CSV that it cannot complete. Its pages so far are cached, so that a retry gets further.
    throw new Problem("opend_unreachable");
  }
}

const pathOf = (symbol: string) => `/v1/short-interest/${encodeURIComponent(symbol)}`;

/** After a reload, the copies in the browser's cache are revalidated. */
const CACHE_MODE: RequestCache = performance
  .getEntriesByType("navigation")
  .some((entry) => entry instanceof PerformanceNavigationTiming && entry.type === "reload")
  ? "no-cache"
  : "default";

async function get(path: string, signal?: AbortSignal): Promise<Response> {
  const key = savedKey();
  const headers: Record<string, string> = key === null ? {} : { "X-API-Key": key };
  let response: Response;
  try {
    response = await fetch(path, { headers, cache: CACHE_MODE, ...(signal && { signal }) });
  } catch {
    signal?.throwIfAborted();
    throw new Problem("offline");
  }
  if (response.ok) return response;
  const { code = `HTTP ${response.status}` } = (await response.json().catch(() => ({}))) as { code?: string };
  throw new Problem(code, secondsOf(response.headers.get("Retry-After")));
}

/** Parses Retry-After, a number of seconds or a date (RFC 9110, 10.2.3). At least 1, so that retries never spin. */
function secondsOf(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined;
  const seconds = /^\d+$/.test(retryAfter)
    ? Number(retryAfter)
    : (Date.parse(retryAfter) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.max(1, seconds) : undefined;
}

function pointOf(row: Row): Point {
  const numberIn = (...columns: string[]): NumericValue => {
    const value = columns.map((column) => row[column]).find((cell) => cell !== undefined);
    return typeof value === "string" || value === undefined ? null : value;
  };
  return {
    date: String(row.timestamp_str),
    shares: numberIn("aggregated_short", "shares_short"),
    percent: numberIn("aggregated_short_ratio", "short_percent"),
    price: numberIn("close_price"),
    daysToCover: numberIn("days_to_cover"),
  };
}

/** Reviver for `JSON.parse` that keeps integers past 2^53 exact in browsers with JSON.parse source text access. */
function reviveBigInt(_: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value) || !Number.isInteger(value)) return value;
  return context?.source && /^-?\d+$/.test(context.source) ? BigInt(context.source) : value;
}
