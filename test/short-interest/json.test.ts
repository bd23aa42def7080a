import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { pageJson, rowJson, rowObject, rowsNdjson, stringify } from "../../functions/short-interest/json.ts";
import type { Page, Row } from "../../functions/short-interest/page.ts";
import { seriesJson, seriesNdjson } from "../../functions/short-interest/series.ts";
import type { SecuritySymbol } from "../../functions/short-interest/symbol.ts";
import { HkShortInterestItemSchema, UsShortInterestItemSchema } from "../../gen/Qot_GetShortInterest_pb.js";

type Fields = Readonly<Record<string, bigint | number | string | undefined>>;

const extremes = (min: bigint, max: bigint) =>
  fc.oneof(fc.constantFrom(min, 0n, 2n ** 53n + 1n, max), fc.bigInt({ min, max }));
const int64 = extremes(-(2n ** 63n), 2n ** 63n - 1n);
const uint64 = extremes(0n, 2n ** 64n - 1n);
const double = fc.oneof(
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, Number.MIN_VALUE, Number.MAX_VALUE, 1e21, 1e-7),
  fc.double(),
);
// Control characters, quotes, and surrogates without a partner.
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom('"', "\\", "\u0000", "\n", "\u2028", "\ud800", "\udfff", "é") }),
);

/** The fields of each market by their columns, in the documented order. */
const HK_FIELDS = {
  timestamp: ["timestamp", int64],
  timestamp_str: ["timestampStr", text],
  aggregated_short: ["aggregatedShort", uint64],
  aggregated_short_ratio: ["aggregatedShortRatio", double],
  close_price: ["closePrice", double],
  last_close_price: ["lastClosePrice", double],
} as const;
const US_FIELDS = {
  timestamp: ["timestamp", int64],
  timestamp_str: ["timestampStr", text],
  shares_short: ["sharesShort", uint64],
  short_percent: ["shortPercent", double],
  avg_daily_share_volume: ["avgDailyShareVolume", uint64],
  days_to_cover: ["daysToCover", double],
  close_price: ["closePrice", double],
  last_close_price: ["lastClosePrice", double],
} as const;

/** Rows with the object that each of them is rendered as. Any fields may be unset. */
function rowsOf(
  columns: Readonly<Record<string, readonly [field: string, value: fc.Arbitrary<bigint | number | string>]>>,
  rowOf: (fields: Fields) => Row,
) {
  const row = fc.record(Object.fromEntries(Object.values(columns)), { requiredKeys: [] }).map((fields) => ({
    row: rowOf(fields),
    expected: Object.fromEntries(
      Object.entries(columns).map(([name, [field]]) => [name, fields[field] ?? null]),
    ),
  }));
  return fc.array(row, { maxLength: 5 });
}

const anyRows = fc.oneof(
  fc.record({
    symbol: fc.constant<SecuritySymbol>({ market: "HK", code: "00700" }),
    items: rowsOf(HK_FIELDS, (fields) => create(HkShortInterestItemSchema, fields)),
  }),
  fc.record({
    symbol: fc.constant<SecuritySymbol>({ market: "US", code: "BRK.B" }),
    items: rowsOf(US_FIELDS, (fields) => create(UsShortInterestItemSchema, fields)),
  }),
);

/** The reference: `JSON.stringify`, with each bigint as a number. */
const reference = (value: object) =>
  JSON.stringify(value, (_, inner) => (typeof inner === "bigint" ? JSON.rawJSON(`${inner}`) : inner));

it("JSON of rows is the JSON.stringify of their columns, to the byte", () => {
  fc.assert(
    fc.property(anyRows, fc.option(text), ({ symbol, items }, next) => {
      const { market } = symbol;
      const rows = items.map(({ row }) => row);
      const page: Page = { market, rows, next };
      const expected = items.map((item) => item.expected);
      const head = { symbol: `${market}.${symbol.code}`, market };
      expect(pageJson(symbol, page)).toBe(reference({ ...head, items: expected, next_key: next }));

      const lines = expected.map((row) => `${reference(row)}\n`).join("");
      expect(rowsNdjson(market, rows)).toBe(lines);
      expect(seriesNdjson(symbol).rows(rows)).toBe(lines);
      expect(rows.map((row) => stringify(rowObject(market, row)))).toEqual(expected.map(reference));
      expect(rows.map((row) => rowJson(market, row))).toEqual(expected.map(reference));

      const series = seriesJson(symbol);
      const pieces = rows.map((row) => series.rows([row])).join("");
      const tail = series.tail({ fetchedAt: 1_999, stale: false, next });
      const end = { complete: next === null, next_key: next, error: null, fetched_at: 1, stale: false };
      expect(series.head + pieces + tail).toBe(reference({ ...head, items: expected, ...end }));
    }),
    { numRuns: 500 },
  );
});

it("JSON of a row of the other market has null for every column", () => {
  const row = create(UsShortInterestItemSchema, { timestamp: 1n, timestampStr: "1970-01-01" });
  expect(JSON.parse(rowJson("HK", row))).toEqual(
    Object.fromEntries(Object.keys(HK_FIELDS).map((name) => [name, null])),
  );
});

it("JSON of a page has every digit of a count, and 0 as 0", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (count) => {
      const rows = [create(UsShortInterestItemSchema, { sharesShort: count })];
      const json = pageJson({ market: "US", code: "A" }, { market: "US", rows, next: null });
      expect(json).toContain(`"shares_short":${count},`);
    }),
  );
});

it("JSON of a page has null for every absent field", () => {
  const rows = [create(HkShortInterestItemSchema)];
  const json = pageJson({ market: "HK", code: "00700" }, { market: "HK", rows, next: "1" });
  expect(json).toBe(
    '{"symbol":"HK.00700","market":"HK","items":[{"timestamp":null,"timestamp_str":null,"aggregated_short":null,' +
      '"aggregated_short_ratio":null,"close_price":null,"last_close_price":null}],"next_key":"1"}',
  );
});
