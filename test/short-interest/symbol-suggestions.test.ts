import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { formatSymbol, parseSymbol } from "../../functions/short-interest/symbol.ts";
import { MAX_SUGGESTIONS, suggestSymbols } from "../../functions/short-interest/symbol-suggestions.ts";

describe("suggestion", () => {
  it.each([
    ["AAPL", "US.AAPL"],
    ["aapl", "US.AAPL"],
    ["ＡＡＰＬ", "US.AAPL"],
    [" aapl ", "US.AAPL"],
    ["$TSLA", "US.TSLA"],
    ["TSLA.US", "US.TSLA"],
    ["AAPL US", "US.AAPL"],
    ["AAPL:NSQ", "US.AAPL"],
    ["us:aapl", "US.AAPL"],
    ["NASDAQ:AAPL", "US.AAPL"],
    ["NYSE:BRK.B", "US.BRK.B"],
    ["NYSE: BRK.B", "US.BRK.B"],
    ["BRK.B", "US.BRK.B"],
    ["BRK-B", "US.BRK.B"],
    ["BRK/B", "US.BRK.B"],
    ["brk b", "US.BRK.B"],
    ["US.BRK/B", "US.BRK.B"],
    ["BRK/B US", "US.BRK.B"],
    ["700", "HK.00700"],
    ["0700", "HK.00700"],
    ["00700", "HK.00700"],
    ["７００", "HK.00700"],
    ["0700.HK", "HK.00700"],
    ["700.hk", "HK.00700"],
    ["700 HK", "HK.00700"],
    ["HK.700", "HK.00700"],
    ["HK:700", "HK.00700"],
    ["HK：７００", "HK.00700"],
    ["ＨＫ。７００", "HK.00700"],
    ["HK 700", "HK.00700"],
    ["HK00700", "HK.00700"],
    ["HKEX:700", "HK.00700"],
    ["\u200b0700.HK\ufeff", "HK.00700"],
    ["HK.AAPL", "US.AAPL"],
    ["AAPL-US", "US.AAPL"],
    ["AAPL_US", "US.AAPL"],
    ["BRK.B-US", "US.BRK.B"],
    ["700-HK", "HK.00700"],
    ["HK-700", "HK.00700"],
    ["0700hk", "HK.00700"],
  ])("for %j is %s", (text, symbol) => {
    expect(suggestSymbols(text)).toEqual([symbol]);
  });

  it.each([
    ["700.US", ["US.700", "HK.00700"]],
    ["US:700", ["US.700", "HK.00700"]],
    ["NYSE:700", ["US.700", "HK.00700"]],
    ["US.BRK-B", ["US.BRK-B", "US.BRK.B"]],
  ])("for the ambiguous %j is each reading: %j", (text, symbols) => {
    expect(suggestSymbols(text)).toEqual(symbols);
  });

  it.each([
    "",
    " ",
    "$",
    "HK",
    "us",
    "HK.US",
    "NYSE.US",
    "JP.7203",
    "7203.T",
    "JP:7203",
    "SH.600519",
    "SH.A",
    "600519",
    "VOD.L",
    "nonsense",
    "HK.7a",
    "US.AAPL/history",
    "US.AAPL US.TSLA",
    "US.ıBM",
    "腾讯",
    "../../x",
    "\ud800",
    "A".repeat(65),
    " ".repeat(1_000_000),
  ])("for %.20j does not exist", (text) => {
    expect(suggestSymbols(text)).toEqual([]);
  });

  const name = fc.constantFrom("HK", "US", "NYSE", "HKEX", "JP", "us", "ＨＫ", "");
  const separator = fc.constantFrom(".", ":", " ", "-", "/", "_", "。", "$", "");
  const code = fc.oneof(fc.stringMatching(/^[0-9]{1,7}$/), fc.stringMatching(/^[A-Za-z0-9._/ -]{1,22}$/));
  const typed = fc.array(fc.oneof(name, separator, code), { maxLength: 5 }).map((parts) => parts.join(""));
  const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.string(), typed);

  it("for any text is a list of at most three normalized symbols, each of which is parsed", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const suggestions = suggestSymbols(text);
        expect(suggestions.length).toBeLessThanOrEqual(MAX_SUGGESTIONS);
        expect(new Set(suggestions).size).toBe(suggestions.length);
        for (const symbol of suggestions) expect(formatSymbol(parseSymbol(symbol))).toBe(symbol);
        expect(suggestSymbols(text)).toEqual(suggestions);
      }),
      { numRuns: 10_000 },
    );
  });

  it("of a valid symbol begins with this symbol", () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom("", "US.", "HK."), (text, market) => {
        try {
          const symbol = formatSymbol(parseSymbol(market + text));
          expect(suggestSymbols(market + text)[0]).toBe(symbol);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(Failure);
        }
      }),
      { numRuns: 10_000 },
    );
  });

  it("is the failure's didYouMean, and no text with one has an unsupported market", () => {
    fc.assert(
      fc.property(typed, (text) => {
        try {
          parseSymbol(text);
        } catch (thrown) {
          const { code, didYouMean } = Failure.from(thrown);
          expect(didYouMean).toEqual(suggestSymbols(text));
          expect(code).toBe(didYouMean.length > 0 ? "invalid_symbol" : code);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
