import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { firstRows, isSliceable, type Page, pageOf, rowsAfter } from "../../functions/short-interest/page.ts";
import { HkShortInterestItemSchema, S2CSchema } from "../../gen/Qot_GetShortInterest_pb.js";

/** Rows with these timestamps. */
const rowsOf = (timestamps: readonly number[]) =>
  timestamps.map((timestamp) => create(HkShortInterestItemSchema, { timestamp: BigInt(timestamp) }));

/** Timestamps, newest first. */
const descending = (minLength: number) =>
  fc
    .uniqueArray(fc.integer({ min: 1, max: 2_000_000_000 }), { minLength, maxLength: 60 })
    .map((times) => times.sort((a, b) => b - a));

/** The page after `cursor`, as OpenD replies. */
function pageAfter(timestamps: readonly number[], cursor: string, size: number): Page {
  const from = cursor === "" ? 0 : timestamps.indexOf(Number(cursor)) + 1;
  const rows = rowsOf(timestamps.slice(from, from + size));
  const next = from + size < timestamps.length ? String(rows.at(-1)?.timestamp) : null;
  return { market: "HK", rows, next };
}

describe("page", () => {
  it.each([undefined, "", "-1"])("is the last one if nextKey is %j", (nextKey) => {
    const reply = create(S2CSchema, nextKey === undefined ? {} : { nextKey });
    expect(pageOf("HK", "", reply).next).toBeNull();
  });

  it("with rows of another market is refused", () => {
    const reply = create(S2CSchema, { usItemList: [{ timestamp: 1n }] });
    expect(() => pageOf("HK", "", reply)).toThrow(expect.objectContaining({ code: "opend_protocol_error" }));
  });

  it("with its own cursor as nextKey is refused", () => {
    const reply = create(S2CSchema, { nextKey: "5" });
    expect(pageOf("HK", "", reply).next).toBe("5");
    expect(() => pageOf("HK", "5", reply)).toThrow(expect.objectContaining({ code: "opend_protocol_error" }));
  });

  it("sliced in any sizes is walked once and in order", () => {
    fc.assert(
      fc.property(
        descending(0),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (timestamps, size, counts) => {
          const seen: bigint[] = [];
          let cached: Page = pageAfter(timestamps, "", size);
          let cursor: string | null = "";
          for (let step = 0; cursor !== null; step += 1) {
            const count = counts[step % counts.length] ?? 1;
            let rest: Page =
              cursor === "" ? cached : (rowsAfter(cached, cursor) ?? pageAfter(timestamps, cursor, size));
            if (rest.rows.length < count && rest.next !== null) {
              cached = pageAfter(timestamps, cursor, size);
              rest = cached;
            }
            expect(isSliceable(rest)).toBe(true);
            const slice: Page = firstRows(rest, count);
            expect(slice.rows.length).toBeLessThanOrEqual(count);
            seen.push(...slice.rows.map((row) => row.timestamp));
            cursor = slice.next;
          }
          expect(seen.map(Number)).toEqual(timestamps);
        },
      ),
    );
  });

  it("is not sliceable if its cursor is not the timestamp of the last row", () => {
    fc.assert(
      fc.property(descending(1), fc.string({ minLength: 1 }), (timestamps, next) => {
        fc.pre(next !== String(timestamps.at(-1)));
        expect(isSliceable({ market: "HK", rows: rowsOf(timestamps), next })).toBe(false);
      }),
    );
  });

  it("is not sliceable with rows that are out of order, repeated, or without a time", () => {
    for (const timestamps of [[1, 2], [2, 2], [3, 0], [0]]) {
      expect(isSliceable({ market: "HK", rows: rowsOf(timestamps), next: null })).toBe(false);
    }
  });

  it("without rows but with a cursor is not sliceable", () => {
    expect(isSliceable({ market: "HK", rows: [], next: "5" })).toBe(false);
    expect(isSliceable({ market: "HK", rows: [], next: null })).toBe(true);
  });
});
