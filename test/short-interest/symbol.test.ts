import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { formatSymbol, parseSymbol } from "../../functions/short-interest/symbol.ts";

describe("symbol", () => {
  it("of Hong Kong is a code of up to five digits, padded", () => {
    fc.assert(
      fc.property(fc.nat(99_999), fc.constantFrom("HK", "hk", "Hk"), (code, market) => {
        expect(formatSymbol(parseSymbol(`${market}.${code}`))).toBe(`HK.${String(code).padStart(5, "0")}`);
      }),
    );
  });

  it("is parsed back from its formatted text", () => {
    const code = fc.stringMatching(/^[A-Z0-9]{1,5}([.\-_][A-Z0-9]{1,3})?$/);
    fc.assert(
      fc.property(code, (text) => {
        const symbol = parseSymbol(`us.${text.toLowerCase()}`);
        expect(symbol).toEqual({ market: "US", code: text });
        expect(parseSymbol(formatSymbol(symbol))).toEqual(symbol);
      }),
    );
  });

  it("from any text is parsed, or refused with a code", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.string().map((text) => `HK.${text}`),
          fc.string().map((text) => `US.${text}`),
        ),
        (text) => {
          try {
            // A parsed symbol is safe in a URL, a key and a header.
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
