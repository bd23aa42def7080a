import { describe, expect, it } from "vitest";
import type { Market } from "../../functions/short-interest/symbol.ts";
import {
  A_WEEK_LATER,
  delayed,
  everyOther,
  FINRA_CYCLES,
  NEXT_FRIDAY,
  type Publication,
  sfcWeeks,
  timestampOf,
} from "../short-interest/publications.ts";
import { type ScheduledRow, type WalkSymbol, walk, zipfPick } from "./freshness-walk.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

/** 60 weeks with two Lunar New Years, both kinds of short weeks, and all holidays of New York. */
const FROM = Date.parse("2024-12-02T00:00Z");
const WEEKS = 60;

const HK = sfcWeeks(NEXT_FRIDAY);
const SHORT_WEEKS = sfcWeeks(A_WEEK_LATER);
const NOMINAL = FINRA_CYCLES.map((cycle) => ({ ...cycle, date: cycle.nominal }));

function scheduled(market: Market, rows: readonly Publication[]): ScheduledRow[] {
  return rows
    .filter(({ published }) => published > FROM - 90 * DAY && published < FROM + (WEEKS + 3) * WEEK)
    .map(({ date, published }) => ({ timestamp: timestampOf(market, date), published }));
}

/** Walks over the 60 weeks, with a request every ten minutes. */
function walkOf(symbols: readonly WalkSymbol[]) {
  return walk({
    symbols,
    from: FROM,
    to: FROM + WEEKS * WEEK,
    meanMs: 10 * MINUTE,
    dataCenters: 2,
    pick: (random) => Math.floor(random() * symbols.length),
  });
}

function latest(late: readonly { readonly lateMs: number }[]): number {
  return late.reduce((most, { lateMs }) => Math.max(most, lateMs), 0);
}

const hours = ({ late }: { readonly late: readonly { readonly lateMs: number }[] }) => latest(late) / HOUR;

describe("no fresh answer is late by more than the bound, with rows that OpenD has", () => {
  it.each([
    ["when FINRA publishes them", "US", FINRA_CYCLES, 0, 40],
    ["14 h after FINRA", "US", delayed(FINRA_CYCLES, 14 * HOUR), 1, 50],
    ["a week after FINRA", "US", delayed(FINRA_CYCLES, WEEK), 1, 130],
    ["three days before FINRA", "US", delayed(FINRA_CYCLES, -3 * DAY), 6, 40],
    ["with the 15th or the last of the month as their date", "US", NOMINAL, 0, 40],
    ["monthly, of the middle of the month", "US", everyOther(FINRA_CYCLES, 0), 0, 40],
    ["monthly, of the end of the month", "US", everyOther(FINRA_CYCLES, 1), 0, 40],
    ["when the SFC publishes them", "HK", HK, 1, 90],
    ["a week after the SFC", "HK", delayed(HK, WEEK), 1, 220],
    ["three days before the SFC", "HK", delayed(HK, -3 * DAY), 6, 60],
    ["in every second week", "HK", everyOther(HK, 0), 1, 150],
    [
      "a week after their date, which the calendar does not expect for a short week",
      "HK",
      SHORT_WEEKS,
      6,
      90,
    ],
  ] as const)("%s (%s)", (_, market, rows, maxHours, maxCallsPerWeek) => {
    const symbol = { market, rows: scheduled(market, rows) };
    const result = walkOf(Array.from({ length: 4 }, () => symbol));
    expect(hours(result)).toBeLessThanOrEqual(maxHours);
    // The walk sees late answers, if there are any.
    expect(hours(result)).toBeGreaterThanOrEqual(maxHours / 3);
    expect(result.calls.length / WEEKS).toBeLessThanOrEqual(maxCallsPerWeek);
  });
});

describe("symbols of a market that differ", () => {
  const rows = scheduled("US", FINRA_CYCLES);
  const usual = { market: "US", rows } as const;

  const later = (ms: number) => ({
    ...usual,
    rows: rows.map((row) => ({ ...row, published: row.published + ms })),
  });

  it("have no fresh answer that is late by more than an hour, if others have the row a day before", () => {
    const last = later(DAY);
    const late = walkOf([usual, usual, last]).late.filter(({ row }) => last.rows.includes(row));
    expect(hours({ late })).toBeLessThanOrEqual(1);
    expect(hours({ late })).toBeGreaterThan(0.5);
  });

  it("have no fresh answer that is late by more than a day, if others have the row later", () => {
    expect(hours(walkOf([usual, later(HOUR), later(2 * DAY), later(3 * DAY)]))).toBeLessThanOrEqual(24);
  });

  it("are late by the cap of 6 h at most if US rows become twice as frequent, and by an hour if half", () => {
    const half = FROM + (WEEKS / 2) * WEEK;
    const everySecond = new Set(
      scheduled("US", everyOther(FINRA_CYCLES, 0)).map(({ timestamp }) => timestamp),
    );
    const isMonthly = ({ timestamp }: ScheduledRow) => everySecond.has(timestamp);
    const isBefore = ({ published }: ScheduledRow) => published < half;
    const frequent = rows.filter((row) => !isBefore(row) || isMonthly(row));
    const rare = rows.filter((row) => isBefore(row) || isMonthly(row));
    const four = (own: readonly ScheduledRow[]) => Array.from({ length: 4 }, () => ({ ...usual, rows: own }));
    expect(hours(walkOf(four(frequent)))).toBeLessThanOrEqual(6);
    expect(hours(walkOf(four(rare)))).toBeLessThanOrEqual(1);
  });

  it.each([1, 8])("are late by an hour at most if one shows an invalid newer row %s days early", (days) => {
    const at = rows.findIndex(({ published }) => published > FROM + 10 * WEEK);
    const [before, next] = [rows.slice(0, at), rows[at]];
    const published = (next?.published ?? 0) - days * DAY;
    const wrong = { timestamp: Math.floor(published / 1_000), published };
    const usuals = Array.from({ length: 9 }, () => usual);
    const { late } = walkOf([{ ...usual, rows: [...before, wrong] }, ...usuals]);
    expect(hours({ late: late.filter(({ row }) => row === next) })).toBeLessThanOrEqual(1);
  });

  it.each([
    ["has left the market", rows.slice(0, 4)],
    ["has no row", []],
  ])("cost at most 30 calls a week for one that %s", (_, own) => {
    const hk = { market: "HK", rows: scheduled("HK", HK) } as const;
    const calls = (symbols: readonly WalkSymbol[]) => walkOf(symbols).calls.length / WEEKS;
    expect(calls([hk, hk, { ...hk, rows: own }]) - calls([hk, hk])).toBeLessThanOrEqual(30);
  });
});

describe("a week of 60,000 requests for 500 symbols at 10 data centers", () => {
  it("needs at most 4,500 calls, also the first week and weeks with new rows of both markets", () => {
    const markets = [
      { market: "US", rows: scheduled("US", FINRA_CYCLES) },
      { market: "HK", rows: scheduled("HK", HK) },
    ] as const;
    const symbols = Array.from({ length: 250 }, () => markets).flat();
    const { calls, late } = walk({
      symbols,
      from: FROM,
      to: FROM + 4 * WEEK,
      meanMs: WEEK / 60_000,
      dataCenters: 10,
      pick: zipfPick(symbols.length),
    });
    const weekly = [0, 1, 2, 3].map(
      (week) => calls.filter((at) => Math.floor((at - FROM) / WEEK) === week).length,
    );
    expect(Math.max(...weekly)).toBeLessThanOrEqual(4_500);
    expect(latest(late)).toBeLessThanOrEqual(HOUR);
  });
});
