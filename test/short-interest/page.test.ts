import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  concatenate,
  firstRows,
  isSliceable,
  type Page,
  pageOf,
  rowsAfter,
} from "../../functions/short-interest/page.ts";
import { HkShortInterestItemSchema, S2CSchema } from "../../gen/Qot_GetShortInterest_pb.js";

/** A history, newest first, with the timestamps given. */
const historyOf = (timestamps: readonly number[]) =>
  timestamps.map((timestamp) => create(HkShortInterestItemSchema, { timestamp: BigInt(timestamp) }));

const descending = (least: number) =>
  fc
    .uniqueArray(fc.integer({ min: 1, max: 2_000_000_000 }), { minLength: least, maxLength: 60 })
    .map((times) => times.sort((a, b) => b - a));

/** The page that follows `cursor`, as OpenD would give it. */
function pageAfter(timestamps: readonly number[], cursor: string, size: number): Page {
  const from = cursor === "" ? 0 : timestamps.indexOf(Number(cursor)) + 1;
  const rows = historyOf(timestamps.slice(from, from + size));
  const next = from + size < timestamps.length ? String(rows.at(-1)?.timestamp) : null;
  return { market: "HK", rows, next };
}

describe("a page", () => {
  it.each([undefined, "", "-1"])("ends the history where nextKey is %j", (nextKey) => {
    const answer = create(S2CSchema, nextKey === undefined ? {} : { nextKey });
    expect(pageOf("HK", "", answer).next).toBeNull();
  });

  it("of rows of another market is refused", () => {
    const answer = create(S2CSchema, { usItemList: [{ timestamp: 1n }] });
    expect(() => pageOf("HK", "", answer)).toThrow(expect.objectContaining({ code: "opend_protocol_error" }));
  });

  it("whose cursor leads back to itself is refused", () => {
    const answer = create(S2CSchema, { nextKey: "5" });
    expect(pageOf("HK", "", answer).next).toBe("5");
    expect(() => pageOf("HK", "5", answer)).toThrow(
      expect.objectContaining({ code: "opend_protocol_error" }),
    );
  });

  it("sliced anywhere, by any sizes, is walked once and in order", () => {
    fc.assert(
      fc.property(
        descending(0),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (timestamps, size, counts) => {
          const seen: bigint[] = [];
          let whole: Page = pageAfter(timestamps, "", size);
          let cursor: string | null = "";
          for (let turn = 0; cursor !== null; turn += 1) {
            const count = counts[turn % counts.length] ?? 1;
            let rest: Page =
              cursor === "" ? whole : (rowsAfter(whole, cursor) ?? pageAfter(timestamps, cursor, size));
            if (rest.rows.length < count && rest.next !== null) {
              whole = pageAfter(timestamps, rest.next, size);
              rest = concatenate(rest, whole);
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

  it("is not sliced where its cursor is not the documented one", () => {
    fc.assert(
      fc.property(descending(1), fc.string({ minLength: 1 }), (timestamps, next) => {
        fc.pre(next !== String(timestamps.at(-1)));
        expect(isSliceable({ market: "HK", rows: historyOf(timestamps), next })).toBe(false);
      }),
    );
  });

  it("is not sliced where rows are out of order, repeated, or without a time", () => {
    for (const timestamps of [[1, 2], [2, 2], [3, 0], [0]]) {
      expect(isSliceable({ market: "HK", rows: historyOf(timestamps), next: null })).toBe(false);
    }
  });

  it("without rows but with a cursor is not sliced", () => {
    expect(isSliceable({ market: "HK", rows: [], next: "5" })).toBe(false);
    expect(isSliceable({ market: "HK", rows: [], next: null })).toBe(true);
  });
});
