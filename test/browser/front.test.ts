import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Visit } from "../support/browser.ts";
import { useFront } from "../support/front.ts";

const front = useFront();

describe("the page", () => {
  it("searches for a symbol, and has it in its address", async () => {
    const visitor = await front.open("/");
    const { page, complaints, picture } = visitor;
    await page.getByText("Search for a security").waitFor();
    await page.getByLabel("Symbol").fill("hk.700");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "HK.00700" }).waitFor();
    await front.until(visitor);
    expect(await page.locator("#newest").textContent()).toBe("51,480,638");
    expect(await page.locator("#newest-date").textContent()).toBe("on 2026-04-30");
    expect(await page.locator("#change").textContent()).toBe("-408,117 (-0.79\u00a0%) against 2026-04-24");
    expect(new URL(page.url()).search).toBe("?symbol=HK.00700");
    expect(await page.title()).toBe("HK.00700 – Short interest");
    await picture("search");
    await page.goBack();
    await page.getByText("Search for a security").waitFor();
    expect(complaints).toEqual([]);
  });

  it("loads as much as a range needs, and shows that", async () => {
    const visitor = await front.open("/?symbol=HK.00700&range=3M");
    const { page, requests, complaints, picture } = visitor;
    await front.until(visitor);
    const asked = () => requests.filter((url) => url.includes("/v1/")).length;
    expect([(await front.days(visitor)).at(-1), asked()]).toEqual(["2026-01-30", 1]);
    await page.getByText("1 year", { exact: true }).click();
    await front.until(visitor);
    expect((await front.days(visitor)).at(-1)).toBe("2025-05-02");
    await page.getByText("All", { exact: true }).click();
    await front.until(visitor);
    expect([(await front.days(visitor)).length, asked()]).toEqual([250, 5]);
    expect(page.url()).toMatch(/range=all$/);
    await picture("range");
    expect(complaints).toEqual([]);
  });

  it("counts months as calendars do", async () => {
    const visitor = await front.visitor();
    const items = ["2026-05-31", "2026-03-01", "2026-02-28", "2026-02-27"].map((day) => ({
      timestamp: Date.parse(day) / 1_000,
      timestamp_str: day,
      aggregated_short: 1,
    }));
    const body = JSON.stringify({ symbol: "HK.00001", market: "HK", items, next_key: null });
    await visitor.page.route("**/v1/short-interest/HK.00001*", (route) => route.fulfill({ body }));
    await visitor.page.goto(`${front.running().origin}/?symbol=HK.1&range=3M`);
    await front.until(visitor);
    expect(await front.days(visitor)).toEqual(["2026-05-31", "2026-03-01", "2026-02-28"]);
  });

  it("has the closing price and days to cover beside it, and says what stands at a day", async () => {
    const visitor = await front.open("/?symbol=US.AAPL&measure=percent");
    const { page } = visitor;
    await front.until(visitor);
    const legend = await page.locator(".u-legend th").allTextContents();
    expect(legend).toEqual(["Date", "Percent short", "Closing price", "Days to cover"]);
    const slider = page.getByRole("slider");
    await slider.focus();
    await page.keyboard.press("ArrowLeft");
    const [, before] = await front.days(visitor);
    expect(await slider.getAttribute("aria-valuetext")).toMatch(
      new RegExp(
        `^${before}, Percent short: [\\d.]+\u00a0%, Closing price: [\\d.]+, Days to cover: [\\d.]+$`,
      ),
    );
    expect(await page.locator(".u-legend .u-value").first().textContent()).toBe(before);
    // And with the mouse.
    await page.locator(".u-over").hover({ position: { x: 5, y: 50 } });
    expect(await page.locator(".u-legend .u-value").first().textContent()).toBe(
      (await front.days(visitor)).at(-1),
    );
  });

  it("compares up to five in percent of their own start", async () => {
    const visitor = await front.open("/?symbol=HK.00700");
    const { page, complaints, picture } = visitor;
    await front.until(visitor);
    for (const other of ["HK.9988", "us.aapl", "US.TSLA", "US.SPY"]) {
      await page.getByLabel("Compare with").first().fill(other);
      await page.getByRole("button", { name: "Add" }).click();
      await front.until(visitor);
    }
    const names = ["HK.00700", "HK.09988", "US.AAPL", "US.TSLA", "US.SPY"];
    expect(await page.locator(".u-legend th").allTextContents()).toEqual(["Date", ...names]);
    expect(await page.locator("#table thead th").allTextContents()).toEqual(["Date", ...names]);
    const starts = await page.locator("#table tbody tr").last().locator("td").allTextContents();
    expect(starts.filter((each) => each !== "–").every((each) => each === "100\u00a0%")).toBe(true);
    await page.getByLabel("Compare with").first().fill("US.BRK.B");
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByText("At most five can be compared.").waitFor();
    await picture("compare");
    await page.getByRole("button", { name: "Remove HK.09988" }).click();
    expect(await page.evaluate("document.activeElement.id")).toBe("other");
    expect(await page.locator("#table thead th").count()).toBe(5);
    expect(page.url()).toContain("compare=US.AAPL,US.TSLA,US.SPY");
    expect(complaints).toEqual([]);
  });

  it("sorts its table by the heading that is pressed", async () => {
    const visitor = await front.open("/?symbol=US.BRK.B&range=all");
    const { page } = visitor;
    await front.until(visitor);
    const column = async (at: number) =>
      (await page.locator(`#table tbody tr td:nth-child(${at})`).allTextContents()).map((text) =>
        text === "–" ? Number.NaN : Number(text.replace(/[^\d.]/g, "")),
      );
    await page.getByRole("button", { name: "Days to cover" }).click();
    const down = await column(5);
    expect(await page.locator("#table th[aria-sort]").textContent()).toBe("Days to cover");
    expect(down.slice(0, 65)).toEqual(down.slice(0, 65).toSorted((a, b) => b - a));
    expect(down.slice(65).every(Number.isNaN)).toBe(true);
    await page.keyboard.press("Enter");
    const up = await column(5);
    expect(up.slice(0, 65)).toEqual(up.slice(0, 65).toSorted((a, b) => a - b));
    expect(up.slice(65).every(Number.isNaN)).toBe(true);
    // Every digit of a count.
    const huge = await front.open("/?symbol=US.HUGE");
    await front.until(huge);
    expect(await huge.page.locator("#newest").textContent()).toBe("9,007,199,254,740,993");
  });

  it("downloads the API's own CSV", async () => {
    const visitor = await front.open("/?symbol=US.AAPL&range=3Y");
    const { page, picture } = visitor;
    await front.until(visitor);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download CSV" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("US.AAPL.csv");
    const csv = await readFile(await download.path(), "utf8");
    const path = "/v1/short-interest/US.AAPL/history?format=csv&from=2023-04-30";
    expect(csv).toBe(await (await fetch(front.running().origin + path)).text());
    expect(csv.split("\r\n").length).toBe((await front.days(visitor)).length + 2);
    await picture("csv");
  });

  it("shows percent instead of shares, and that in points", async () => {
    const visitor = await front.open("/?symbol=HK.00700");
    const { page } = visitor;
    await front.until(visitor);
    await page.getByText("Percent", { exact: true }).click();
    expect(page.url()).toMatch(/measure=percent$/);
    expect(await page.locator("#newest").textContent()).toBe("0.56\u00a0%");
    expect(await page.locator("#change").textContent()).toBe("0 percentage points against 2026-04-24");
    // Deep link.
    const linked = await front.open("/?symbol=HK.00700&compare=HK.09988&measure=percent");
    await front.until(linked);
    expect(await linked.page.locator("#table caption").textContent()).toMatch(/^Percent short, percent of/);
    const starts = await linked.page.locator("#table tbody tr").last().locator("td").allTextContents();
    expect(starts).toContain("100\u00a0%");
    const shares = await front.open("/?symbol=HK.00700&compare=HK.09988");
    await front.until(shares);
    const newest = ({ page: each }: Visit) => each.locator("#table tbody td").first().textContent();
    expect(await newest(linked)).not.toBe(await newest(shares));
  });

  it("has lines that can be told apart, on three axes", async () => {
    const visitor = await front.open("/?symbol=US.AAPL&range=3Y");
    const { page } = visitor;
    await front.until(visitor);
    expect(await page.locator(".u-axis").count()).toBe(4);
    const colours =
      "[...document.querySelectorAll('.u-marker')].map((each) => getComputedStyle(each).borderColor)";
    expect(new Set((await page.evaluate(colours)) as string[]).size).toBeGreaterThanOrEqual(3);
    const picture = () => page.evaluate("document.querySelector('canvas').toDataURL()");
    const before = await picture();
    await page.emulateMedia({ colorScheme: "dark" });
    await expect.poll(picture).not.toBe(before);
    await page.setViewportSize({ width: 400, height: 600 });
    await expect.poll(() => page.evaluate("document.querySelector('.uplot').clientWidth")).toBeLessThan(400);
    expect(await page.locator(".u-axis").count()).toBe(3);
  });

  it("compares only what is loaded as far as the range goes", async () => {
    front.running().opend.set({ delayMs: [250, 260] });
    const visitor = await front.open("/?symbol=HK.02800&compare=US.SPY,US.ROWS230&range=all");
    const { page } = visitor;
    await page.locator("#message", { hasText: /^Loading US\.ROWS230: 50 rows/ }).waitFor();
    expect(await page.locator("#table thead th").allTextContents()).toEqual(["Date", "HK.02800", "US.SPY"]);
    await front.until(visitor);
    expect(await page.locator("#table thead th").count()).toBe(4);
  });

  it("leaves what is being typed alone", async () => {
    front.running().opend.set({ delayMs: [250, 260] });
    const visitor = await front.open("/?symbol=US.ROWS220&range=all");
    const { page } = visitor;
    await page.locator("#message", { hasText: /^Loading US\.ROWS220: 50 rows/ }).waitFor();
    await page.getByLabel("Symbol").fill("US.T");
    await front.until(visitor);
    expect(await page.getByLabel("Symbol").inputValue()).toBe("US.T");
  });

  it("shows one row, and rows of which nothing is known", async () => {
    const visitor = await front.visitor();
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
    await page.goto(`${front.running().origin}/?symbol=HK.00001`);
    await page.locator("canvas").waitFor();
    expect(await page.getByRole("slider").getAttribute("aria-valuetext")).toMatch(
      /^2026-04-30, Shares short: 5,/,
    );
    await page.route("**/v1/short-interest/HK.00001*", (route) => route.fulfill(answer(null)));
    await page.reload();
    await page.locator("#table tbody th").waitFor();
    expect(await page.locator("#chart").isVisible()).toBe(false);
    expect(await page.locator("#newest").textContent()).toBe("–");
  });

  it("is not misled by what stands in its address", async () => {
    const long = await front.open(`/?symbol=${"A".repeat(300)}<img src=x>`, {
      viewport: { width: 320, height: 600 },
    });
    await long.page.getByText(/^A{23} is not a symbol/).waitFor();
    expect(await long.page.locator("img").count()).toBe(0);
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect(await long.page.evaluate(overflow)).toBe(0);
    const wide = await front.open("/?symbol=\uff28\uff2b.\uff17\uff10\uff10");
    await wide.page.getByRole("heading", { name: "HK.00700" }).waitFor();
    const dots = await front.open("/?symbol=..");
    await dots.page.getByText(".. is not a symbol.").waitFor();
    expect(dots.requests.filter((url) => url.includes("/v1/"))).toEqual([]);
  });
});
