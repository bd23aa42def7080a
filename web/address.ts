import { suggestSymbols } from "../functions/short-interest/symbol-suggestions.ts";
import { MEASURES, type Measure } from "./dataset.ts";
import { RANGES, type Range } from "./history.ts";

/** The state of the page that its URL holds. */
export interface ViewState {
  /** The first symbol is the main one; the others are compared with it. */
  readonly symbols: readonly string[];
  readonly range: Range;
  readonly measure: Measure;
}

export const MAX_COMPARED = 5;
/** Longer than any symbol, so that a cut text stays invalid. */
const MAX_TEXT_LENGTH = 64;
const DEFAULTS = { range: "1Y", measure: "shares" } as const;

/**
 * Reads the state from a URL's query. Unknown values become the defaults.
 * @param search query with or without `?`
 */
export function readAddress(search: string): ViewState {
  const query = new URLSearchParams(search);
  const symbol = symbolOf(query.get("symbol") ?? "");
  const others = (query.get("compare") ?? "").split(",").map(symbolOf);
  const symbols = symbol === "" ? [] : [...new Set([symbol, ...others.filter((other) => other !== "")])];
  return {
    symbols: symbols.slice(0, MAX_COMPARED),
    range: RANGES.find((range) => range === query.get("range")) ?? DEFAULTS.range,
    measure: MEASURES.find((measure) => measure === query.get("measure")) ?? DEFAULTS.measure,
  };
}

/** Returns `search` with the state written into it. Other parameters, such as `lang`, are preserved. */
export function writeAddress(
  { symbols: [symbol, ...others], range, measure }: ViewState,
  search: string,
): string {
  const query = new URLSearchParams(search);
  const set = (name: string, value: string) => (value === "" ? query.delete(name) : query.set(name, value));
  set("symbol", symbol ?? "");
  set("compare", others.join());
  set("range", range === DEFAULTS.range ? "" : range);
  set("measure", measure === DEFAULTS.measure ? "" : measure);
  return `?${query.toString().replaceAll("%2C", ",")}`;
}

/** The URL that shows one security. Other parameters, such as `lang`, are preserved. */
export function openSymbolAddress(symbol: string, search: string): string {
  return writeAddress({ ...DEFAULTS, symbols: [symbol] }, search);
}

/** The URL of the start page in the language of `search`. */
export function startAddress(search: string): string {
  const lang = new URLSearchParams(search).get("lang");
  return lang === null ? "/" : `/?${new URLSearchParams({ lang })}`;
}

/**
 * The symbol of a text as people type it: `700` becomes `HK.00700`. An ambiguous or invalid text stays itself, in upper
 * case, and the page shows suggestions.
 */
export function symbolOf(text: string): string {
  const typed = text.normalize("NFKC").trim().toUpperCase().slice(0, MAX_TEXT_LENGTH);
  const [first, ...others] = suggestSymbols(text);
  return first !== undefined && (others.length === 0 || first === typed) ? first : typed;
}
