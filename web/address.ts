import { MEASURES, type Measure } from "./figures.ts";
import { RANGES, type Range } from "./history.ts";

/** What is wanted of the page, as its address says it. */
export interface Wanted {
  /** The first is the one that was searched for; it is compared with the others. */
  readonly symbols: readonly string[];
  readonly range: Range;
  readonly measure: Measure;
}

export const MOST_COMPARED = 5;
const LONGEST_SYMBOL = 23;
const USUAL = { range: "1Y", measure: "shares" } as const;

export function readAddress(search: string): Wanted {
  const query = new URLSearchParams(search);
  const [symbol = ""] = [query.get("symbol") ?? ""].map(symbolOf);
  const others = (query.get("compare") ?? "").split(",").map(symbolOf);
  const symbols = symbol === "" ? [] : [...new Set([symbol, ...others.filter((each) => each !== "")])];
  return {
    symbols: symbols.slice(0, MOST_COMPARED),
    range: RANGES.find((each) => each === query.get("range")) ?? USUAL.range,
    measure: MEASURES.find((each) => each === query.get("measure")) ?? USUAL.measure,
  };
}

/** The query that says it, with what else is in `search`. */
export function writeAddress(
  { symbols: [symbol, ...others], range, measure }: Wanted,
  search: string,
): string {
  const query = new URLSearchParams(search);
  const set = (name: string, value: string) => (value === "" ? query.delete(name) : query.set(name, value));
  set("symbol", symbol ?? "");
  set("compare", others.join());
  set("range", range === USUAL.range ? "" : range);
  set("measure", measure === USUAL.measure ? "" : measure);
  return `?${query.toString().replaceAll("%2C", ",")}`;
}

/** A symbol as the API writes it, of what people write. */
export function symbolOf(text: string): string {
  const symbol = text.normalize("NFKC").trim().toUpperCase().slice(0, LONGEST_SYMBOL);
  const code = /^HK\.(\d{1,4})$/.exec(symbol)?.[1];
  return code === undefined ? symbol : `HK.${code.padStart(5, "0")}`;
}
