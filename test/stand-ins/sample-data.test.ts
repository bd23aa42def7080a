import { describe, expect, it } from "vitest";
import { FINRA_CYCLES, sfcWeeks } from "../short-interest/publications.ts";
import { hkHistory, laterRows, newestDate, SAMPLE_SYMBOLS, usHistory } from "./sample-data.ts";

/** More than a security moves in a day, as a factor. */
const MAX_DAILY_MOVE = 1.2;
/** More than it moves from one row to the next. */
const MAX_MOVE = 2;

const AAPL = { market: "US", code: "AAPL" } as const;
const LINK = { market: "HK", code: "02800" } as const;

describe.each(SAMPLE_SYMBOLS)("sample data of %s", (symbol) => {
  const code = symbol.slice(3);
  const rows = (symbol.startsWith("HK") ? hkHistory(code, 1, 20) : usHistory(code, 1, 20)) ?? [];
  const shares = rows.map((row) => Number("aggregatedShort" in row ? row.aggregatedShort : row.sharesShort));
  const prices = rows.map(({ closePrice }) => closePrice);
  const changes = (values: readonly number[]) =>
    values.slice(1).map((older, index) => Math.log((values[index] ?? 0) / older));

  it("have continuous prices", () => {
    for (const { closePrice, lastClosePrice } of rows) {
      if (lastClosePrice === 0) continue;
      expect(Math.abs(Math.log(closePrice / lastClosePrice))).toBeLessThan(Math.log(MAX_DAILY_MOVE));
    }
    for (const change of changes(prices)) expect(Math.abs(change)).toBeLessThan(Math.log(MAX_MOVE));
  });

  it("have short interest that moves slowly and against the price", () => {
    const [ofPrices, ofShares] = [changes(prices), changes(shares)];
    expect(deviation(ofShares)).toBeLessThan(0.07);
    expect(correlation(ofPrices, ofShares)).toBeLessThan(-0.15);
  });

  it("have the same rows after more publications", () => {
    const before = symbol.startsWith("HK") ? hkHistory(code) : usHistory(code);
    expect(rows.slice(20)).toEqual(before);
  });
});

it("days to cover are the shares divided by the volume, if the row has both", () => {
  const rows = usHistory("TSLA")?.slice(0, 100) ?? [];
  expect(rows).toHaveLength(100);
  for (const { daysToCover, sharesShort, avgDailyShareVolume } of rows) {
    expect(daysToCover).toBeCloseTo(Number(sharesShort) / Number(avgDailyShareVolume), 2);
  }
});

it("rows of the vendor's example are the newest, with continuous rows before and after them", () => {
  const rows = hkHistory("00700", 1, 2) ?? [];
  expect(
    rows.slice(1, 4).map(({ timestampStr, aggregatedShort }) => [timestampStr, aggregatedShort]),
  ).toEqual([
    ["2026-05-08", expect.any(BigInt)],
    ["2026-04-30", 51_480_638n],
    ["2026-04-24", 51_888_755n],
  ]);
  expect(rows).toHaveLength(252);
});

it("dates are those of FINRA and the SFC", () => {
  const days = (rows: readonly { readonly date: string }[]) => rows.map(({ date }) => date).toReversed();
  const us = usHistory("AAPL")?.map((row) => row.timestampStr) ?? [];
  expect(us.filter((date) => date >= "2024")).toEqual(
    days(FINRA_CYCLES).filter((date) => date <= "2026-04-30"),
  );
  const hk = hkHistory("09988")?.map((row) => row.timestampStr) ?? [];
  const weeks = days(sfcWeeks((day) => day)).filter((date) => date <= "2026-04-30");
  expect(hk).toEqual(weeks.slice(0, hk.length));
});

it.each([
  [AAPL, "2026-01-01T00:00:00Z", 0, "2026-04-30"],
  [AAPL, "2026-05-27T19:59:00Z", 0, "2026-04-30"],
  [AAPL, "2026-05-27T20:00:00Z", 0, "2026-05-15"],
  [AAPL, "2026-05-27T20:00:00Z", 1, "2026-05-29"],
  [LINK, "2026-11-20T00:00:00Z", 0, "2026-11-13"],
  [{ market: "HK", code: "00700" } as const, "2026-11-20T00:00:00Z", 0, "2026-04-30"],
  [{ market: "HK", code: "00700" } as const, "2026-11-20T00:00:00Z", 1, "2026-05-08"],
])("the newest row of %j at %s and %i publications later is of %s", (symbol, time, published, date) => {
  expect(newestDate(symbol, laterRows(symbol, Date.parse(time), published))).toBe(date);
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function covariance(xs: readonly number[], ys: readonly number[]): number {
  const [meanX, meanY] = [mean(xs), mean(ys)];
  return mean(xs.map((x, index) => (x - meanX) * ((ys[index] ?? 0) - meanY)));
}

function deviation(values: readonly number[]): number {
  return Math.sqrt(covariance(values, values));
}

function correlation(xs: readonly number[], ys: readonly number[]): number {
  return covariance(xs, ys) / (deviation(xs) * deviation(ys));
}
