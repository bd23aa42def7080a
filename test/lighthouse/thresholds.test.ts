import { expect, it } from "vitest";
import { shortfallsOf, worseOf } from "./thresholds.ts";

const GOOD = { performance: 95, accessibility: 100, bestPractices: 95, seo: 100, cls: 0.05, speed: 900 };

it("scores of 95 and a layout shift of 0.05 are enough", () => {
  expect(shortfallsOf(GOOD)).toEqual([]);
  expect(shortfallsOf({ ...GOOD, speed: 1 })).toEqual([]);
  expect(shortfallsOf({ ...GOOD, seo: 94, cls: 0.051 })).toEqual(["seo < 95", "cls > 0.05"]);
});

it("the best performance of two runs counts, and the worst of everything else", () => {
  const other = { ...GOOD, performance: 97, accessibility: 90, cls: 0, speed: 1_000 };
  const expected = { ...GOOD, performance: 97, accessibility: 90, speed: 1_000 };
  expect(worseOf(GOOD, other)).toEqual(expected);
  expect(worseOf(other, GOOD)).toEqual(expected);
});
