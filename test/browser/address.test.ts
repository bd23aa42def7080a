import { describe, expect, it } from "vitest";
import { readAddress, startAddress, symbolOf } from "../../web/address.ts";
import { keyOf } from "../../web/api.ts";

/** Texts that people type, without a browser. */

describe("startAddress()", () => {
  it.each([
    ["", "/"],
    ["?symbol=US.AAPL&range=3M", "/"],
    ["?lang=zh-Hans&symbol=US.AAPL&compare=HK.00700", "/?lang=zh-Hans"],
  ])("of %j is %s", (search, address) => {
    expect(startAddress(search)).toBe(address);
  });
});

describe("symbolOf()", () => {
  it.each(["US.ABCDEFGHIJKLMNOPQRSTUVW", `US.${"A".repeat(100)}`])(
    "does not cut %s to a valid symbol",
    (text) => {
      expect(symbolOf(text).length).toBeGreaterThan(23);
      expect(readAddress(`?symbol=${text}`).symbols).toEqual([symbolOf(text)]);
    },
  );
});

describe("keyOf()", () => {
  it.each([
    [" key ", "key"],
    ["", ""],
    ["キー", undefined],
    ["two words", undefined],
  ])("of %j is %j", (text, key) => {
    expect(keyOf(text)).toBe(key);
  });
});
