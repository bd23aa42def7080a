import { describe, expect, it } from "vitest";
import { nextLook, publicationAfter } from "../../functions/webhooks/calendar.ts";

const DAY = 86_400_000;
/** Midnight in the market's time zone, in seconds. */
const hk = (day: string) => BigInt(Date.parse(`${day}T00:00:00+08:00`) / 1_000);
const us = (day: string, offset = "-04:00") => BigInt(Date.parse(`${day}T00:00:00${offset}`) / 1_000);
const at = (moment: number) => new Date(moment).toISOString();

describe("the next publication", () => {
  it.each([
    // FINRA's calendar of 2026: settlement on 05-15 and 05-29, and so on.
    ["2026-04-30", "-04:00", "2026-05-26T20:00:00.000Z"], // settles 05-15
    ["2026-05-15", "-04:00", "2026-06-09T20:00:00.000Z"], // settles Friday 05-29
    ["2026-10-30", "-04:00", "2026-11-24T21:00:00.000Z"], // settles Friday 11-13, in winter time
    ["2026-11-13", "-05:00", "2026-12-09T21:00:00.000Z"], // settles Monday 11-30
    ["2026-12-31", "-05:00", "2027-01-26T21:00:00.000Z"], // settles Friday 01-15, in the next year
    ["2027-01-29", "-05:00", "2027-02-24T21:00:00.000Z"], // settles Monday 02-15
    ["2027-02-26", "-05:00", "2027-03-24T20:00:00.000Z"], // settles Monday 03-15, in summer time
  ])("in the US after %s is seven business days after the next settlement", (day, offset, expected) => {
    expect(at(publicationAfter("US", us(day, offset)))).toBe(expected);
  });

  it.each([
    ["2026-04-24", "2026-05-06T16:00:00.000Z"],
    ["2026-04-30", "2026-05-12T16:00:00.000Z"],
  ])("in Hong Kong after %s is in the second week", (day, expected) => {
    expect(at(publicationAfter("HK", hk(day)))).toBe(expected);
  });

  it("was early enough for each of the vendor's documented dates", () => {
    const dates = ["2026-03-06", "2026-03-13", "2026-03-20", "2026-03-27", "2026-04-02", "2026-04-10"];
    for (const [place, day] of dates.entries()) {
      const next = dates[place + 1];
      if (next === undefined) continue;
      // A week after the Friday of the next row's week.
      const friday = Date.parse(next) + ((5 - new Date(next).getUTCDay() + 7) % 7) * DAY;
      expect(publicationAfter("HK", hk(day))).toBeLessThan(friday + 7 * DAY);
    }
  });
});

describe("the next look", () => {
  const newest = us("2026-04-30");
  const due = publicationAfter("US", newest);

  it("is when a new row may be published", () => {
    expect(nextLook("US", newest, 0, due - 10 * DAY)).toBe(due);
  });

  it("is when the page is no longer fresh, once it is due", () => {
    expect(nextLook("US", newest, due + 3_600_000, due)).toBe(due + 3_600_000);
    expect(nextLook("US", newest, due - 1, due)).toBe(due + 900_000);
  });

  it("is once a day where nothing came for a week, or there is no row at all", () => {
    const late = due + 8 * DAY;
    expect(nextLook("US", newest, late + 3_600_000, late)).toBe(late + DAY);
    expect(nextLook("HK", undefined, late + 3_600_000, late)).toBe(late + DAY);
  });
});
