import { describe, expect, it } from "vitest";
import { Lateness } from "./lateness.ts";
import { SCENARIOS } from "./publication-plan.ts";

const HOUR = 3_600_000;
const WEEK_MS = 168 * HOUR;

describe("publication plan", () => {
  it.each(SCENARIOS)("$name: the week has a publication in each market", ({ name, start, plan }) => {
    for (const rows of [plan.HK, plan.US]) {
      const inWeek = rows.filter(({ published }) => published > start && published < start + WEEK_MS);
      expect(inWeek).toHaveLength(1);
      expect(inWeek[0]?.isExpected).toBe(name !== "three days early");
    }
  });
});

describe("Lateness", () => {
  it("is the time since the publication of a row that an answer lacks", () => {
    const row = (timestamp: number, published: number, isExpected: boolean) => ({
      timestamp,
      published,
      isExpected,
    });
    const lateness = new Lateness({
      HK: [row(1, 0, true), row(2, HOUR, true), row(3, 2 * HOUR, false)],
      US: [],
    });
    lateness.add("HK", 1, HOUR - 1, true);
    lateness.add("HK", 3, 9 * HOUR, true);
    expect(lateness.fresh).toEqual({ expected: 0, early: 0 });
    lateness.add("HK", 1, 2.5 * HOUR, true);
    lateness.add("HK", 2, 4 * HOUR, false);
    expect(lateness.fresh).toEqual({ expected: 1.5 * HOUR, early: 0.5 * HOUR });
    expect(lateness.stale).toEqual({ expected: 0, early: 2 * HOUR });
  });
});
