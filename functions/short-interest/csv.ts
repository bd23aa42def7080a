import { COLUMNS, type Value } from "./columns.ts";
import type { Page } from "./page.ts";

/** A page as CSV (RFC 4180), with the columns of the documented DataFrame. An absent value is empty. */
export function pageCsv(page: Page): string {
  const columns = COLUMNS[page.market];
  const lines = page.rows.map((row) => columns.map(({ valueIn }) => cell(valueIn(row))));
  return [columns.map(({ name }) => name), ...lines].map((cells) => `${cells.join(",")}\r\n`).join("");
}

function cell(value: Value): string {
  if (value === null || (typeof value === "number" && !Number.isFinite(value))) return "";
  return typeof value === "string" ? text(value) : String(value);
}

/** A text that a spreadsheet would take for a formula is made one that it does not. */
function text(value: string): string {
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
