import { COLUMNS, type Column, type Value } from "./columns.ts";
import type { Page, Row } from "./page.ts";
import { formatSymbol, type Market, type SecuritySymbol } from "./symbol.ts";

declare global {
  interface JSON {
    /** Not yet in TypeScript's own declarations. */
    rawJSON(text: string): unknown;
  }
}

/**
 * A page as JSON text. Counts of any size keep every digit.
 * @param more columns after those of the market
 */
export function pageJson(symbol: SecuritySymbol, { rows, next }: Page, more: readonly Column[] = []): string {
  const { market } = symbol;
  const items = rows.map((row) => rowJson(market, row, more)).join(",");
  return `${rowsHead(symbol)}${items}],"next_key":${JSON.stringify(next)}}`;
}

/** The start of a JSON object of rows, up to the first row. */
export function rowsHead(symbol: SecuritySymbol): string {
  return `{"symbol":${JSON.stringify(formatSymbol(symbol))},"market":${JSON.stringify(symbol.market)},"items":[`;
}

/** Rows of a security as an object for `stringify`. */
export function rowsObject(symbol: SecuritySymbol, rows: readonly Row[]): object {
  const { market } = symbol;
  return { symbol: formatSymbol(symbol), market, items: rows.map((row) => rowObject(market, row)) };
}

/** Rows as NDJSON: one line for each row. */
export function rowsNdjson(market: Market, rows: readonly Row[], more: readonly Column[] = []): string {
  return rows.map((row) => `${rowJson(market, row, more)}\n`).join("");
}

type Member = Pick<Column, "valueIn"> & {
  /** The text before the value: `{"timestamp":`, `,"timestamp_str":`, … */
  readonly prefix: string;
};

const MEMBERS: Readonly<Record<Market, readonly Member[]>> = {
  HK: membersOf(COLUMNS.HK),
  US: membersOf(COLUMNS.US),
};

function membersOf(columns: readonly Column[]): readonly Member[] {
  return columns.map(({ name, valueIn }, index) => ({
    prefix: `${index === 0 ? "{" : ","}${JSON.stringify(name)}:`,
    valueIn,
  }));
}

/** A row as JSON text. Absent fields, NaN and infinities are null, as in `JSON.stringify`. */
export function rowJson(market: Market, row: Row, more: readonly Column[] = []): string {
  let text = "";
  for (const { prefix, valueIn } of MEMBERS[market]) text += prefix + valueJson(valueIn(row));
  for (const { name, valueIn } of more) text += `,${JSON.stringify(name)}:${valueJson(valueIn(row))}`;
  return `${text}}`;
}

function valueJson(value: Value): string {
  return typeof value === "bigint" ? String(value) : JSON.stringify(value);
}

/** A row as an object of its market's columns, for `stringify` with what surrounds it. */
export function rowObject(market: Market, row: Row): object {
  return Object.fromEntries(COLUMNS[market].map(({ name, valueIn }) => [name, valueIn(row)]));
}

/** JSON text. A bigint becomes a number with all its digits. */
export function stringify(value: object): string {
  return JSON.stringify(value, (_, inner) =>
    typeof inner === "bigint" ? JSON.rawJSON(inner.toString()) : inner,
  );
}
