import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Market, SecuritySymbol } from "../../functions/short-interest/symbol.ts";
import {
  type HkShortInterestItem,
  HkShortInterestItemSchema,
  type UsShortInterestItem,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import { dayOfRow, newestRowAt, timestampOfDay } from "./sample-dates.ts";
import { HK_SAMPLES, LISTED, type Sample, US_SAMPLES } from "./sample-securities.ts";
import { type Profile, type WalkRow, walk } from "./sample-walk.ts";

/**
 * SAMPLE DATA. The first ten rows of HK.00700 are the vendor's documented example. All others are
 * invented: random walks whose levels are plausible for the security.
 */

type HkInit = MessageInitShape<typeof HkShortInterestItemSchema>;
type UsInit = MessageInitShape<typeof UsShortInterestItemSchema>;

/** [timestamp, date, shares, percent, close, previous close], as printed on the vendor's page. */
const DOCUMENTED: readonly (readonly [number, string, number, number, number, number])[] = [
  [1777478400, "2026-04-30", 51480638, 0.56, 467.8, 479.2],
  [1776960000, "2026-04-24", 51888755, 0.56, 493.4, 495.2],
  [1776355200, "2026-04-17", 47974208, 0.52, 510.5, 517.0],
  [1775750400, "2026-04-10", 48424833, 0.53, 504.5, 508.5],
  [1775059200, "2026-04-02", 49982828, 0.54, 489.2, 496.6],
  [1774540800, "2026-03-27", 52744147, 0.57, 493.4, 495.6],
  [1773936000, "2026-03-20", 51710854, 0.56, 508.0, 513.0],
  [1773331200, "2026-03-13", 48105325, 0.52, 547.5, 546.5],
  [1772726400, "2026-03-06", 42404275, 0.46, 519.0, 502.0],
  [1772121600, "2026-02-27", 36037870, 0.39, 518.0, 512.0],
];

const documentedRows: readonly HkInit[] = DOCUMENTED.map(
  ([timestamp, timestampStr, shares, ratio, closePrice, lastClosePrice]) => ({
    timestamp: BigInt(timestamp),
    timestampStr,
    closePrice,
    lastClosePrice,
    aggregatedShort: BigInt(shares),
    aggregatedShortRatio: ratio,
  }),
);

const DOCUMENTED_CODE = "00700";
/** Share counts of `HUGE`: 2^53 + 1. */
const HUGE_SHARES = 9_007_199_254_740_993n;
/** The oldest rows of a US history lack some columns. */
const INCOMPLETE_ROWS = 10;

/** Symbols to try. */
export const SAMPLE_SYMBOLS = [
  "HK.00700",
  "HK.09988",
  "HK.02800",
  "US.AAPL",
  "US.TSLA",
  "US.BRK.B",
  "US.SPY",
];

/**
 * The history of a Hong Kong security, newest first; undefined for an unknown security.
 * @param split one share became this many: OpenD rewrites all rows
 * @param later rows after 2026-04-30, the date of the newest row of tests
 */
export function hkHistory(code: string, split = 1, later = 0): readonly HkShortInterestItem[] | undefined {
  const sample = HK_SAMPLES[code];
  if (sample === undefined) return undefined;
  const rows = remembered(`HK.${code} ${later}`, hkCache, () =>
    code === DOCUMENTED_CODE
      ? documentedHistory(sample, later)
      : hkRows(code, sample, 1 - sample.rows, later, 0),
  );
  return rows.map((init) => {
    const row = create(HkShortInterestItemSchema, init);
    row.aggregatedShort *= BigInt(split);
    row.closePrice /= split;
    return row;
  });
}

/** The history of a US security. `T0`, `T1`, … exist without end, and `ROWS1000` has 1,000 rows. */
export function usHistory(code: string, split = 1, later = 0): readonly UsShortInterestItem[] | undefined {
  const sample = US_SAMPLES[code];
  const length = /^ROWS(\d{1,4})$/.exec(code)?.[1] ?? (/^T\d+$/.test(code) ? LISTED.rows : undefined);
  if (sample === undefined && length === undefined) return undefined;
  const rows = sample
    ? remembered(`US.${code} ${later}`, usCache, () => usRows(code, sample, later))
    : usRows(code, { ...LISTED, rows: Number(length) }, later);
  return rows.map((init) => {
    const row = create(UsShortInterestItemSchema, init);
    row.sharesShort *= BigInt(split);
    row.closePrice /= split;
    return row;
  });
}

/** The documented rows, with rows before and after them that continue them. */
function documentedHistory(sample: Sample, later: number): HkInit[] {
  const [, , shares = 0, , price = 0] = DOCUMENTED.at(-1) ?? [];
  const oldest = 1 - DOCUMENTED.length;
  const older = hkRows(DOCUMENTED_CODE, { ...sample, price, shares }, 1 - sample.rows, oldest, oldest);
  const newer = hkRows(`${DOCUMENTED_CODE} later`, sample, 0, later, 0);
  return [...newer.slice(0, -1), ...documentedRows, ...older.slice(1)];
}

/**
 * Rows of a random walk, newest first.
 * @param first number of the oldest row
 * @param last number of the newest row
 * @param anchor number of the row that has the values of the profile
 */
function hkRows(seed: string, profile: Profile, first: number, last: number, anchor: number): HkInit[] {
  return walkRows("HK", seed, profile, first, last, anchor).map(({ day, values }) => ({
    ...datesOf("HK", day),
    closePrice: values.closePrice,
    lastClosePrice: values.lastClosePrice,
    aggregatedShort: BigInt(values.shares),
    aggregatedShortRatio: values.percent,
  }));
}

/** Rows of a random walk, newest first. */
function usRows(code: string, sample: Sample, later: number): UsInit[] {
  if (sample.rows === 0) return [];
  const rows = walkRows("US", code, sample, 1 - sample.rows, later, 0);
  return rows.map(({ day, values }, index) => {
    const isComplete = sample.isComplete || index < rows.length - INCOMPLETE_ROWS;
    return {
      ...datesOf("US", day),
      sharesShort: code === "HUGE" ? HUGE_SHARES + BigInt(index) : BigInt(values.shares),
      shortPercent: values.percent,
      avgDailyShareVolume: BigInt(values.volume),
      ...(isComplete ? { daysToCover: values.daysToCover } : {}),
      closePrice: values.closePrice,
      ...(isComplete ? { lastClosePrice: values.lastClosePrice } : {}),
    };
  });
}

function walkRows(
  market: Market,
  seed: string,
  profile: Profile,
  first: number,
  last: number,
  anchor: number,
): { readonly day: number; readonly values: WalkRow }[] {
  const days = Array.from({ length: last - first + 1 }, (_, index) => dayOfRow(market, first + index));
  const rows = walk(randomFrom(`${seed} walk`), days, anchor - first, profile);
  return rows.map((values, index) => ({ day: days[index] ?? 0, values })).reverse();
}

function datesOf(market: Market, day: number) {
  return {
    timestamp: BigInt(timestampOfDay(market, day)),
    timestampStr: new Date(day).toISOString().slice(0, 10),
  };
}

const hkCache = new Map<string, HkInit[]>();
const usCache = new Map<string, UsInit[]>();

/** Makes the rows of a named security once. */
function remembered<Init>(key: string, cache: Map<string, Init[]>, make: () => Init[]): Init[] {
  const rows = cache.get(key) ?? make();
  cache.set(key, rows);
  return rows;
}

/**
 * The number of rows after row 0, for `hkHistory` and `usHistory`. The documented security has only `published` ones, so
 * that the vendor's example stays its newest rows.
 * @param until time at which the other rows are published (Unix time, milliseconds)
 * @param published rows that are published in addition
 */
export function laterRows({ market, code }: SecuritySymbol, until: number, published: number): number {
  const isDocumented = market === "HK" && code === DOCUMENTED_CODE;
  return published + (isDocumented ? 0 : newestRowAt(market, until));
}

/** The date of the newest row, YYYY-MM-DD; undefined without a row. */
export function newestDate({ market, code }: SecuritySymbol, later: number): string | undefined {
  const history = market === "HK" ? hkHistory(code, 1, later) : usHistory(code, 1, later);
  return history?.[0]?.timestampStr;
}

/** Whether OpenD's account never has permission for a security: `DENIED1`, `DENIED2`, … */
export function isForbidden(code: string): boolean {
  return /^DENIED\d+$/.test(code);
}

/** mulberry32: a generator of numbers from 0 to 1 that depend on the seed only. */
export function randomFrom(seed: string): () => number {
  let state = [...seed].reduce((sum, char) => Math.imul(sum ^ char.charCodeAt(0), 0x01000193), 0x811c9dc5);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
