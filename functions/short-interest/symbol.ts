import { Failure } from "../errors.ts";
import { suggestSymbols } from "./symbol-suggestions.ts";

/** The markets that have short interest. */
export type Market = "HK" | "US";

/** One security, such as `HK.00700` or `US.BRK.B`. */
export interface SecuritySymbol {
  readonly market: Market;
  /** Without the market: `00700`, `BRK.B`. */
  readonly code: string;
}

/** ASCII only: `toUpperCase` turns some other characters into ASCII letters. */
const MARKET_AND_CODE = /^([A-Za-z]{2,6})\.([!-~]+)$/;

/** A symbol of a market with short interest. OpenAPI publishes the expression, so it uses no flags. */
export const SYMBOL = /^([Hh][Kk]\.[0-9]{1,5}|[Uu][Ss]\.[A-Za-z0-9]+([._-][A-Za-z0-9]+)*)$/;
export const MAX_SYMBOL_LENGTH = 23;

/**
 * Parses a symbol, case-insensitive. A Hong Kong code is padded to five digits.
 * @throws Failure `invalid_symbol`, with suggestions; `unsupported_market` for a market without short interest
 */
export function parseSymbol(text: string): SecuritySymbol {
  const [, market, code] = MARKET_AND_CODE.exec(text)?.map((part) => part.toUpperCase()) ?? [];
  if (market === undefined || code === undefined) throw invalid(text);
  if (market !== "HK" && market !== "US") {
    // `TSLA.US` names a market too, but in another order.
    if (suggestSymbols(text).length > 0) throw invalid(text);
    throw new Failure("unsupported_market", "Short interest is available for the markets HK and US only", {
      parameter: "symbol",
    });
  }
  if (text.length > MAX_SYMBOL_LENGTH || !SYMBOL.test(text)) throw invalid(text);
  return { market, code: market === "HK" ? code.padStart(5, "0") : code };
}

export function formatSymbol(symbol: SecuritySymbol): string {
  return `${symbol.market}.${symbol.code}`;
}

const TIME_ZONES: Readonly<Record<Market, string>> = { HK: "Asia/Hong_Kong", US: "America/New_York" };
const calendars = new Map<Market, Intl.DateTimeFormat>();

/**
 * The day in the market's time zone, as `YYYY-MM-DD`.
 * @param timestamp Unix time in seconds
 * @throws Failure `opend_protocol_error` if it is out of range
 */
export function dateOf(market: Market, timestamp: bigint): string {
  const ms = Number(timestamp) * 1_000;
  if (Number.isNaN(new Date(ms).getTime())) {
    throw new Failure("opend_protocol_error", "OpenD returned a timestamp that is out of range");
  }
  let calendar = calendars.get(market);
  if (!calendar) {
    // Canada writes dates as in ISO 8601.
    calendar = new Intl.DateTimeFormat("en-CA", { timeZone: TIME_ZONES[market] });
    calendars.set(market, calendar);
  }
  return calendar.format(ms);
}

function invalid(text: string): Failure {
  return new Failure("invalid_symbol", "A symbol must be a market and a code, such as HK.00700 or US.AAPL", {
    parameter: "symbol",
    didYouMean: suggestSymbols(text),
  });
}
