import { describe, expect, it } from "vitest";
import {
  expectedAfter,
  isCalendarTime,
  periodsBetween,
} from "../../functions/short-interest/publication-calendar.ts";
import type { Market } from "../../functions/short-interest/symbol.ts";
import {
  FINRA_CYCLES,
  NASDAQ_RELEASES,
  NEXT_FRIDAY,
  newYorkOffset,
  type Publication,
  sfcWeeks,
  timestampOf,
} from "./publications.ts";

const DAY = 86_400_000;

const isoTime = (timeMs: number) => new Date(timeMs).toISOString();
const nextAfter = (market: Market, date: string) => expectedAfter(market, timestampOf(market, date), 1);

/** Each row with its successor. */
function pairs(rows: readonly Publication[]): (readonly [Publication, Publication])[] {
  return rows.slice(1).map((next, index) => [rows[index] ?? next, next]);
}

describe("expectedAfter in the US", () => {
  it.each(NASDAQ_RELEASES)(
    "after the row of %s, that of %s is published on %s at 16:00",
    (prior, _, release) => {
      const published = nextAfter("US", prior);
      expect(isoTime(published)).toBe(isoTime(Date.parse(`${release}T16:00:00${newYorkOffset(release)}`)));
    },
  );

  it("equals FINRA's publication time in all 167 cycles from 2024 to 2030", () => {
    const wrong = pairs(FINRA_CYCLES).filter(([row, next]) => nextAfter("US", row.date) !== next.published);
    expect(wrong.map(([row]) => row.date)).toEqual([]);
    expect(pairs(FINRA_CYCLES).length).toBe(167);
  });

  it("equals FINRA's publication time if rows have the nominal date, the 15th or the last of the month", () => {
    const wrong = FINRA_CYCLES.slice(1).filter(({ published }, index) => {
      const { nominal = "" } = FINRA_CYCLES[index] ?? {};
      return nextAfter("US", nominal) !== published;
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
    expect(isoTime(nextAfter("US", date))).toBe(published);
  });
});

describe("expectedAfter in Hong Kong", () => {
  it.each([
    ["2026-04-24", "2026-05-06T16:00:00.000Z"],
    ["2026-04-30", "2026-05-12T16:00:00.000Z"], // 05-01 is a holiday
  ])("the row after %s is expected at %s", (date, expected) => {
    expect(isoTime(nextAfter("HK", date))).toBe(expected);
  });

  it("is never later, and at most a week earlier, than a Friday publication from 2024 to 2030", () => {
    const weeks = sfcWeeks(NEXT_FRIDAY);
    const early = pairs(weeks).map(([row, next]) => next.published - nextAfter("HK", row.date));
    expect(Math.min(...early)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...early)).toBeLessThanOrEqual(7 * DAY);
  });

  it("is tested with the row dates that the vendor documents", () => {
    const documented = ["2026-03-06", "2026-03-13", "2026-03-20", "2026-03-27", "2026-04-02", "2026-04-10"];
    const dates = sfcWeeks(NEXT_FRIDAY).map(({ date }) => date);
    expect(dates.slice(dates.indexOf("2026-03-06")).slice(0, 6)).toEqual(documented);
  });
});

describe("expectedAfter with a step of 2", () => {
  it("equals FINRA's publication time of the row after the next one, from 2024 to 2030", () => {
    const expected = FINRA_CYCLES.slice(0, -2).map(({ date }) =>
      expectedAfter("US", timestampOf("US", date), 2),
    );
    expect(expected).toEqual(FINRA_CYCLES.slice(2).map(({ published }) => published));
  });

  it("is a week later in Hong Kong", () => {
    const newest = timestampOf("HK", "2026-04-24");
    expect(expectedAfter("HK", newest, 2)).toBe(expectedAfter("HK", newest, 1) + 7 * DAY);
  });
});

describe("periodsBetween", () => {
  const nominal = FINRA_CYCLES.map((cycle) => ({ ...cycle, date: cycle.nominal }));
  it.each([
    ["US rows with their settlement dates", "US", FINRA_CYCLES],
    ["US rows with their nominal dates", "US", nominal],
    ["Hong Kong rows", "HK", sfcWeeks(NEXT_FRIDAY)],
  ] as const)("counts 1 from each row to the next, for %s from 2024 to 2030", (_, market, rows) => {
    const timestamps = rows.map(({ date }) => timestampOf(market, date));
    const [first = 0] = timestamps;
    expect(timestamps.map((timestamp) => periodsBetween(market, first, timestamp))).toEqual([...rows.keys()]);
  });

  it.each([
    ["US", "2026-05-29", "2026-05-31", 0], // settlement date, and nominal date of the same row
    ["US", "2026-05-15", "2026-06-12", 1],
    ["US", "2025-12-31", "2026-01-15", 1],
    ["US", "2026-01-15", "2025-12-31", -1],
    ["HK", "2025-01-28", "2025-01-31", 0], // last trading day, and Friday of the same week
    ["HK", "2025-01-28", "2025-02-14", 2],
    ["HK", "2026-01-02", "2025-12-24", -1],
  ] as const)("in %s from %s to %s is %s", (market, older, newer, periods) => {
    expect(periodsBetween(market, timestampOf(market, older), timestampOf(market, newer))).toBe(periods);
  });
});

describe("isCalendarTime", () => {
  it.each([1, 1_777_000_000, 4_102_444_799])("is true for %s", (timestamp) => {
    expect(isCalendarTime(timestamp)).toBe(true);
    for (const market of ["HK", "US"] as const) {
      expect(expectedAfter(market, timestamp, 2)).toBeGreaterThan(timestamp * 1_000);
      expect(periodsBetween(market, timestamp, timestamp)).toBe(0);
    }
  });

  it.each([0, -1, 1.5, 4_102_444_800, 1e18, Number.NaN, Number.POSITIVE_INFINITY])(
    "is false for %s",
    (timestamp) => {
      expect(isCalendarTime(timestamp)).toBe(false);
    },
  );
});
