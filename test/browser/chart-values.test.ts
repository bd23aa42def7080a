import { describe, expect, it } from "vitest";
import type { Point } from "../../web/api.ts";
import { timeLabels, timeRange } from "../../web/axes.ts";
import { changeOf } from "../../web/change.ts";
import { comparisonOf } from "../../web/comparison.ts";
import { currencyOf } from "../../web/currency.ts";
import { formatsOf } from "../../web/formats.ts";
import { type Language, TEXTS } from "../../web/texts.ts";

/** The values of the chart, without a browser. */

const ENGLISH = formatsOf("en");

describe("changeOf()", () => {
  it.each([
    ["amount", 90, 100, "-10 (-10%)", -1],
    ["amount", 9_007_199_254_740_995n, 9_007_199_254_740_993n, "+2 (0%)", 1],
    ["amount", 5, 0, "+5 (–)", 1],
    ["amount", 5, 5, "0 (0%)", 0],
    ["price", 467.8, 493.4, "-25.60 (-5.19%)", -1],
    ["points", 0.56, 0.52, "+0.04 pp", 1],
    ["plain", 1.5, 2, "-0.5", -1],
  ] as const)("%s from %s to %s is signed", (kind, current, previous, text, sign) => {
    expect(changeOf(kind, current, previous, TEXTS.en, ENGLISH)).toEqual({ text, sign });
  });

  it("is undefined without one of the values", () => {
    expect(changeOf("amount", null, 5, TEXTS.en, ENGLISH)).toBeUndefined();
    expect(changeOf("plain", 5, undefined, TEXTS.en, ENGLISH)).toBeUndefined();
  });
});

it.each([
  ["HK.00700", "HKD"],
  ["HK.80700", "CNY"],
  ["HK.09010", "USD"],
  ["HK.09988", "HKD"],
  ["US.AAPL", "USD"],
])("price of %s is in %s", (symbol, currency) => {
  expect(currencyOf(symbol)).toBe(currency);
});

describe("timeLabels()", () => {
  const seconds = (days: readonly string[]) => days.map((day) => Date.parse(day) / 1_000);

  it.each([
    ["en", ["Jul 2025", "Oct", "2026", "Apr"]],
    ["ja", ["2025年7月", "10月", "2026年", "4月"]],
  ] as const)("have the year at the first tick and in January in %s", (language, labels) => {
    const ticks = seconds(["2025-07-01", "2025-10-01", "2026-01-01", "2026-04-01"]);
    expect(timeLabels(language, ["2025-05-02", "2026-04-30"])(ticks)).toEqual(labels);
  });

  it("are years alone if all ticks are in January, and days for a short range", () => {
    expect(timeLabels("en", ["2018-05-02", "2026-04-30"])(seconds(["2020-01-01", "2022-01-01"]))).toEqual([
      "2020",
      "2022",
    ]);
    expect(timeLabels("en", ["2026-03-06", "2026-04-03", "2026-04-30"])(seconds(["2026-03-15"]))).toEqual([
      "Mar 15",
    ]);
  });

  it("range of one day is a week", () => {
    const [from, to] = timeRange(["2026-04-30"]);
    expect(to - from).toBe(7 * 86_400);
  });
});

describe("comparisonOf()", () => {
  const point = (date: string, shares: number | null): Point => ({
    date,
    shares,
    percent: null,
    price: null,
    daysToCover: null,
  });
  const compare = (...all: readonly (readonly Point[])[]) =>
    comparisonOf(
      all.map((points, index) => ({ symbol: `US.T${index}`, points })),
      "shares",
      TEXTS.en,
      ENGLISH,
    );
  const valuesIn = ({ panels }: ReturnType<typeof compare>) =>
    panels.flatMap(({ series }) => series.map(({ values }) => [...values.entries()]));

  it("is 100 at the first common day", () => {
    const longer = [point("2026-03-31", 40), point("2026-03-15", 20), point("2026-02-28", 10)];
    const shorter = [point("2026-03-31", 9), point("2026-03-15", 6)];
    const dataset = compare(longer, shorter);
    expect(dataset.caption).toBe("Shares short, indexed (2026-03-15 = 100)");
    expect(valuesIn(dataset)).toEqual([
      [
        ["2026-03-31", 200],
        ["2026-03-15", 100],
        ["2026-02-28", 50],
      ],
      [
        ["2026-03-31", 150],
        ["2026-03-15", 100],
      ],
    ]);
  });

  it("takes the last row before that day in a market that publishes on other days", () => {
    const weekly = [point("2026-03-20", 30), point("2026-03-13", 20), point("2026-03-06", 10)];
    const dataset = compare(weekly, [point("2026-03-31", 6), point("2026-03-15", 5)]);
    const [series] = dataset.panels[0]?.series ?? [];
    expect(["2026-03-05", "2026-03-15", "2026-03-20"].map((day) => series?.lastDay?.(day))).toEqual([
      undefined,
      "2026-03-13",
      "2026-03-20",
    ]);
    expect(valuesIn(dataset)[0]).toEqual([
      ["2026-03-20", 150],
      ["2026-03-13", 100],
      ["2026-03-06", 50],
    ]);
  });

  it("skips zero and missing values for the base", () => {
    const dataset = compare(
      [point("2026-03-31", 8), point("2026-03-15", 4), point("2026-02-28", 0)],
      [point("2026-03-31", 3), point("2026-03-15", 2), point("2026-02-28", null)],
    );
    expect(dataset.caption).toContain("2026-03-15 = 100");
  });

  it("has no panel without values", () => {
    expect(compare([], [point("2026-03-31", null)]).panels).toEqual([]);
  });
});

it.each([
  ["en", "1.7 days", "1 day"],
  ["ja", "1.7 日", "1 日"],
  ["zh-Hans", "1.7天", "1天"],
  ["zh-Hant", "1.7 天", "1 天"],
] as const)("days to cover have a unit in %s", (language: Language, some, one) => {
  const { days } = formatsOf(language);
  expect([days(1.7), days(1)]).toEqual([some, one]);
});
