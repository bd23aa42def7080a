import { Failure } from "../failure.ts";

/** The markets that have short interest. */
export type Market = "HK" | "US";

/** One security, written as its users write it: `HK.00700`, `US.BRK.B`. */
export interface SecuritySymbol {
  readonly market: Market;
  /** Without the market: `00700`, `BRK.B`. */
  readonly code: string;
}

/** ASCII alone: upper case would make a plain letter of some others. */
const MARKET_AND_CODE = /^([A-Za-z]{2,6})\.([!-~]+)$/;
const HK_CODE = /^\d{1,5}$/;
const US_CODE = /^[A-Z0-9]+(?:[.\-_][A-Z0-9]+)*$/;
const LONGEST_US_CODE = 20;

/**
 * Reads a symbol in any case; a Hong Kong code is padded to its five digits.
 * @throws Failure `invalid_symbol`, or `unsupported_market` for a market without short interest
 */
export function parseSymbol(text: string): SecuritySymbol {
  const [, market, code] = MARKET_AND_CODE.exec(text)?.map((part) => part.toUpperCase()) ?? [];
  if (market === undefined || code === undefined) throw invalid();
  if (market === "HK") {
    if (!HK_CODE.test(code)) throw invalid();
    return { market, code: code.padStart(5, "0") };
  }
  if (market === "US") {
    if (code.length > LONGEST_US_CODE || !US_CODE.test(code)) throw invalid();
    return { market, code };
  }
  throw new Failure("unsupported_market", "Short interest exists for the markets HK and US only", {
    parameter: "symbol",
  });
}

export function formatSymbol(symbol: SecuritySymbol): string {
  return `${symbol.market}.${symbol.code}`;
}

function invalid(): Failure {
  return new Failure("invalid_symbol", "A symbol is a market and a code, such as HK.00700 or US.AAPL", {
    parameter: "symbol",
  });
}
