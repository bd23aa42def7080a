/** Symbols that a typed text may mean. Without I/O and imports: the API and the web UI share this file. */

export const MAX_SUGGESTIONS = 3;
/** UTF-16 code units. Longer texts get no suggestion, so that a refusal stays cheap. */
const MAX_TEXT_LENGTH = 64;

const HK_NAMES = ["HK", "HKG", "HKEX", "SEHK", "XHKG"];
const US_NAMES = ["US", "NYSE", "NASDAQ", "AMEX", "ARCA", "NYSEARCA", "XNYS", "XNAS", "NYQ", "NSQ"];
const NAME = [...HK_NAMES, ...US_NAMES].join("|");
/** Markets of OpenD without short interest. `SH.A` is not class A of a share with the ticker SH. */
const OTHER_MARKETS = "SH|SZ|CN|SG|JP|AU|MY|CA|FX|CC";

const MARKET_FIRST = new RegExp(`^(${NAME})[.: _-](.+)$`);
const MARKET_LAST = new RegExp(`^(.+)[.: _-](${NAME})$`);
const MARKET_AND_NUMBER = /^(HK)([0-9]{1,5})$/;
const NUMBER_AND_MARKET = /^([0-9]{1,5})(HK)$/;
const MARKET_NAME = new RegExp(`^(${NAME})$`);
const HK_CODE = /^[0-9]{1,5}$/;
/** A code in the API's own notation. */
const US_CODE = /^(?=.{1,20}$)[A-Z0-9]+([._-][A-Z0-9]+)*$/;
/** A code as other vendors write it. The last part is a share class or a type of security. */
const TYPED_US_CODE = /^[A-Z0-9]{1,10}([./_ -][A-Z0-9]{1,3})?$/;
/** A ticker without a market. Behind a dot, only share classes: `VOD.L` is a security in London. */
const TICKER = new RegExp(`^(?!(${OTHER_MARKETS})[. /_-])[A-Z]{1,5}([/_ -][A-Z]{1,2}|\\.[A-D])?$`);

/**
 * Suggests symbols for a text as people type it: `700`, `0700.HK`, `HK:700`, `aapl`, `TSLA.US`, `NYSE:BRK.B`, `BRK/B`,
 * `$TSLA`, and full-width characters. Several symbols mean that the text is ambiguous.
 * @returns at most `MAX_SUGGESTIONS` symbols, most likely first. `parseSymbol` accepts each of them. The first symbol
 *   of a valid text is the text itself, normalized.
 */
export function suggestSymbols(text: string): readonly string[] {
  if (text.length > MAX_TEXT_LENGTH) return [];
  const typed = normalize(text);
  const [, first = "", rest = ""] = MARKET_FIRST.exec(typed) ?? MARKET_AND_NUMBER.exec(typed) ?? [];
  const [, start = "", last = ""] = MARKET_LAST.exec(typed) ?? NUMBER_AND_MARKET.exec(typed) ?? [];
  const exact = first === "US" && typed.startsWith("US.") && US_CODE.test(rest) ? [`US.${rest}`] : [];
  const readings = [...exact, ...inMarket(first, rest)];
  const otherReadings = readings.length > 0 ? readings : inMarket(last, start);
  const found = otherReadings.length > 0 ? otherReadings : withoutMarket(typed);
  return [...new Set(found)].slice(0, MAX_SUGGESTIONS);
}

/** One notation for each text: half-width, upper case, single spaces. Empty if a character is not ASCII. */
function normalize(text: string): string {
  const plain = text
    .normalize("NFKC")
    // Invisible characters of copied text.
    .replace(/\p{Cf}/gu, "")
    // The full stop of Chinese and Japanese keyboards.
    .replaceAll("。", ".")
    .trim()
    .replace(/\s+/g, " ")
    .replace(/ ?([.:/-]) ?/g, "$1")
    .replace(/^\$/, "");
  // Outside of ASCII, upper case turns some other characters into letters.
  return /^[ -~]*$/.test(plain) ? plain.toUpperCase() : "";
}

/** @param name of a market or exchange; empty for none */
function inMarket(name: string, code: string): string[] {
  if (name === "") return [];
  const isHk = HK_NAMES.includes(name);
  if (HK_CODE.test(code)) return isHk ? [hkSymbol(code)] : [`US.${code}`, hkSymbol(code)];
  if (MARKET_NAME.test(code)) return [];
  // Hong Kong has no letters, so the market is the mistake.
  if (isHk) return TICKER.test(code) ? [usSymbol(code)] : [];
  return TYPED_US_CODE.test(code) ? [usSymbol(code)] : [];
}

function withoutMarket(typed: string): string[] {
  if (HK_CODE.test(typed)) return [hkSymbol(typed)];
  return TICKER.test(typed) && !MARKET_NAME.test(typed) ? [usSymbol(typed)] : [];
}

const hkSymbol = (code: string) => `HK.${code.padStart(5, "0")}`;
/** OpenD writes a share class behind a dot. */
const usSymbol = (code: string) => `US.${code.replace(/[/_ -]/, ".")}`;
