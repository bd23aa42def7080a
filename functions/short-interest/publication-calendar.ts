import { isUsExchangeHoliday } from "./exchange-holidays.ts";
import { dateOf, type Market } from "./symbol.ts";

/**
 * Publication calendars of FINRA (US) and the SFC (Hong Kong): when the next row is published, and how far apart two
 * rows are. A period is the time that one row covers: half a month in the US, a week in Hong Kong.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** FINRA publishes this many business days after the settlement date. */
const US_BUSINESS_DAYS = 7;
/** In New York. */
const US_PUBLICATION_HOUR = 16;
/** From the date of a Hong Kong row to the publication of the next one. */
const HK_PUBLICATION_DAYS = 13;

/** A result about the row of a timestamp (Unix time in seconds). */
type CalendarFunction = (market: Market, timestamp: number, step: number) => number;

/** 2100-01-01, in seconds: the end of the known holidays. */
const END_OF_CALENDAR = 4_102_444_800;

/**
 * Whether the calendar can compute with a row's timestamp. OpenD may send any number.
 * @param timestamp Unix time in seconds
 */
export function isCalendarTime(timestamp: number): boolean {
  return Number.isInteger(timestamp) && timestamp > 0 && timestamp < END_OF_CALENDAR;
}

/**
 * The earliest time at which the row `step` periods after `newest` is published.
 *
 * US: FINRA's settlement dates are the 15th and the last day of a month, or the business day before. It publishes on
 * the seventh business day after, at 16:00 in New York. A business day is a day on which the exchanges open, so
 * Columbus Day and Veterans Day count. Rows may bear the settlement date, or the 15th and the last of the month.
 *
 * Hong Kong: a row bears the last trading day of its week. Holidays are not computed. The assumption is that the SFC
 * publishes a week's row on the Friday after, and never before that Thursday; so the next row is expected 13 days after
 * `newest`. If the SFC published exactly a week after a row's date, this would be up to two days late for three rows
 * from 2024 to 2030 (2025-01-28, 2025-12-24, 2028-01-25), of weeks that end on a Tuesday or Wednesday.
 *
 * @param newest date of the newest row, Unix time in seconds, for which `isCalendarTime` is true
 * @param step a positive integer
 * @returns Unix time in milliseconds
 */
export const expectedAfter = remembering((market, newest, step) => {
  let row = dayOf(market, newest);
  for (let periods = 0; periods < step; periods += 1) row = rowAfter(market, row);
  return publicationOf(market, row);
});

/**
 * The periods from one row to another: 0 for rows of the same period, negative if `newer` is older.
 * @param older Unix time in seconds, for which `isCalendarTime` is true
 * @param newer the same
 */
export function periodsBetween(market: Market, older: number, newer: number): number {
  if (older === newer) return 0;
  return periodOf(market, newer, 0) - periodOf(market, older, 0);
}

/** A number that grows by 1 with each period. */
const periodOf = remembering((market, timestamp) => {
  const day = dayOf(market, timestamp);
  // The Monday of 1970-01-05 begins a week.
  if (market === "HK") return Math.floor((day.getTime() / DAY_MS - 4) / 7);
  const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()];
  const settled = [Date.UTC(year, month, 15), Date.UTC(year, month + 1, 0)].filter(
    (nominal) => settlementOf(nominal) <= day,
  );
  return 2 * (12 * year + month) + settled.length;
});

/** Results that each function remembers. The symbols of a market have the same newest rows. */
const MAX_REMEMBERED = 500;

/** A function that computes each result once, unless it has forgotten it. */
function remembering(compute: CalendarFunction): CalendarFunction {
  const results = new Map<string, number>();
  return (market, timestamp, step) => {
    const key = `${market} ${timestamp} ${step}`;
    const known = results.get(key);
    if (known !== undefined) return known;
    if (results.size >= MAX_REMEMBERED) results.clear();
    const result = compute(market, timestamp, step);
    results.set(key, result);
    return result;
  };
}

/** Midnight UTC of a row's date. */
function dayOf(market: Market, timestamp: number): Date {
  return new Date(dateOf(market, BigInt(timestamp)));
}

/** The date of the row after a row of `day`, if Hong Kong has no holidays. */
function rowAfter(market: Market, day: Date): Date {
  if (market === "HK") return new Date(day.getTime() + 7 * DAY_MS);
  const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()];
  for (const nominal of [Date.UTC(year, month, 15), Date.UTC(year, month + 1, 0)]) {
    const settlement = settlementOf(nominal);
    if (settlement > day) return settlement;
  }
  return settlementOf(Date.UTC(year, month + 1, 15));
}

function settlementOf(nominal: number): Date {
  const day = new Date(nominal);
  while (!isUsBusinessDay(day)) day.setUTCDate(day.getUTCDate() - 1);
  return day;
}

function publicationOf(market: Market, row: Date): number {
  // Hong Kong has no summer time: its midnight is 16:00 UTC.
  if (market === "HK") return row.getTime() + (HK_PUBLICATION_DAYS - 7) * DAY_MS - 8 * HOUR_MS;
  const published = new Date(row);
  for (let days = 0; days < US_BUSINESS_DAYS; ) {
    published.setUTCDate(published.getUTCDate() + 1);
    if (isUsBusinessDay(published)) days += 1;
  }
  const inSummer = published.getTime() + (US_PUBLICATION_HOUR + 4) * HOUR_MS;
  return NEW_YORK_HOUR.format(inSummer) === String(US_PUBLICATION_HOUR) ? inSummer : inSummer + HOUR_MS;
}

const NEW_YORK_HOUR = new Intl.DateTimeFormat("en", {
  timeZone: "America/New_York",
  hour: "numeric",
  hourCycle: "h23",
});

function isUsBusinessDay(day: Date): boolean {
  return day.getUTCDay() !== 0 && day.getUTCDay() !== 6 && !isUsExchangeHoliday(day);
}
