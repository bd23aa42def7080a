import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type HkShortInterestItem,
  HkShortInterestItemSchema,
  type UsShortInterestItem,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";

/** SAMPLE DATA. The first ten rows of HK.00700 are the vendor's documented example. All others are invented. */

type HkInit = MessageInitShape<typeof HkShortInterestItemSchema>;
type UsInit = MessageInitShape<typeof UsShortInterestItemSchema>;

const DAY_S = 86_400;

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

/** Weekly rows, newest first, from midnight of a Friday in Hong Kong. */
function hkRows(seed: string, count: number, newest: number): HkInit[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, week) => {
    const timestamp = newest - week * 7 * DAY_S;
    const shares = 20_000_000 + Math.floor(random() * 40_000_000);
    const closePrice = round(100 + random() * 400, 1);
    return {
      timestamp: BigInt(timestamp),
      timestampStr: new Date((timestamp + 8 * 3_600) * 1_000).toISOString().slice(0, 10),
      closePrice,
      lastClosePrice: round(closePrice * (0.97 + random() * 0.06), 1),
      aggregatedShort: BigInt(shares),
      aggregatedShortRatio: round(shares / 92e6, 2),
    };
  });
}

// Its creation is slow.
const newYorkHour = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York",
  hour: "numeric",
  hourCycle: "h23",
});

/** Rows of mid-month and end of month, newest first, from April 2026. The oldest ten lack some columns. */
function usRows(seed: string, count: number): UsInit[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, half) => {
    const month = 3 - Math.floor(half / 2);
    const date = new Date(half % 2 === 0 ? Date.UTC(2026, month + 1, 0) : Date.UTC(2026, month, 15));
    const shares = 90_000_000 + Math.floor(random() * 40_000_000);
    const volume = 40_000_000 + Math.floor(random() * 30_000_000);
    const closePrice = round(150 + random() * 100, 2);
    return {
      timestamp: BigInt(newYorkMidnight(date)),
      timestampStr: date.toISOString().slice(0, 10),
      sharesShort: BigInt(shares),
      shortPercent: round(shares / 147e6, 2),
      avgDailyShareVolume: BigInt(volume),
      ...(half < count - 10 ? { daysToCover: round(shares / volume, 2) } : {}),
      closePrice,
      ...(half < count - 10 ? { lastClosePrice: round(closePrice * (0.97 + random() * 0.06), 2) } : {}),
    };
  });
}

const HK_FRIDAY = 1_771_516_800; // 2026-02-20

const HK_HISTORIES: Readonly<Record<string, readonly HkInit[]>> = {
  "00700": [...documentedRows, ...hkRows("00700", 240, HK_FRIDAY)],
  "09988": hkRows("09988", 120, HK_FRIDAY),
  "02800": hkRows("02800", 60, HK_FRIDAY), // a fund
};

const US_HISTORIES: Readonly<Record<string, readonly UsInit[]>> = {
  AAPL: usRows("AAPL", 130),
  TSLA: usRows("TSLA", 130),
  "BRK.B": usRows("BRK.B", 75),
  SPY: usRows("SPY", 110), // a fund
  KLAR: usRows("KLAR", 25).slice(0, 15), // listed recently
  NEWLY: usRows("NEWLY", 3),
  NONE: [],
  // Share counts above 2^53.
  HUGE: usRows("HUGE", 2).map((row, index) => ({
    ...row,
    sharesShort: 9_007_199_254_740_993n + BigInt(index),
  })),
};

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
 */
export function hkHistory(code: string, split = 1): readonly HkShortInterestItem[] | undefined {
  return HK_HISTORIES[code]?.map((init) => {
    const row = create(HkShortInterestItemSchema, init);
    row.aggregatedShort *= BigInt(split);
    row.closePrice /= split;
    return row;
  });
}

/** The history of a US security. `T0`, `T1`, … exist without end, and `ROWS1000` has 1,000 rows. */
export function usHistory(code: string, split = 1): readonly UsShortInterestItem[] | undefined {
  const length = /^ROWS(\d{1,4})$/.exec(code)?.[1] ?? (/^T\d+$/.test(code) ? 60 : 0);
  const rows = US_HISTORIES[code] ?? (length === 0 ? undefined : usRows(code, Number(length)));
  return rows?.map((init) => {
    const row = create(UsShortInterestItemSchema, init);
    row.sharesShort *= BigInt(split);
    row.closePrice /= split;
    return row;
  });
}

/** Whether OpenD's account never has permission for a security: `DENIED1`, `DENIED2`, … */
export function isForbidden(code: string): boolean {
  return /^DENIED\d+$/.test(code);
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Unix time in seconds of midnight in New York at the start of a date. */
function newYorkMidnight(date: Date): number {
  const offset = 24 - Number(newYorkHour.format(date));
  return date.getTime() / 1_000 + offset * 3_600;
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
