import { fetchPage, type Point } from "./api.ts";
import type { DayRange } from "./series.ts";

/** The loaded part of a security's history, newest row first. */
export interface History {
  readonly symbol: string;
  readonly market: string;
  readonly points: readonly Point[];
  /** Cursor of the next page; null at the end, undefined before the first page. */
  readonly next: string | null | undefined;
  /** Age of its stale page, in seconds; undefined if all pages were fresh. */
  readonly staleAgeS: number | undefined;
  /** When its first page was requested (Unix time, milliseconds). */
  readonly loadedAt: number;
}

/** A tab that stays open reloads a history after this time. */
const RELOAD_AFTER_MS = 3_600_000;

export function isExpired({ loadedAt }: History, now: number): boolean {
  return now - loadedAt > RELOAD_AFTER_MS;
}

export const RANGES = ["3M", "1Y", "3Y", "all"] as const;
export type Range = (typeof RANGES)[number];
const MONTHS: Readonly<Record<Range, number>> = {
  "3M": 3,
  "1Y": 12,
  "3Y": 36,
  all: Number.POSITIVE_INFINITY,
};

export function emptyHistory(symbol: string): History {
  return { symbol, market: "", points: [], next: undefined, staleAgeS: undefined, loadedAt: Date.now() };
}

/** The loaded histories of these symbols, in their order. */
export function loadedOf(symbols: readonly string[], histories: ReadonlyMap<string, History>): History[] {
  return symbols.flatMap((symbol) => histories.get(symbol) ?? []);
}

/** First day of a range that ends with the newest row of all histories, `YYYY-MM-DD`; undefined for all. */
export function firstDay(histories: readonly History[], range: Range): string | undefined {
  const newest = histories
    .flatMap(({ points }) => points[0]?.date ?? [])
    .toSorted()
    .at(-1);
  if (newest === undefined || range === "all") return undefined;
  const [year = 0, month = 0, day = 0] = newest.split("-").map(Number);
  const firstMonth = month - 1 - MONTHS[range];
  // Three months before May 31 is the last day of February.
  const lastDayOfMonth = new Date(Date.UTC(year, firstMonth + 1, 0)).getUTCDate();
  return new Date(Date.UTC(year, firstMonth, Math.min(day, lastDayOfMonth))).toISOString().slice(0, 10);
}

/**
 * The loaded rows of a range, or of the part of it that the chart is zoomed to.
 * @param from first day of the range, `YYYY-MM-DD`; undefined for all
 */
export function pointsIn(history: History, from = "", zoom?: DayRange): readonly Point[] {
  const first = zoom?.from ?? from;
  return history.points.filter(({ date }) => date >= first && (zoom === undefined || date <= zoom.to));
}

/**
 * Whether the range needs a page that is not loaded yet.
 * @param from first day of the range, `YYYY-MM-DD`; undefined for all
 */
export function needsMore(history: History, from: string | undefined): boolean {
  if (history.next === undefined) return true;
  if (history.next === null) return false;
  const oldest = history.points.at(-1);
  return oldest !== undefined && (from === undefined || oldest.date >= from);
}

/** The loaded fraction of a range, from 0 to 1; undefined if its first day is unknown, or no row is behind it. */
export function loadedFraction(history: History, from: string | undefined): number | undefined {
  const [newest, oldest] = [history.points[0], history.points.at(-1)];
  if (!newest || !oldest || from === undefined || newest.date <= from) return undefined;
  const wholeMs = Date.parse(newest.date) - Date.parse(from);
  return Math.min(1, (Date.parse(newest.date) - Date.parse(oldest.date)) / wholeMs);
}

/**
 * Loads the next page.
 * @throws Problem
 */
export async function loadMore(history: History, signal: AbortSignal): Promise<History> {
  const page = await fetchPage(history.symbol, history.next ?? null, signal);
  return {
    symbol: page.symbol,
    market: page.market,
    points: [...history.points, ...page.points],
    next: page.next,
    staleAgeS: history.staleAgeS ?? page.staleAgeS,
    loadedAt: history.loadedAt,
  };
}
