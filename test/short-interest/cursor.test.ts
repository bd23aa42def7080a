import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatCursor,
  MAX_CURSOR_LENGTH,
  pageCursorOf,
  parseCursor,
} from "../../functions/short-interest/cursor.ts";
import { hasRowCursors, pageOf, sliceByRow } from "../../functions/short-interest/page.ts";
import { S2CSchema } from "../../gen/Qot_GetShortInterest_pb.js";

/** A cursor of OpenD, also one that resembles a cursor of this service. */
const key = fc.oneof(
  fc.string(),
  fc.stringMatching(/^~\d{0,3}~\d{0,3}~.{0,9}$/),
  fc.stringMatching(/^~.{0,9}$/),
);
const timestamp = fc.option(fc.bigInt({ min: 1n, max: 999_999_999_999n }), { nil: undefined });

const replyOf = (timestamps: readonly number[], nextKey: string) =>
  create(S2CSchema, { hkItemList: timestamps.map((time) => ({ timestamp: BigInt(time) })), nextKey });
const timesOf = ({ rows }: { rows: readonly { timestamp: bigint }[] }) =>
  rows.map((row) => Number(row.timestamp));

describe("cursor", () => {
  it("has the parts that it was written with", () => {
    fc.assert(
      fc.property(key, timestamp, timestamp, (opendKey, anchor, row) => {
        const parts = { key: opendKey, anchor, row };
        const text = formatCursor(parts);
        expect({ anchor: undefined, row: undefined, ...parseCursor(text) }).toEqual(parts);
        expect(parseCursor(pageCursorOf(text))).toMatchObject({ key: opendKey });
        expect(parseCursor(pageCursorOf(text)).row).toBeUndefined();
      }),
    );
  });

  it("of OpenD is unchanged without timestamps, unless it has the form of one with timestamps", () => {
    for (const text of ["1777478400", "50", "after-50", "a~1~2~b", "", "~a", `~${"a".repeat(255)}`]) {
      expect(formatCursor({ key: text })).toBe(text);
    }
    expect(formatCursor({ key: "~1~2~b" })).toBe("~~~~1~2~b");
  });

  it("of any text has parts", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(formatCursor(parseCursor(text)).length).toBeLessThanOrEqual(text.length + 3);
      }),
    );
    for (const text of ["~", "~~", "~x~1~50", "~1~x~50", "~-1~~50", "~1e9~~50", `~${"9".repeat(13)}~~50`]) {
      expect(parseCursor(text)).toEqual({ key: text });
    }
  });
});

describe("page after a cursor that is no timestamp", () => {
  it("leaves out the rows that a new row has shifted into it", () => {
    const page = pageOf("HK", "~70~~3", replyOf([80, 70, 60], "6"));
    expect(timesOf(page)).toEqual([60]);
    expect(page).toMatchObject({ next: "~60~~6", repeated: 2 });
  });

  it("keeps the anchor if it has no other row", () => {
    expect(pageOf("HK", "~70~~3", replyOf([90, 80, 70], "6"))).toMatchObject({ rows: [], next: "~70~~6" });
    expect(pageOf("HK", "~70~~3", replyOf([], "6"))).toMatchObject({ rows: [], next: "~70~~6" });
  });

  it("has OpenD's own cursor if that is documented, or if its rows have no order", () => {
    expect(pageOf("HK", "~70~~3", replyOf([60, 50], "50")).next).toBe("50");
    for (const timestamps of [[1, 2], [2, 2], [3, 0], [0]]) {
      expect(pageOf("HK", "", replyOf(timestamps, "after-2")).next).toBe("after-2");
    }
  });

  it("has OpenD's own cursor if a client could not send a longer one", () => {
    for (const length of [200, 229, 230, 256]) {
      const next = pageOf("HK", "", replyOf([60, 50], "k".repeat(length))).next ?? "";
      expect(next.length).toBeLessThanOrEqual(MAX_CURSOR_LENGTH);
      expect(next.startsWith("~50~~k")).toBe(length <= 229);
    }
  });

  it("has OpenD's own cursor if its rows have timestamps of more than 12 digits", () => {
    const newest = 10 ** 12;
    expect(pageOf("HK", "", replyOf([newest - 1], "after-1")).next).toBe(`~${newest - 1}~~after-1`);
    expect(pageOf("HK", "", replyOf([newest], "after-1")).next).toBe("after-1");
    expect(hasRowCursors(pageOf("HK", "", replyOf([newest - 1, 1], "-1")), "")).toBe(true);
    expect(hasRowCursors(pageOf("HK", "", replyOf([newest, 1], "-1")), "")).toBe(false);
  });

  it("with its own cursor as nextKey is refused", () => {
    expect(() => pageOf("HK", "~70~~3", replyOf([60], "3"))).toThrow(
      expect.objectContaining({ code: "opend_protocol_error" }),
    );
  });

  it("can be cut at each row", () => {
    const page = pageOf("HK", "~90~~3", replyOf([80, 70, 60], "6"));
    const first = sliceByRow(page, "~90~~3", undefined, 2);
    expect([timesOf(first), first.next]).toEqual([[80, 70], "~90~70~3"]);
    const second = sliceByRow(page, "~90~~3", 70n, 2);
    expect([timesOf(second), second.next]).toEqual([[60], "~60~~6"]);
  });

  it("leads to a page without the row of the cursor, if new rows have shifted that row", () => {
    const page = pageOf("HK", "", replyOf([110, 100, 90], "3"));
    expect(sliceByRow(page, "", 80n, 2)).toMatchObject({ rows: [], next: "~80~~3" });
    const documented = pageOf("HK", "", replyOf([110, 100, 90], "90"));
    expect(sliceByRow(documented, "", 80n, 2)).toMatchObject({ rows: [], next: "80" });
  });
});
