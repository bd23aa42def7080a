import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, it } from "vitest";
import { pageJson } from "../../functions/short-interest/json.ts";
import { HkShortInterestItemSchema, UsShortInterestItemSchema } from "../../gen/Qot_GetShortInterest_pb.js";

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
