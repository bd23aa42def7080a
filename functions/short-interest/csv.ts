import { COLUMNS, type Column, type Value } from "./columns.ts";
import type { Page, Row } from "./page.ts";
import type { Market } from "./symbol.ts";

/**
 * A page as CSV (RFC 4180), with the columns of the documented DataFrame. An absent value is empty.
 * @param more columns after those
 */
export function pageCsv({ market, rows }: Page, more: readonly Column[] = []): string {
  return csvHeader(market, more) + csvLines(market, rows, more);
}

export function csvHeader(market: Market, more: readonly Column[] = []): string {
  return line([...COLUMNS[market], ...more].map(({ name }) => name));
}

export function csvLines(market: Market, rows: readonly Row[], more: readonly Column[] = []): string {
  const columns = [...COLUMNS[market], ...more];
  return rows.map((row) => line(columns.map(({ valueIn }) => cell(valueIn(row))))).join("");
}

function line(cells: readonly string[]): string {
  return `${cells.join(",")}\r\n`;
}

function cell(value: Value): string {
  if (value === null || (typeof value === "number" && !Number.isFinite(value))) return "";
  return typeof value === "string" ? text(value) : String(value);
}

/** Prefixes a text that a spreadsheet would run as a formula with an apostrophe. */
function text(value: string): string {
  const escaped = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(escaped) ? `"${escaped.replaceAll('"', '""')}"` : escaped;
}
