import { suggestSymbols } from "../functions/short-interest/symbol-suggestions.ts";

/** The recently viewed securities. They stay in this browser, and the page works without its storage. */

const ITEM = "short-interest-recent";
export const MAX_RECENT = 6;

/** The symbols, newest first. Empty if the storage is blocked or damaged. */
export function recentSymbols(): readonly string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(ITEM) ?? "[]");
    return Array.isArray(stored) ? [...new Set(stored.filter(isSymbol))].slice(0, MAX_RECENT) : [];
  } catch {
    return [];
  }
}

/** Puts a symbol first. Without a storage, nothing is remembered. */
export function rememberSymbol(symbol: string): void {
  save([symbol, ...recentSymbols().filter((other) => other !== symbol)].slice(0, MAX_RECENT));
}

export function forgetSymbol(symbol: string): void {
  save(recentSymbols().filter((other) => other !== symbol));
}

export function forgetAll(): void {
  save([]);
}

function save(symbols: readonly string[]): void {
  try {
    if (symbols.length === 0) localStorage.removeItem(ITEM);
    else localStorage.setItem(ITEM, JSON.stringify(symbols));
  } catch {
    // The browser blocks the storage, or the storage is full.
  }
}

/** Other programs of this origin, or a user, may have written anything. */
const isSymbol = (value: unknown): value is string =>
  typeof value === "string" && suggestSymbols(value)[0] === value;
