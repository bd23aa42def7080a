import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { Visit } from "../support/browser.ts";
import { useHome } from "../support/home.ts";
import { DEFAULTS, openWithRecent, rowOf, symbolsOn, watchlistIsLoaded } from "../support/watchlist.ts";

const home = useHome();

const recent = (page: Page) => page.locator("#recent-symbols a").allTextContents();

/** A visit whose local storage has recent symbols. */
async function visitWith(stored: string): Promise<Visit> {
  const visitor = await home.newVisit();
  await openWithRecent(visitor.page, home.service().origin, stored);
  return visitor;
}

describe("recently viewed securities", () => {
  it("are listed newest first, join the watchlist, and can be removed", async () => {
    const visitor = await home.open("/?symbol=US.SPY");
    const { page, screenshot } = visitor;
    await home.loaded(visitor);
    await page.getByLabel("Symbol").fill("2800");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "HK.02800" }).waitFor();
    await home.loaded(visitor);
    await page.goto(home.service().origin);
    await watchlistIsLoaded(page);
    expect(await recent(page)).toEqual(["HK.02800", "US.SPY"]);
    expect(await symbolsOn(page)).toEqual(["HK.02800", "US.SPY", ...DEFAULTS]);
    await screenshot("start-recent");
    await page.getByRole("button", { name: "Remove HK.02800 from recently viewed" }).click();
    expect(await recent(page)).toEqual(["US.SPY"]);
    expect(await symbolsOn(page)).toEqual(["US.SPY", ...DEFAULTS]);
    await page.getByRole("button", { name: "Clear" }).click();
    expect(await page.locator("#recent").isVisible()).toBe(false);
    expect(await page.evaluate("[document.activeElement.id, localStorage.length]")).toEqual(["symbol", 0]);
    await page.reload();
    await watchlistIsLoaded(page);
    expect(await symbolsOn(page)).toEqual(DEFAULTS);
  });

  it("are in the order of viewing, also for a symbol that is loaded already", async () => {
    const visitor = await home.open("/");
    const { page } = visitor;
    for (const symbol of ["US.SPY", "HK.02800", "US.SPY"]) {
      await page.getByLabel("Symbol").fill(symbol);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: symbol }).waitFor();
      await home.loaded(visitor);
    }
    await page.getByRole("link", { name: "Short interest", exact: true }).click();
    await watchlistIsLoaded(page);
    expect(await recent(page)).toEqual(["US.SPY", "HK.02800"]);
  });

  it("keep the focus at their place after a removal, and new rows get their data", async () => {
    const { page } = await visitWith('["US.T1","US.T2","US.T3","US.T4","US.SPY"]');
    expect(await symbolsOn(page)).not.toContain("US.TSLA");
    const remove = (symbol: string) => page.getByRole("button", { name: `Remove ${symbol} from` }).click();
    const focused = () => page.evaluate("document.activeElement.ariaLabel");
    await remove("US.T2");
    expect(await focused()).toBe("Remove US.T3 from recently viewed");
    await remove("US.SPY");
    expect(await focused()).toBe("Remove US.T4 from recently viewed");
    await page.getByRole("button", { name: "Clear" }).click();
    expect(await symbolsOn(page)).toEqual(DEFAULTS);
    await rowOf(page, "US.TSLA")
      .locator("td", { hasText: /^[\d,]+$/ })
      .waitFor();
  });

  it("are six at most, and the watchlist has eight rows at most", async () => {
    const stored = Array.from({ length: 20 }, (_, index) => `US.T${index}`);
    const { page } = await visitWith(JSON.stringify(stored));
    expect(await recent(page)).toEqual(stored.slice(0, 6));
    expect(await symbolsOn(page)).toEqual([...stored.slice(0, 6), "HK.00700", "HK.09988"]);
  });

  it.each(["{", "null", "7", '{"length":3}', '[null,1,"x","<img src=x>","us.spy",["US.SPY"]]', '"US.SPY"'])(
    "are empty if the storage has %s",
    async (stored) => {
      const { page, consoleErrors } = await visitWith(stored);
      expect(await symbolsOn(page)).toEqual(DEFAULTS);
      expect(await page.locator("#recent").isVisible()).toBe(false);
      expect(consoleErrors).toEqual([]);
    },
  );

  it.each([
    ["blocked", "get", "new DOMException('', 'SecurityError')"],
    ["full", "setItem", "new DOMException('', 'QuotaExceededError')"],
  ])("are not needed: with a %s storage every security opens", async (_, kind, error) => {
    const { page, consoleErrors } = await home.newVisit();
    await page.addInitScript(
      kind === "get"
        ? `Object.defineProperty(window, "localStorage", { get() { throw ${error}; } });`
        : `Storage.prototype.setItem = () => { throw ${error}; };`,
    );
    await page.goto(home.service().origin);
    await watchlistIsLoaded(page);
    await page.locator("#examples").getByRole("link", { name: "AAPL", exact: true }).click();
    await page.getByRole("heading", { name: "US.AAPL" }).waitFor();
    expect(consoleErrors).toEqual([]);
  });

  it("do not include a symbol without data", async () => {
    const { page } = await home.open("/?symbol=US.NOSUCH");
    await page.getByText("No short interest data found for US.NOSUCH.").waitFor();
    expect(await page.evaluate("localStorage.length")).toBe(0);
  });
});
