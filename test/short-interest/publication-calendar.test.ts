import { describe, expect, it } from "vitest";
import type { Market } from "../../functions/short-interest/symbol.ts";
import { nextPollTime, publicationAfter } from "../../functions/webhooks/calendar.ts";
import {
  A_WEEK_LATER,
  BEFORE_A_HOLIDAY,
  FINRA_CYCLES,
  NASDAQ_RELEASES,
  NEXT_FRIDAY,
  newYorkOffset,
  type Publication,
  sfcWeeks,
} from "./publications.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const isoTime = (timeMs: number) => new Date(timeMs).toISOString();
/** Midnight in the market's time zone, in seconds. */
function timestampOf(market: Market, date: string): bigint {
  const offset = market === "HK" ? "+08:00" : newYorkOffset(date);
  return BigInt(Date.parse(`${date}T00:00:00${offset}`) / 1_000);
}
const delayed = (rows: readonly Publication[], delayMs: number) =>
  rows.map(({ date, published }) => ({ date, published: published + delayMs }));
const everyOther = (rows: readonly Publication[], first: number) =>
  rows.filter((_, index) => index % 2 === first);

/** Each row with its successor. */
function pairs(rows: readonly Publication[]): (readonly [Publication, Publication])[] {
  return rows.slice(1).map((next, index) => [rows[index] ?? next, next]);
}

/**
 * Polls by `nextPollTime`, from the publication of `row` until `next` is seen.
 * @param callersAt minutes past the hour at which other callers fetch the page, so that a poll before the next fetch
 *   gets their copy; undefined if each poll fetches the page
 * @returns milliseconds from the publication of `next` to the poll that sees it
 */
function delayOf(market: Market, row: Publication, next: Publication, callersAt?: number): number {
  const newest = timestampOf(market, row.date);
  for (let now = row.published; ; ) {
    const fetchedAt = callersAt === undefined ? now : now - ((now - callersAt * MINUTE) % HOUR);
    if (fetchedAt >= next.published) return now - next.published;
    now = nextPollTime(market, newest, fetchedAt + HOUR, now);
  }
}

/** Rows that are seen more than `maxMs` after publication, each with its delay. */
function lateRows(market: Market, rows: readonly Publication[], maxMs = HOUR): string[] {
  return pairs(rows).flatMap(([row, next]) => {
    const delay = Math.max(delayOf(market, row, next), delayOf(market, row, next, 17));
    return delay > maxMs ? [`${next.date} after ${(delay / HOUR).toFixed(1)} h`] : [];
  });
}

describe("publicationAfter in the US", () => {
  it.each(NASDAQ_RELEASES)(
    "after the row of %s, that of %s is published on %s at 16:00",
    (prior, _, release) => {
      const published = publicationAfter("US", timestampOf("US", prior));
      expect(isoTime(published)).toBe(isoTime(Date.parse(`${release}T16:00:00${newYorkOffset(release)}`)));
    },
  );

  it("equals FINRA's publication time in all 167 cycles from 2024 to 2030", () => {
    const wrong = pairs(FINRA_CYCLES).filter(
      ([row, next]) => publicationAfter("US", timestampOf("US", row.date)) !== next.published,
    );
    expect(wrong.map(([row]) => row.date)).toEqual([]);
    expect(pairs(FINRA_CYCLES).length).toBe(167);
  });

  it("equals FINRA's publication time if rows have the nominal date, the 15th or the last of the month", () => {
    const wrong = FINRA_CYCLES.slice(1).filter(({ published }, index) => {
      const { nominal = "" } = FINRA_CYCLES[index] ?? {};
      return publicationAfter("US", timestampOf("US", nominal)) !== published;
    });
    expect(wrong.map(({ date }) => date)).toEqual([]);
  });

  it.each([
    ["2026-10-30", "2026-11-24T21:00:00.000Z"], // winter time begins on 11-01
    ["2027-02-12", "2027-03-09T21:00:00.000Z"], // of 02-15, Presidents' Day
    ["2027-02-26", "2027-03-24T20:00:00.000Z"], // summer time begins on 03-14
    ["2027-05-28", "2027-06-25T20:00:00.000Z"], // of 05-31, Memorial Day
    ["2027-12-15", "2028-01-11T21:00:00.000Z"], // exchanges open on 2027-12-31: a Saturday's New Year is not moved
  ])("the row after %s is published at %s", (date, published) => {
    expect(isoTime(publicationAfter("US", timestampOf("US", date)))).toBe(published);
  });
});

describe("publicationAfter in Hong Kong", () => {
  it.each([
    ["2026-04-24", "2026-05-06T16:00:00.000Z"],
    ["2026-04-30", "2026-05-12T16:00:00.000Z"], // 05-01 is a holiday
  ])("the row after %s is expected at %s", (date, expected) => {
    expect(isoTime(publicationAfter("HK", timestampOf("HK", date)))).toBe(expected);
  });

  it("is never later, and at most a week earlier, than a Friday publication from 2024 to 2030", () => {
    const weeks = sfcWeeks(NEXT_FRIDAY);
    const early = pairs(weeks).map(
      ([row, next]) => next.published - publicationAfter("HK", timestampOf("HK", row.date)),
    );
    expect(Math.min(...early)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...early)).toBeLessThanOrEqual(7 * DAY);
  });

  it("is tested with the row dates that the vendor documents", () => {
    const documented = ["2026-03-06", "2026-03-13", "2026-03-20", "2026-03-27", "2026-04-02", "2026-04-10"];
    const dates = sfcWeeks(NEXT_FRIDAY).map(({ date }) => date);
    expect(dates.slice(dates.indexOf("2026-03-06")).slice(0, 6)).toEqual(documented);
  });
});

describe("nextPollTime", () => {
  const newest = timestampOf("US", "2026-04-30");
  const due = publicationAfter("US", newest);
  const nextDue = publicationAfter("US", timestampOf("US", "2026-05-15"));

  it("returns the publication time before it", () => {
    expect(nextPollTime("US", newest, 0, due - 10 * DAY)).toBe(due);
  });

  it.each([
    ["the publication", due],
    ["the publication after it", nextDue],
  ])("returns the expiry of the page, or 15 min later, for a week after %s", (_, from) => {
    for (const now of [from, from + 7 * DAY]) {
      expect(nextPollTime("US", newest, now + 1, now)).toBe(now + 1);
      expect(nextPollTime("US", newest, now, now)).toBe(now + 15 * MINUTE);
    }
  });

  it("returns a day later, or the next publication, if no publication is less than a week past", () => {
    expect(nextPollTime("US", newest, 0, due + 7 * DAY + 1)).toBe(due + 8 * DAY + 1);
    expect(nextPollTime("US", newest, 0, nextDue - 1)).toBe(nextDue);
    expect(nextPollTime("US", newest, 0, nextDue + 7 * DAY + 1)).toBe(nextDue + 8 * DAY + 1);
  });

  it("returns a day later without a row", () => {
    expect(nextPollTime("HK", undefined, due + HOUR, due)).toBe(due + DAY);
  });
});

describe("polling by nextPollTime from 2024 to 2030", () => {
  const nominal = FINRA_CYCLES.map((cycle) => ({ ...cycle, date: cycle.nominal }));
  const lags = [0, HOUR / 2, 14 * HOUR, 7 * DAY].map((lagMs) => [lagMs / HOUR, lagMs] as const);

  it.each(lags)("sees US rows within 1 h if OpenD has them %s h after FINRA", (_, lagMs) => {
    expect(lateRows("US", delayed(FINRA_CYCLES, lagMs))).toEqual([]);
    expect(lateRows("US", delayed(nominal, lagMs))).toEqual([]);
  });

  it.each(lags)("sees monthly US rows within 1 h if OpenD has them %s h after FINRA", (_, lagMs) => {
    for (const monthly of [everyOther(FINRA_CYCLES, 0), everyOther(FINRA_CYCLES, 1)]) {
      expect(lateRows("US", delayed(monthly, lagMs))).toEqual([]);
    }
  });

  it("sees US rows that OpenD has three days before FINRA at FINRA's publication time", () => {
    const early = delayed(FINRA_CYCLES, -3 * DAY);
    expect(pairs(early).map(([row, next]) => delayOf("US", row, next))).toEqual(
      pairs(early).map(() => 3 * DAY),
    );
  });

  it("sees US rows that OpenD has eight days after FINRA within 25 h", () => {
    expect(lateRows("US", delayed(FINRA_CYCLES, 8 * DAY), 25 * HOUR)).toEqual([]);
  });

  it("sees US rows within 1 h if an unforeseen closure moved the settlement date of the row before", () => {
    const moved = FINRA_CYCLES.map(({ date, published }) => {
      const isMonday = new Date(date).getUTCDay() === 1;
      return { date: isoTime(Date.parse(date) - (isMonday ? 3 : 1) * DAY).slice(0, 10), published };
    });
    const late = pairs(moved).flatMap(([row], index) =>
      lateRows("US", [row, FINRA_CYCLES[index + 1] ?? row]),
    );
    expect(late).toEqual([]);
  });

  it("sees Hong Kong rows within 1 h if OpenD has them up to a week after a Friday publication", () => {
    for (const [, lagMs] of lags) expect(lateRows("HK", delayed(sfcWeeks(NEXT_FRIDAY), lagMs))).toEqual([]);
  });

  it("sees Hong Kong rows within 1 h after a week without a trading day", () => {
    for (const first of [0, 1]) expect(lateRows("HK", everyOther(sfcWeeks(NEXT_FRIDAY), first))).toEqual([]);
  });

  it("sees all but three Hong Kong rows within 1 h, and these within two days, by other rules of the SFC", () => {
    expect(lateRows("HK", sfcWeeks(A_WEEK_LATER))).toEqual([
      "2025-01-28 after 30.0 h",
      "2025-12-24 after 6.0 h",
      "2028-01-25 after 30.0 h",
    ]);
    expect(lateRows("HK", sfcWeeks(BEFORE_A_HOLIDAY))).toEqual([
      "2025-01-24 after 30.0 h",
      "2025-12-19 after 6.0 h",
      "2028-01-21 after 30.0 h",
    ]);
  });
});
