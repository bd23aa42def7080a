import { dateOf, type Market } from "../short-interest/symbol.ts";

/** When new rows are to be expected. Holidays are left out: they only make it look a little too early. */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** FINRA publishes on business day 7 after the settlement date, or later, after 16:00 in New York. */
const US_BUSINESS_DAYS = 7;
const US_HOUR = 16;
/**
 * The SFC publishes weekly the positions of a week's last trading day, about a week later: what follows a Friday's
 * row is to be had 14 days after it, and 13 where the next week's last trading day is a Thursday.
 */
const HK_DAYS = 13;

/** From when on a row after that of `newest` (Unix time in seconds) may be published, in Unix milliseconds. */
export function publicationAfter(market: Market, newest: bigint): number {
  const day = new Date(dateOf(market, newest));
  // Hong Kong has no summer time.
  if (market === "HK") return day.getTime() + HK_DAYS * DAY_MS - 8 * HOUR_MS;
  const published = settlementAfter(day);
  for (let days = 0; days < US_BUSINESS_DAYS; ) {
    published.setUTCDate(published.getUTCDate() + 1);
    if (!isWeekend(published)) days += 1;
  }
  const inSummer = published.getTime() + (US_HOUR + 4) * HOUR_MS;
  return NEW_YORK_HOUR.format(inSummer) === String(US_HOUR) ? inSummer : inSummer + HOUR_MS;
}

const NEW_YORK_HOUR = new Intl.DateTimeFormat("en", {
  timeZone: "America/New_York",
  hour: "numeric",
  hourCycle: "h23",
});

/** How long after that a row is looked for eagerly: the security may have left the market. */
const EAGER_MS = 7 * DAY_MS;
/** How soon to look again after something was in the way. */
export const AGAIN_MS = HOUR_MS / 4;

/**
 * When to look again.
 * @param newest timestamp of the newest row, in seconds; undefined where there is none
 * @param freshUntil until when looking again would give the same
 */
export function nextLook(
  market: Market,
  newest: bigint | undefined,
  freshUntil: number,
  now: number,
): number {
  const due = newest === undefined ? 0 : publicationAfter(market, newest);
  if (now < due) return due;
  return now - due > EAGER_MS ? now + DAY_MS : Math.max(freshUntil, now + AGAIN_MS);
}

/** Settlement dates are the 15th and the last of a month, or the last business day before. */
function settlementAfter(day: Date): Date {
  for (let months = 0; ; months += 1) {
    const [year, month] = [day.getUTCFullYear(), day.getUTCMonth() + months];
    for (const end of [Date.UTC(year, month, 15), Date.UTC(year, month + 1, 0)]) {
      const settlement = new Date(end);
      while (isWeekend(settlement)) settlement.setUTCDate(settlement.getUTCDate() - 1);
      if (settlement > day) return settlement;
    }
  }
}

function isWeekend(day: Date): boolean {
  return day.getUTCDay() === 0 || day.getUTCDay() === 6;
}
