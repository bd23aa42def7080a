import { fetchPage, type Point } from "./api.ts";

/** What has been loaded of a security, newest row first. */
export interface History {
  readonly symbol: string;
  readonly market: string;
  readonly points: readonly Point[];
  /** Where it goes on; null where it is loaded to its end, undefined where nothing is loaded yet. */
  readonly next: string | null | undefined;
  readonly staleS: number | undefined;
  /** When its first page was loaded (Unix time, milliseconds). */
  readonly loadedAt: number;
}

/** After this a page that stays open loads it again. */
const KEPT_MS = 3_600_000;

export function isOld({ loadedAt }: History, now: number): boolean {
  return now - loadedAt > KEPT_MS;
}

export const RANGES = ["3M", "1Y", "3Y", "all"] as const;
export type Range = (typeof RANGES)[number];
const MONTHS: Readonly<Record<Range, number>> = {
  "3M": 3,
  "1Y": 12,
  "3Y": 36,
  all: Number.POSITIVE_INFINITY,
};

export function nothingOf(symbol: string): History {
  return { symbol, market: "", points: [], next: undefined, staleS: undefined, loadedAt: Date.now() };
}

/** The first day of a range that ends with the newest row, `YYYY-MM-DD`; undefined for all. */
export function firstDay({ points }: Pick<History, "points">, range: Range): string | undefined {
  const newest = points[0];
  if (!newest || range === "all") return undefined;
  const [year = 0, month = 0, day = 0] = newest.date.split("-").map(Number);
  const first = month - 1 - MONTHS[range];
  // A month may have no such day; then it is its last.
  const last = new Date(Date.UTC(year, first + 1, 0)).getUTCDate();
  return new Date(Date.UTC(year, first, Math.min(day, last))).toISOString().slice(0, 10);
}

/** The rows of a range. */
export function pointsIn(history: History, range: Range): readonly Point[] {
  const from = firstDay(history, range);
  return from === undefined ? history.points : history.points.filter(({ date }) => date >= from);
}

/** Whether there is more to load for a range. */
export function isWanting(history: History, range: Range): boolean {
  if (history.next === undefined) return true;
  if (history.next === null) return false;
  const oldest = history.points.at(-1);
  const from = firstDay(history, range);
  return oldest !== undefined && (from === undefined || oldest.date >= from);
}

/** How much of a range is loaded, from 0 to 1; undefined where its end is not known. */
export function loadedPart(history: History, range: Range): number | undefined {
  const [newest, oldest] = [history.points[0], history.points.at(-1)];
  const from = firstDay(history, range);
  if (!newest || !oldest || from === undefined) return undefined;
  const whole = Date.parse(newest.date) - Date.parse(from);
  return Math.min(1, (Date.parse(newest.date) - Date.parse(oldest.date)) / whole);
}

/**
 * Loads one page more.
 * @throws Problem
 */
export async function loadMore(history: History, signal: AbortSignal): Promise<History> {
  const page = await fetchPage(history.symbol, history.next ?? null, signal);
  return {
    symbol: page.symbol,
    market: page.market,
    points: [...history.points, ...page.points],
    next: page.next,
    staleS: history.staleS ?? page.staleS,
    loadedAt: history.loadedAt,
  };
}
