/**
 * Publication schedules that do not depend on the code under test: dates from press releases, and the rules of FINRA
 * and the SFC applied to listed exchange holidays.
 */

import type { Market } from "../../functions/short-interest/symbol.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** A row and its publication. */
export interface Publication {
  /** YYYY-MM-DD */
  readonly date: string;
  /** Unix time, milliseconds. */
  readonly published: number;
}

/** Midnight of a date in the market's time zone: the timestamp of its row, in seconds. */
export function timestampOf(market: Market, date: string): number {
  return Date.parse(`${date}T00:00:00${market === "HK" ? "+08:00" : newYorkOffset(date)}`) / 1_000;
}

/** Rows that OpenD has later, or earlier if `delayMs` is negative. */
export function delayed(rows: readonly Publication[], delayMs: number): Publication[] {
  return rows.map(({ date, published }) => ({ date, published: published + delayMs }));
}

/** Every second row, from the row with index `first` on. */
export function everyOther(rows: readonly Publication[], first: 0 | 1): Publication[] {
  return rows.filter((_, index) => index % 2 === first);
}

/**
 * Prior settlement date, settlement date and release date of press releases by Nasdaq, "Nasdaq Announces … Open Short
 * Interest Positions in Nasdaq Stocks as of Settlement Date …" (GlobeNewswire). Releases with a time of day appeared
 * between 16:05 and 16:12 in New York. Nasdaq publishes on FINRA's dissemination date
 * (http://nasdaqtrader.com/Trader.aspx?id=ShortIntPubSch).
 */
export const NASDAQ_RELEASES = [
  ["2021-05-14", "2021-05-28", "2021-06-09"], // month ends on Memorial Day
  ["2021-09-15", "2021-09-30", "2021-10-11"], // Columbus Day counts as a business day
  ["2022-03-31", "2022-04-14", "2022-04-26"], // the 15th is Good Friday
  ["2023-09-15", "2023-09-29", "2023-10-10"], // Columbus Day
  ["2023-12-29", "2024-01-12", "2024-01-24"], // the 15th is Martin Luther King Day
  ["2024-01-12", "2024-01-31", "2024-02-09"],
  ["2024-02-15", "2024-02-29", "2024-03-11"],
  ["2024-02-29", "2024-03-15", "2024-03-26"],
  ["2024-03-15", "2024-03-28", "2024-04-09"], // month ends on Good Friday
  ["2024-03-28", "2024-04-15", "2024-04-24"],
  ["2024-04-15", "2024-04-30", "2024-05-09"],
  ["2024-04-30", "2024-05-15", "2024-05-24"],
  ["2024-05-15", "2024-05-31", "2024-06-11"],
  ["2024-05-31", "2024-06-14", "2024-06-26"], // Juneteenth
  ["2024-07-15", "2024-07-31", "2024-08-09"],
  ["2024-07-31", "2024-08-15", "2024-08-26"],
  ["2024-11-15", "2024-11-29", "2024-12-10"],
  ["2024-11-29", "2024-12-13", "2024-12-24"],
  ["2024-12-13", "2024-12-31", "2025-01-10"], // exchanges closed for a day of mourning, which did not move the date
  ["2025-01-31", "2025-02-14", "2025-02-26"], // Presidents' Day
  ["2025-04-30", "2025-05-15", "2025-05-27"], // Memorial Day
  ["2025-07-15", "2025-07-31", "2025-08-11"],
  ["2025-07-31", "2025-08-15", "2025-08-26"],
  ["2025-09-15", "2025-09-30", "2025-10-09"],
  ["2025-10-15", "2025-10-31", "2025-11-11"], // Veterans Day counts as a business day
  ["2025-10-31", "2025-11-14", "2025-11-25"],
  ["2025-11-14", "2025-11-28", "2025-12-09"],
  ["2025-12-31", "2026-01-15", "2026-01-27"], // Martin Luther King Day
  ["2026-01-15", "2026-01-30", "2026-02-10"],
  ["2026-02-13", "2026-02-27", "2026-03-10"],
] as const;

/**
 * Days from Monday to Friday on which the New York Stock Exchange is closed, as it announced them in advance: without
 * the day of mourning on 2025-01-09.
 */
export const NYSE_HOLIDAYS = days({
  2022: "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26",
  2023: "01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25",
  2024: "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
  2025: "01-01 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
  2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
  2027: "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
  2028: "01-17 02-21 04-14 05-29 06-19 07-04 09-04 11-23 12-25",
  2029: "01-01 01-15 02-19 03-30 05-28 06-19 07-04 09-03 11-22 12-25",
  2030: "01-01 01-21 02-18 04-19 05-27 06-19 07-04 09-02 11-28 12-25",
  2031: "01-01 01-20 02-17 04-11 05-26 06-19 07-04 09-01 11-27 12-25",
});

/** First and last day of summer time in New York. */
const SUMMER_TIMES = [
  ["2021-03-14", "2021-11-06"],
  ["2022-03-13", "2022-11-05"],
  ["2023-03-12", "2023-11-04"],
  ["2024-03-10", "2024-11-02"],
  ["2025-03-09", "2025-11-01"],
  ["2026-03-08", "2026-10-31"],
  ["2027-03-14", "2027-11-06"],
  ["2028-03-12", "2028-11-04"],
  ["2029-03-11", "2029-11-03"],
  ["2030-03-10", "2030-11-02"],
] as const;

export function newYorkOffset(date: string): string {
  return SUMMER_TIMES.some(([first, last]) => first <= date && date <= last) ? "-04:00" : "-05:00";
}

/** FINRA's 168 settlement dates from 2024 to 2030; `nominal` is the 15th or the last day of the month. */
export const FINRA_CYCLES: readonly (Publication & { readonly nominal: string })[] = Array.from(
  { length: 7 * 12 },
  (_, month) => [Date.UTC(2024, month, 15), Date.UTC(2024, month + 1, 0)],
)
  .flat()
  .map((nominal) => {
    let settlement = nominal;
    while (!isNyseOpen(settlement)) settlement -= DAY;
    let published = settlement;
    for (let counted = 0; counted < 7; counted += isNyseOpen(published) ? 1 : 0) published += DAY;
    const releaseDate = dateOf(published);
    return {
      date: dateOf(settlement),
      nominal: dateOf(nominal),
      published: Date.parse(`${releaseDate}T16:00:00${newYorkOffset(releaseDate)}`),
    };
  });

function isNyseOpen(day: number): boolean {
  return isWeekday(day) && !NYSE_HOLIDAYS.has(dateOf(day));
}

/** Days from Monday to Friday on which the Stock Exchange of Hong Kong is closed, a typhoon (2024-09-06) included. */
const HK_HOLIDAYS = days({
  2024: "01-01 02-12 02-13 03-29 04-01 04-04 05-01 05-15 06-10 07-01 09-06 09-18 10-01 10-11 12-25 12-26",
  2025: "01-01 01-29 01-30 01-31 04-04 04-18 04-21 05-01 05-05 07-01 10-01 10-07 10-29 12-25 12-26",
  2026: "01-01 02-17 02-18 02-19 04-03 04-06 04-07 05-01 05-25 06-19 07-01 10-01 10-19 12-25",
  2027: "01-01 02-08 02-09 03-26 03-29 04-05 05-13 06-09 07-01 09-16 10-01 10-08 12-27",
  2028: "01-26 01-27 01-28 04-04 04-14 04-17 05-01 05-02 05-29 10-02 10-04 10-26 12-25 12-26",
  2029: "01-01 02-13 02-14 02-15 03-30 04-02 04-04 05-01 05-21 07-02 10-01 10-16 12-25 12-26",
  2030: "01-01 02-04 02-05 02-06 04-05 04-19 04-22 05-01 05-09 06-05 07-01 09-13 10-01 12-25 12-26",
  2031: "01-01",
});

/** The day on which the SFC publishes the positions of a week, from that week's last trading day and Friday. */
type SfcRule = (lastTradingDay: number, friday: number) => number;

/**
 * On the Friday after, or on the next trading day if it is a holiday. Press reports: 2024-04-19 on 04-26 at 18:30,
 * 2025-10-24 on 10-31 at 18:31, 2026-01-09 on 01-16 at 18:37, and Wednesday 2025-12-24 on Friday 2026-01-02 (Zhitong
 * Finance, "Hong Kong Stock Short Position Statistics").
 */
export const NEXT_FRIDAY: SfcRule = (_, friday) => tradingDay(friday + 7 * DAY, DAY);
/** On the Friday after, or on the previous trading day if it is a holiday. */
export const BEFORE_A_HOLIDAY: SfcRule = (_, friday) => tradingDay(friday + 7 * DAY, -DAY);
/** One week after the date of the row. */
export const A_WEEK_LATER: SfcRule = (lastTradingDay) => lastTradingDay + 7 * DAY;

/** The 365 weeks from 2024 to 2030. Rows are published at 18:00 in Hong Kong. */
export function sfcWeeks(rule: SfcRule): Publication[] {
  return Array.from({ length: 365 }, (_, week) => {
    const friday = Date.UTC(2024, 0, 5) + week * 7 * DAY;
    const day = lastTradingDay(friday);
    return { date: dateOf(day), published: rule(day, friday) + 10 * HOUR };
  });
}

/**
 * The date of the Hong Kong row of a week. Before 2024 and after 2030, holidays are not known.
 * @param friday of the week, as midnight UTC in milliseconds
 * @returns midnight UTC in milliseconds
 */
export function lastTradingDay(friday: number): number {
  return tradingDay(friday, -DAY);
}

function tradingDay(day: number, step: number): number {
  return isWeekday(day) && !HK_HOLIDAYS.has(dateOf(day)) ? day : tradingDay(day + step, step);
}

function isWeekday(day: number): boolean {
  return ![0, 6].includes(new Date(day).getUTCDay());
}

function dateOf(day: number): string {
  return new Date(day).toISOString().slice(0, 10);
}

function days(years: Readonly<Record<number, string>>): ReadonlySet<string> {
  const dates = Object.entries(years).map(([year, list]) => list.split(" ").map((day) => `${year}-${day}`));
  return new Set(dates.flat());
}
