import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Visit } from "../support/browser.ts";
import { useHome } from "../support/home.ts";

const home = useHome();

describe("web UI", () => {
  it("search loads a symbol and writes it to the URL", async () => {
    const visitor = await home.open("/");
    const { page, consoleErrors, screenshot } = visitor;
    await page.getByRole("heading", { name: "Short interest of" }).waitFor();
    await page.getByLabel("Symbol").fill("hk.700");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "HK.00700" }).waitFor();
    await home.loaded(visitor);
    expect(await page.locator("#newest").textContent()).toBe("51,480,638 shares");
    expect(await page.locator(".headline").textContent()).toBe(
      "Short interest 51,480,638 shares as of 2026-04-30",
    );
    expect(await page.locator("#newest-date").textContent()).toBe("as of 2026-04-30");
    expect(await page.locator("#change").textContent()).toBe("-408,117 shares (-0.79%) since 2026-04-24");
    expect(new URL(page.url()).search).toBe("?symbol=HK.00700");
    expect(await page.title()).toBe("HK.00700 – Short interest");
    await screenshot("search");
    await page.goBack();
    await page.getByRole("heading", { name: "Short interest of" }).waitFor();
    expect(consoleErrors).toEqual([]);
  });

  it("a range loads only the pages that it needs", async () => {
    const visitor = await home.open("/?symbol=HK.00700&range=3M");
    const { page, requests, consoleErrors, screenshot } = visitor;
    await home.loaded(visitor);
    const asked = () => requests.filter((url) => url.includes("/v1/")).length;
    expect([(await home.days(visitor)).at(-1), asked()]).toEqual(["2026-01-30", 1]);
    await page.getByText("1 year", { exact: true }).click();
    await home.loaded(visitor);
    expect((await home.days(visitor)).at(-1)).toBe("2025-05-02");
    await page.getByText("All", { exact: true }).click();
    await home.loaded(visitor);
    expect([(await home.days(visitor)).length, asked()]).toEqual([250, 5]);
    expect(page.url()).toMatch(/range=all$/);
    await screenshot("range");
    expect(consoleErrors).toEqual([]);
  });

  it("a range of 3 months from May 31 starts on the last day of February", async () => {
    const visitor = await home.newVisit();
    const items = ["2026-05-31", "2026-03-01", "2026-02-28", "2026-02-27"].map((day) => ({
      timestamp: Date.parse(day) / 1_000,
      timestamp_str: day,
      aggregated_short: 1,
    }));
    const body = JSON.stringify({ symbol: "HK.00001", market: "HK", items, next_key: null });
    await visitor.page.route("**/v1/short-interest/HK.00001*", (route) => route.fulfill({ body }));
    await visitor.page.goto(`${home.service().origin}/?symbol=HK.1&range=3M`);
    await home.loaded(visitor);
    expect(await home.days(visitor)).toEqual(["2026-05-31", "2026-03-01", "2026-02-28"]);
  });

  it("comparison indexes up to five symbols to 100", async () => {
    const visitor = await home.open("/?symbol=HK.00700");
    const { page, consoleErrors, screenshot } = visitor;
    await home.loaded(visitor);
    for (const other of ["HK.9988", "us.aapl", "US.TSLA", "US.SPY"]) {
      await page.getByLabel("Compare with").first().fill(other);
      await page.getByRole("button", { name: "Add" }).click();
      await home.loaded(visitor);
    }
    const names = ["HK.00700", "HK.09988", "US.AAPL", "US.TSLA", "US.SPY"];
    expect((await page.locator("#chart .legend span").allTextContents()).slice(1)).toEqual(names);
    expect(await page.locator("#table thead th").allTextContents()).toEqual(["Date", ...names]);
    for (let column = 2; column <= 6; column += 1) {
      const values = await page.locator(`#table tbody td:nth-child(${column})`).allTextContents();
      expect(values).toContain("100");
    }
    await page.getByLabel("Compare with").first().fill("US.BRK.B");
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByText("You can compare up to five securities.").waitFor();
    await screenshot("compare");
    await page.getByRole("button", { name: "Remove HK.09988" }).click();
    expect(await page.evaluate("document.activeElement.id")).toBe("other");
    expect(await page.locator("#table thead th").count()).toBe(5);
    expect(page.url()).toContain("compare=US.AAPL,US.TSLA,US.SPY");
    expect(consoleErrors).toEqual([]);
  });

  it("table sorts by the clicked column, missing values last", async () => {
    const visitor = await home.open("/?symbol=US.BRK.B&range=all");
    const { page } = visitor;
    await home.loaded(visitor);
    const column = async (index: number) =>
      (await page.locator(`#table tbody tr td:nth-child(${index})`).allTextContents()).map((text) =>
        text === "–" ? Number.NaN : Number(text.replace(/[^\d.]/g, "")),
      );
    await page.getByRole("button", { name: "Days to cover" }).click();
    const down = await column(6);
    expect(await page.locator("#table th[aria-sort]").textContent()).toBe("Days to cover");
    expect(down.slice(0, 65)).toEqual(down.slice(0, 65).toSorted((a, b) => b - a));
    expect(down.slice(65).every(Number.isNaN)).toBe(true);
    await page.keyboard.press("Enter");
    const up = await column(6);
    expect(up.slice(0, 65)).toEqual(up.slice(0, 65).toSorted((a, b) => a - b));
    expect(up.slice(65).every(Number.isNaN)).toBe(true);
  });

  it("headline keeps every digit of a count past 2^53", async () => {
    const huge = await home.open("/?symbol=US.HUGE");
    await home.loaded(huge);
    expect(await huge.page.locator("#newest").textContent()).toBe("9,007,199,254,740,993 shares");
  });

  it("download saves the CSV of the API for the selected range", async () => {
    const visitor = await home.open("/?symbol=US.AAPL&range=3Y");
    const { page, screenshot } = visitor;
    await home.loaded(visitor);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download CSV" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("US.AAPL.csv");
    const csv = await readFile(await download.path(), "utf8");
    const path = "/v1/short-interest/US.AAPL/history?format=csv&from=2023-04-30";
    expect(csv).toBe(await (await fetch(home.service().origin + path)).text());
    expect(csv.split("\r\n").length).toBe((await home.days(visitor)).length + 2);
    await screenshot("csv");
  });

  it("measure percent shows the ratio, and its change in percentage points", async () => {
    const visitor = await home.open("/?symbol=HK.00700");
    const { page } = visitor;
    await home.loaded(visitor);
    await page.getByText("Percent", { exact: true }).click();
    expect(page.url()).toMatch(/measure=percent$/);
    expect(await page.locator("#newest").textContent()).toBe("0.56%");
    expect(await page.locator("#newest-label").textContent()).toBe("Short % of circulating shares");
    expect(await page.locator("#change").textContent()).toBe("0 percentage points since 2026-04-24");
  });

  it("measure percent in the URL applies to a comparison", async () => {
    const linked = await home.open("/?symbol=HK.00700&compare=HK.09988&measure=percent");
    await home.loaded(linked);
    expect(await linked.page.locator("#table caption").textContent()).toMatch(/^Short %, indexed/);
    expect(await linked.page.locator("#table tbody td").allTextContents()).toContain("100");
    const shares = await home.open("/?symbol=HK.00700&compare=HK.09988");
    await home.loaded(shares);
    const newest = ({ page }: Visit) => page.locator("#table tbody td").first().textContent();
    expect(await newest(linked)).not.toBe(await newest(shares));
  });

  it("comparison leaves out a symbol until its range is loaded", async () => {
    home.service().opend.set({ delayMs: [250, 260] });
    const visitor = await home.open("/?symbol=HK.02800&compare=US.SPY,US.ROWS230&range=all");
    const { page } = visitor;
    await page.locator("#message", { hasText: /^Loading US\.ROWS230: 50 rows/ }).waitFor();
    expect(await page.locator("#table thead th").allTextContents()).toEqual(["Date", "HK.02800", "US.SPY"]);
    await home.loaded(visitor);
    expect(await page.locator("#table thead th").count()).toBe(4);
  });

  it("loading does not overwrite the search field", async () => {
    home.service().opend.set({ delayMs: [250, 260] });
    const visitor = await home.open("/?symbol=US.ROWS220&range=all");
    const { page } = visitor;
    await page.locator("#message", { hasText: /^Loading US\.ROWS220: 50 rows/ }).waitFor();
    await page.getByLabel("Symbol").fill("US.T");
    await home.loaded(visitor);
    expect(await page.getByLabel("Symbol").inputValue()).toBe("US.T");
  });

  it("single row is charted, and a row without a value is listed without a chart", async () => {
    const visitor = await home.newVisit();
    const row = (shares: number | null) => ({
      timestamp: 1777478400,
      timestamp_str: "2026-04-30",
      aggregated_short: shares,
    });
    const answer = (shares: number | null) => ({
      body: JSON.stringify({ symbol: "HK.00001", market: "HK", items: [row(shares)], next_key: null }),
    });
    const { page } = visitor;
    await page.route("**/v1/short-interest/HK.00001*", (route) => route.fulfill(answer(5)));
    await page.goto(`${home.service().origin}/?symbol=HK.00001`);
    await page.locator("canvas").first().waitFor();
    expect(await page.getByRole("slider").getAttribute("aria-valuetext")).toMatch(
      /^2026-04-30, Shares short: 5 shares$/,
    );
    await page.route("**/v1/short-interest/HK.00001*", (route) => route.fulfill(answer(null)));
    await page.reload();
    await page.locator("#table tbody th").waitFor();
    expect(await page.locator("#chart").isVisible()).toBe(false);
    expect(await page.locator("#newest").textContent()).toBe("–");
  });

  it("symbol in the URL is truncated, escaped and normalized", async () => {
    const long = await home.open(`/?symbol=${"A".repeat(300)}<img src=x>`, {
      viewport: { width: 320, height: 600 },
    });
    await long.page.getByText(/^A{64} is not a valid symbol/).waitFor();
    expect(await long.page.locator("img").count()).toBe(0);
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect(await long.page.evaluate(overflow)).toBeLessThanOrEqual(0);
    const wide = await home.open("/?symbol=\uff28\uff2b.\uff17\uff10\uff10");
    await wide.page.getByRole("heading", { name: "HK.00700" }).waitFor();
    const dots = await home.open("/?symbol=..");
    await dots.page.getByText(".. is not a valid symbol.").waitFor();
    expect(dots.requests.filter((url) => url.includes("/v1/"))).toEqual([]);
  });
});
