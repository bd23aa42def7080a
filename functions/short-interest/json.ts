import { COLUMNS } from "./columns.ts";
import type { Page, Row } from "./page.ts";
import { formatSymbol, type Market, type SecuritySymbol } from "./symbol.ts";

declare global {
  interface JSON {
    /** Not yet in TypeScript's own declarations. */
    rawJSON(text: string): unknown;
  }
}

/** A page as JSON text. Counts of any size keep every digit. */
export function pageJson(symbol: SecuritySymbol, page: Page): string {
  return stringify(pageObject(symbol, page));
}

/** A page as an object for `stringify`. */
export function pageObject(symbol: SecuritySymbol, { rows, next }: Page): object {
  return { ...rowsObject(symbol, rows), next_key: next };
}

/** Rows of a security as an object for `stringify`. */
export function rowsObject(symbol: SecuritySymbol, rows: readonly Row[]): object {
  const { market } = symbol;
  return { symbol: formatSymbol(symbol), market, items: rows.map((row) => rowObject(market, row)) };
}

/** A page as NDJSON: one line for each row. */
export function pageNdjson(page: Page): string {
  return page.rows.map((row) => `${rowJson(page.market, row)}\n`).join("");
}

/** A row as JSON text. */
export function rowJson(market: Market, row: Row): string {
  return stringify(rowObject(market, row));
}

/** A row as an object of its market's columns. */
export function rowObject(market: Market, row: Row): object {
  return Object.fromEntries(COLUMNS[market].map(({ name, valueIn }) => [name, valueIn(row)]));
}

/** JSON text. A bigint becomes a number with all its digits. */
export function stringify(value: object): string {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === "bigint" ? JSON.rawJSON(inner.toString()) : inner,
  );
}
