import { describe, expect, it } from "vitest";
import { isUsExchangeHoliday } from "../../functions/short-interest/exchange-holidays.ts";
import { NYSE_HOLIDAYS } from "./publications.ts";

const DAY = 86_400_000;

describe("isUsExchangeHoliday", () => {
  it("is true for the announced NYSE holidays from 2022 to 2031 and false for all other weekdays", () => {
    const found: string[] = [];
    for (let day = Date.UTC(2022, 0, 1); day < Date.UTC(2032, 0, 1); day += DAY) {
      const isWeekday = ![0, 6].includes(new Date(day).getUTCDay());
      if (isWeekday && isUsExchangeHoliday(new Date(day)))
        found.push(new Date(day).toISOString().slice(0, 10));
    }
    expect(found).toEqual([...NYSE_HOLIDAYS].toSorted());
  });

  it.each([
    ["2021-12-31", false], // New Year's Day 2022 is a Saturday
    ["2026-07-03", true], // Independence Day is a Saturday
    ["2026-10-12", false], // Columbus Day
    ["2026-11-11", false], // Veterans Day
    ["2038-04-23", true], // the latest Good Friday of the century
  ])("of %s is %s", (date, expected) => {
    expect(isUsExchangeHoliday(new Date(date))).toBe(expected);
  });
});
