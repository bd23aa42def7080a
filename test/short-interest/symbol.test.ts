import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { formatSymbol, parseSymbol } from "../../functions/short-interest/symbol.ts";

describe("a symbol", () => {
  it("of Hong Kong is any code up to five digits, padded", () => {
    fc.assert(
      fc.property(fc.nat(99_999), fc.constantFrom("HK", "hk", "Hk"), (code, market) => {
        expect(formatSymbol(parseSymbol(`${market}.${code}`))).toBe(`HK.${String(code).padStart(5, "0")}`);
      }),
    );
  });

  it("reads back what it prints", () => {
    const code = fc.stringMatching(/^[A-Z0-9]{1,5}([.\-_][A-Z0-9]{1,3})?$/);
    fc.assert(
      fc.property(code, (text) => {
        const symbol = parseSymbol(`us.${text.toLowerCase()}`);
        expect(symbol).toEqual({ market: "US", code: text });
        expect(parseSymbol(formatSymbol(symbol))).toEqual(symbol);
      }),
    );
  });

  it("is either read or refused by name, whatever the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.string().map((text) => `HK.${text}`),
          fc.string().map((text) => `US.${text}`),
        ),
        (text) => {
          try {
            // Whatever passes is safe in a URL, a key and a header.
            expect(formatSymbol(parseSymbol(text))).toMatch(/^(HK\.\d{5}|US\.[A-Z0-9._-]{1,20})$/);
          } catch (thrown) {
            expect(thrown).toBeInstanceOf(Failure);
            expect(["invalid_symbol", "unsupported_market"]).toContain(Failure.from(thrown).code);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
