import { readFile } from "node:fs/promises";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { UNLIMITED } from "../stand-ins/worker.ts";
import { startBrowser, type Visit, visit } from "../support/browser.ts";
import { type Running, startRunning } from "../support/running.ts";
import { API_KEYS } from "../support/webhook-maker.ts";

let browser: Browser;
let running: Running;
let visits: Visit[] = [];

beforeAll(async () => {
  browser = await startBrowser();
  running = await startRunning({}, { CLIENT_SHARE: "30", UPSTREAM_WAIT_MS: "0" }, UNLIMITED);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await running?.close();
});

beforeEach(() =>
  running.upstash.redis.call("DEL", "short-interest:opend", "short-interest:client:127.0.0.1"),
);

afterEach(async () => {
  running.opend.set({ fault: "", delayMs: [0, 0], limit: 1_000 });
  for (const each of visits) {
    expect(each.requests.filter((url) => !/^(http:\/\/localhost:|data:|blob:)/.test(url))).toEqual([]);
    await each.close();
  }
  visits = [];
});

/** Opens the page, and everything that is asked of it by somebody who has never been there. */
async function open(path: string, options: BrowserContextOptions = {}, origin = running.origin) {
  const visitor = await visit(browser, options);
  visits.push(visitor);
  await visitor.page.goto(origin + path);
  return visitor;
}

const days = ({ page }: Visit) => page.locator("#table tbody th").allTextContents();
const until = (visitor: Visit) => visitor.page.locator("#progress").waitFor({ state: "hidden" });

describe("the page", () => {
  it("searches for a symbol, and has it in its address", async () => {
    const visitor = await open("/");
    const { page, complaints, picture } = visitor;
    await page.getByText("Search for a security").waitFor();
    await page.getByLabel("Symbol").fill("hk.700");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "HK.00700" }).waitFor();
    await until(visitor);
    expect(await page.locator("#newest").textContent()).toBe("51,480,638");
    expect(await page.locator("#newest-date").textContent()).toBe("on 2026-04-30");
    expect(await page.locator("#change").textContent()).toBe("-408,117 (-0.79 %) against 2026-04-24");
    expect(new URL(page.url()).search).toBe("?symbol=HK.00700");
    expect(await page.title()).toBe("HK.00700 – Short interest");
    await picture("search");
    await page.goBack();
    await page.getByText("Search for a security").waitFor();
    expect(complaints).toEqual([]);
  });

  it("loads as much as a range needs, and shows that", async () => {
    const visitor = await open("/?symbol=HK.00700&range=3M");
    const { page, requests, complaints, picture } = visitor;
    await until(visitor);
    const asked = () => requests.filter((url) => url.includes("/v1/")).length;
    expect([(await days(visitor)).at(-1), asked()]).toEqual(["2026-01-30", 1]);
    await page.getByText("1 year", { exact: true }).click();
    await until(visitor);
    expect((await days(visitor)).at(-1)).toBe("2025-05-02");
    await page.getByText("All", { exact: true }).click();
    await until(visitor);
    expect([(await days(visitor)).length, asked()]).toEqual([250, 5]);
    expect(page.url()).toMatch(/range=all$/);
    await picture("range");
    expect(complaints).toEqual([]);
  });

  it("counts months as calendars do", async () => {
    const visitor = await visit(browser);
    visits.push(visitor);
    const items = ["2026-05-31", "2026-03-01", "2026-02-28", "2026-02-27"].map((day) => ({
      timestamp: Date.parse(day) / 1_000,
      timestamp_str: day,
      aggregated_short: 1,
    }));
    const body = JSON.stringify({ symbol: "HK.00001", market: "HK", items, next_key: null });
    await visitor.page.route("**/v1/short-interest/HK.00001*", (route) => route.fulfill({ body }));
    await visitor.page.goto(`${running.origin}/?symbol=HK.1&range=3M`);
    await until(visitor);
    expect(await days(visitor)).toEqual(["2026-05-31", "2026-03-01", "2026-02-28"]);
  });

  it("has the closing price and days to cover beside it, and says what stands at a day", async () => {
    const visitor = await open("/?symbol=US.AAPL&measure=percent");
    const { page } = visitor;
    await until(visitor);
    const legend = await page.locator(".u-legend th").allTextContents();
    expect(legend).toEqual(["Date", "Percent short", "Closing price", "Days to cover"]);
    const slider = page.getByRole("slider");
    await slider.focus();
    await page.keyboard.press("ArrowLeft");
    const [, before] = await days(visitor);
    expect(await slider.getAttribute("aria-valuetext")).toMatch(
      new RegExp(`^${before}, Percent short: [\\d.]+ %, Closing price: [\\d.]+, Days to cover: [\\d.]+$`),
    );
    expect(await page.locator(".u-legend .u-value").first().textContent()).toBe(before);
    // And with the mouse.
    await page.locator(".u-over").hover({ position: { x: 5, y: 50 } });
    expect(await page.locator(".u-legend .u-value").first().textContent()).toBe((await days(visitor)).at(-1));
  });

  it("compares up to five in percent of their own start", async () => {
    const visitor = await open("/?symbol=HK.00700");
    const { page, complaints, picture } = visitor;
    await until(visitor);
    for (const other of ["HK.9988", "us.aapl", "US.TSLA", "US.SPY"]) {
      await page.getByLabel("Compare with").first().fill(other);
      await page.getByRole("button", { name: "Add" }).click();
      await until(visitor);
    }
    const names = ["HK.00700", "HK.09988", "US.AAPL", "US.TSLA", "US.SPY"];
    expect(await page.locator(".u-legend th").allTextContents()).toEqual(["Date", ...names]);
    expect(await page.locator("#table thead th").allTextContents()).toEqual(["Date", ...names]);
    const starts = await page.locator("#table tbody tr").last().locator("td").allTextContents();
    expect(starts.filter((each) => each !== "–").every((each) => each === "100 %")).toBe(true);
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
    const visitor = await open("/?symbol=US.BRK.B&range=all");
    const { page } = visitor;
    await until(visitor);
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
    const huge = await open("/?symbol=US.HUGE");
    await until(huge);
    expect(await huge.page.locator("#newest").textContent()).toBe("9,007,199,254,740,993");
  });

  it("downloads the API's own CSV", async () => {
    const visitor = await open("/?symbol=US.AAPL&range=3Y");
    const { page, picture } = visitor;
    await until(visitor);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download CSV" }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("US.AAPL.csv");
    const csv = await readFile(await download.path(), "utf8");
    const path = "/v1/short-interest/US.AAPL/history?format=csv&from=2023-04-30";
    expect(csv).toBe(await (await fetch(running.origin + path)).text());
    expect(csv.split("\r\n").length).toBe((await days(visitor)).length + 2);
    await picture("csv");
  });
});

describe("a problem", () => {
  it.each([
    ["nonsense", "NONSENSE is not a symbol."],
    ["JP.7203", "There is short interest for Hong Kong (HK) and the United States (US) only."],
    ["US.NOSUCH", "There is no short interest of US.NOSUCH."],
    ["US.NONE", "No short interest is published for US.NONE."],
  ])("with %s is said in a sentence", async (symbol, sentence) => {
    const { page } = await open(`/?symbol=${symbol}`);
    await page.getByText(sentence).waitFor();
    expect(await page.getByRole("button", { name: "Try again" }).isVisible()).toBe(false);
  });

  it("of one of several leaves the others", async () => {
    const visitor = await open("/?symbol=HK.00700&compare=US.NOSUCH,US.AAPL");
    const { page } = visitor;
    await page.getByText("There is no short interest of US.NOSUCH.").waitFor();
    expect(await page.locator("#table thead th").allTextContents()).toEqual(["Date", "HK.00700", "US.AAPL"]);
  });

  it("can be tried again", async () => {
    running.opend.set({ fault: "drop" });
    const visitor = await open("/?symbol=US.T1");
    await visitor.page.getByText("The source cannot be reached right now.").waitFor();
    await visitor.picture("problem");
    running.opend.set({ fault: "" });
    await visitor.page.getByRole("button", { name: "Try again" }).click();
    await visitor.page.getByRole("heading", { name: "US.T1" }).waitFor();
    await until(visitor);
    expect(await visitor.page.locator("#message").textContent()).toBe("");
  });

  it("that says when to come back is tried again by itself then", async () => {
    const visitor = await visit(browser);
    visits.push(visitor);
    const { page, picture } = visitor;
    let refused = 0;
    await page.route("**/v1/short-interest/US.T2*", async (route) => {
      refused += 1;
      if (refused > 1) return route.continue();
      const headers = { "Content-Type": "application/problem+json", "Retry-After": "3" };
      await route.fulfill({ status: 429, headers, body: '{"code":"upstream_quota_exceeded"}' });
    });
    await page.goto(`${running.origin}/?symbol=US.T2`);
    await page.getByText("used up for the moment.").waitFor();
    await page.getByText(/^Trying again in [123] s\.$/).waitFor();
    await picture("retry");
    const began = Date.now();
    await page.getByRole("heading", { name: "US.T2" }).waitFor();
    expect(Date.now() - began).toBeGreaterThan(1_000);
    expect(refused).toBe(2);
  });

  it("in the middle of a download is said, and the next one comes whole", async () => {
    const visitor = await open("/?symbol=US.ROWS100&range=all");
    const { page } = visitor;
    await until(visitor);
    // What breaks off is CSV, as it does where rows are missing.
    await page.route("**/history?**", (route) => route.abort("connectionreset"), { times: 1 });
    await page.getByRole("button", { name: "Download CSV" }).click();
    await page.getByText("There is no connection to this service.").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Try again" }).click(),
    ]);
    expect((await readFile(await download.path(), "utf8")).split("\r\n").length).toBe(102);
  });

  it("in the middle of a history leaves what is there, and goes on", async () => {
    const visitor = await open("/?symbol=US.TSLA");
    const { page } = visitor;
    await until(visitor);
    running.opend.set({ fault: "drop" });
    await page.getByText("All", { exact: true }).click();
    await page.getByText("The source cannot be reached right now.").waitFor();
    const before = (await days(visitor)).length;
    expect(before).toBeGreaterThanOrEqual(50);
    running.opend.set({ fault: "" });
    await page.getByRole("button", { name: "Try again" }).click();
    await until(visitor);
    expect((await days(visitor)).length).toBe(130);
  });
});

describe("a slow history", () => {
  it("is drawn as it comes, with its progress", async () => {
    running.opend.set({ delayMs: [250, 260] });
    const visitor = await open("/?symbol=US.ROWS240&range=3Y");
    const { page, picture } = visitor;
    await page.getByText("Loading US.ROWS240 …").waitFor();
    await page.getByText(/^Loading US\.ROWS240: 50 rows, back to 2024-/).waitFor();
    const part = Number(await page.locator("#progress").getAttribute("value"));
    expect(part).toBeGreaterThan(0.5);
    expect(part).toBeLessThan(1);
    expect((await days(visitor)).length).toBe(50);
    await page.locator("canvas").waitFor();
    await picture("slow");
    await until(visitor);
    expect((await days(visitor)).at(-1)).toMatch(/^2023-0[45]/);
  });

  it("of somebody who wants something else by then is left", async () => {
    running.opend.set({ delayMs: [250, 260] });
    const visitor = await open("/?symbol=US.ROWS200&range=all");
    const { page, complaints } = visitor;
    await page.getByText(/^Loading US\.ROWS200: 50 rows/).waitFor();
    await page.getByLabel("Symbol").fill("HK.02800");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "HK.02800" }).waitFor();
    await until(visitor);
    expect((await days(visitor)).length).toBe(60);
    expect(complaints).toEqual([]);
  });
});

describe("old figures", () => {
  it("are said to be old", async () => {
    const visitor = await visit(browser);
    visits.push(visitor);
    await visitor.page.route("**/v1/short-interest/HK.09988*", async (route) => {
      const response = await route.fetch();
      const status = "short-interest-edge; fwd=stale; ttl=-7200; detail=opend_unreachable";
      await route.fulfill({
        response,
        headers: { ...response.headers(), age: "10800", "cache-status": status },
      });
    });
    await visitor.page.goto(`${running.origin}/?symbol=HK.09988`);
    await visitor.page.getByText("HK.09988: these figures are 3 hours old.").waitFor();
    await until(visitor);
    await visitor.picture("stale");
  });
});

describe("a key", () => {
  it("is asked for where one is needed, and kept for the tab alone", async () => {
    const keyed = await startRunning({}, { API_KEYS });
    try {
      const visitor = await open("/?symbol=HK.00700", {}, keyed.origin);
      const { page, picture } = visitor;
      await page.getByText("This service needs a key.").waitFor();
      await picture("key");
      await page.getByLabel("Key", { exact: true }).fill("wrong");
      await page.getByRole("button", { name: "Use it" }).click();
      await page.getByText("The key is not known here.").waitFor();
      await page.getByLabel("Key", { exact: true }).fill("key");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "HK.00700" }).waitFor();
      await until(visitor);
      const kept = "[Object.values(sessionStorage), localStorage.length, document.cookie]";
      expect(await page.evaluate(kept)).toEqual([["key"], 0, ""]);
      expect(page.url()).not.toContain("key");
      await page.reload();
      await page.getByRole("heading", { name: "HK.00700" }).waitFor();
    } finally {
      await keyed.close();
    }
  }, 60_000);
});
