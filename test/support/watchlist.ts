import type { Page } from "playwright-core";

/** The start page as its tests read it. */

export const DEFAULTS = ["HK.00700", "HK.09988", "US.AAPL", "US.TSLA"];

export const symbolsOn = (page: Page) => page.locator("#watchlist tbody th a").allTextContents();
export const rowOf = (page: Page, symbol: string) =>
  page.locator("#watchlist tbody tr", { has: page.getByRole("link", { name: symbol }) });
export const watchlistIsLoaded = (page: Page) => page.locator("#watchlist[aria-busy=false]").waitFor();

/** Opens the start page with recent symbols in the local storage. */
export async function openWithRecent(page: Page, origin: string, stored: string): Promise<void> {
  await page.addInitScript(`localStorage.setItem("short-interest-recent", ${JSON.stringify(stored)})`);
  await page.goto(origin);
  await watchlistIsLoaded(page);
}
