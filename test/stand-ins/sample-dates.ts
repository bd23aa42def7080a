import { isUsExchangeHoliday } from "../../functions/short-interest/exchange-holidays.ts";
import { expectedAfter } from "../../functions/short-interest/publication-calendar.ts";
import type { Market } from "../../functions/short-interest/symbol.ts";
import { lastTradingDay } from "../short-interest/publications.ts";

/**
 * The dates of rows: FINRA's settlement dates in the US, the last trading day of each week in Hong Kong. Rows have
 * numbers. In both markets row 0 is of 2026-04-30, the newest row of tests, and row -1 is the one before.
 */

const DAY_MS = 86_400_000;
const HONG_KONG_OFFSET_MS = 8 * 3_600_000;
const FRIDAY_OF_ROW_0 = Date.UTC(2026, 4, 1);
const MONTH_OF_ROW_0 = { year: 2026, month: 3 };

/** Midnight UTC of the date of a row, in milliseconds. */
export function dayOfRow(market: Market, row: number): number {
  if (market === "HK") return lastTradingDay(FRIDAY_OF_ROW_0 + row * 7 * DAY_MS);
  const { year, month } = MONTH_OF_ROW_0;
  const isMidMonth = row % 2 !== 0;
  const later = Math.ceil(row / 2);
  const nominal = isMidMonth ? Date.UTC(year, month + later, 15) : Date.UTC(year, month + later + 1, 0);
  let day = nominal;
  while (!isUsTradingDay(day)) day -= DAY_MS;
  return day;
}

/** Midnight in the market's time zone at the start of a date. */
export function timestampOfDay(market: Market, day: number): number {
  if (market === "HK") return (day - HONG_KONG_OFFSET_MS) / 1_000;
  const offset = 24 - Number(NEW_YORK_HOUR.format(day));
  return day / 1_000 + offset * 3_600;
}

/**
 * The newest row that is published at a time, 0 at least.
 * @param time Unix time, milliseconds
 */
export function newestRowAt(market: Market, time: number): number {
  let row = 0;
  while (expectedAfter(market, timestampOfDay(market, dayOfRow(market, row)), 1) <= time) row += 1;
  return row;
}

function isUsTradingDay(day: number): boolean {
  const date = new Date(day);
  return date.getUTCDay() !== 0 && date.getUTCDay() !== 6 && !isUsExchangeHoliday(date);
}

// Its creation is slow.
const NEW_YORK_HOUR = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  hour: "numeric",
  hourCycle: "h23",
});
