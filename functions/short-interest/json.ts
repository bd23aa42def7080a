import { COLUMNS } from "./columns.ts";
import type { Page } from "./page.ts";
import { formatSymbol, type SecuritySymbol } from "./symbol.ts";

declare global {
  interface JSON {
    /** Not yet in TypeScript's own declarations. */
    rawJSON(text: string): unknown;
  }
}

/** A page as JSON text. Counts keep every digit: they are raw JSON numbers, whatever their size. */
export function pageJson(symbol: SecuritySymbol, page: Page): string {
  const columns = COLUMNS[page.market];
  return JSON.stringify(
    {
      symbol: formatSymbol(symbol),
      market: page.market,
      items: page.rows.map((row) =>
        Object.fromEntries(columns.map(({ name, valueIn }) => [name, valueIn(row)])),
      ),
      next_key: page.next,
    },
    (_, value) => (typeof value === "bigint" ? JSON.rawJSON(value.toString()) : value),
  );
}
