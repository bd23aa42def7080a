import { dateOf, type Market } from "../short-interest/symbol.ts";
import { isUsExchangeHoliday } from "./exchange-holidays.ts";

/** Publication calendars of FINRA (US) and the SFC (Hong Kong), and when to poll for a new row. */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** FINRA publishes this many business days after the settlement date. */
const US_BUSINESS_DAYS = 7;
/** In New York. */
const US_PUBLICATION_HOUR = 16;
/** From the date of a Hong Kong row to the publication of the next one. */
const HK_PUBLICATION_DAYS = 13;

/**
 * The earliest time at which the row after `newest` is published.
 *
 * US: FINRA's settlement dates are the 15th and the last day of a month, or the business day before. It publishes on
 * the seventh business day after, at 16:00 in New York. A business day is a day on which the exchanges open, so
 * Columbus Day and Veterans Day count. Rows may bear the settlement date, or the 15th and the last of the month.
 *
 * Hong Kong: a row bears the last trading day of its week. Holidays are not computed. The assumption is that the SFC
 * publishes a week's row on the Friday after, and never before that Thursday; so the result is 13 days after
 * `newest`. If the SFC published exactly a week after a row's date, the result would be up to two days late for three
 * rows from 2024 to 2030 (2025-01-28, 2025-12-24, 2028-01-25), of weeks that end on a Tuesday or Wednesday.
 *
 * @param newest date of the newest row, Unix time in seconds
 * @returns Unix time in milliseconds
 * @throws Failure `opend_protocol_error` if `newest` is not a time
 */
export function publicationAfter(market: Market, newest: bigint): number {
  return publicationOf(market, rowAfter(market, dayOf(market, newest)));
}

/** How long after an expected publication polls follow the page's expiry. */
const FREQUENT_POLLING_MS = 7 * DAY_MS;
/**
 * Delay of the next poll after a failure, and while the cached page is stale. The same as the interval of the cron in
 * wrangler.toml: a shorter delay has no effect.
 */
export const RETRY_MS = HOUR_MS / 4;

/**
 * When to poll again for a row after `newest`.
 *
 * The first poll is at its publication. For a week, polls follow whenever the cached page expires, so
 * `FIRST_PAGE_FRESH_MS` of `page-source/freshness.ts` sets their interval. If the row is missing, the same applies to the
 * publication of the row after it. A row may be missing for three reasons: OpenD may have US rows monthly, a week in Hong
 * Kong may have no trading day, or an unforeseen closure moved a settlement date. Otherwise polls are a day apart,
 * because the security may have left the market.
 *
 * @param newest date of the newest row, Unix time in seconds; undefined if there is no row
 * @param freshUntil when the cached page expires, Unix time in milliseconds
 * @param now Unix time in milliseconds
 * @returns Unix time in milliseconds, later than `now`
 * @throws Failure `opend_protocol_error` if `newest` is not a time
 */
export function nextPollTime(
  market: Market,
  newest: bigint | undefined,
  freshUntil: number,
  now: number,
): number {
  if (newest === undefined) return now + DAY_MS;
  const row = rowAfter(market, dayOf(market, newest));
  const due = publicationOf(market, row);
  if (now < due) return due;
  const soonest = freshUntil > now ? freshUntil : now + RETRY_MS;
  if (now - due <= FREQUENT_POLLING_MS) return soonest;
  const nextDue = publicationOf(market, rowAfter(market, row));
  if (now < nextDue) return Math.min(now + DAY_MS, nextDue);
  return now - nextDue <= FREQUENT_POLLING_MS ? soonest : now + DAY_MS;
}

/** Midnight UTC of a row's date. */
function dayOf(market: Market, timestamp: bigint): Date {
  return new Date(dateOf(market, timestamp));
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
