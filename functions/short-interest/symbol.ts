import { Failure } from "../errors.ts";

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

/** What a symbol of a market with short interest looks like, in an expression that any program can read. */
export const SYMBOL = /^([Hh][Kk]\.[0-9]{1,5}|[Uu][Ss]\.[A-Za-z0-9]+([._-][A-Za-z0-9]+)*)$/;
export const MAX_SYMBOL_LENGTH = 23;

/**
 * Reads a symbol in any case; a Hong Kong code is padded to its five digits.
 * @throws Failure `invalid_symbol`, or `unsupported_market` for a market without short interest
 */
export function parseSymbol(text: string): SecuritySymbol {
  const [, market, code] = MARKET_AND_CODE.exec(text)?.map((part) => part.toUpperCase()) ?? [];
  if (market === undefined || code === undefined) throw invalid();
  if (market !== "HK" && market !== "US") {
    throw new Failure("unsupported_market", "Short interest exists for the markets HK and US only", {
      parameter: "symbol",
    });
  }
  if (text.length > MAX_SYMBOL_LENGTH || !SYMBOL.test(text)) throw invalid();
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
 * @throws Failure `opend_protocol_error` where it is no time
 */
export function dateOf(market: Market, timestamp: bigint): string {
  const ms = Number(timestamp) * 1_000;
  if (Number.isNaN(new Date(ms).getTime())) {
    throw new Failure("opend_protocol_error", "OpenD's answer has a timestamp that is no time");
  }
  let calendar = calendars.get(market);
  if (!calendar) {
    // Canada writes dates as ISO 8601 does.
    calendar = new Intl.DateTimeFormat("en-CA", { timeZone: TIME_ZONES[market] });
    calendars.set(market, calendar);
  }
  return calendar.format(ms);
}

function invalid(): Failure {
  return new Failure("invalid_symbol", "A symbol is a market and a code, such as HK.00700 or US.AAPL", {
    parameter: "symbol",
  });
}
