import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { useFront } from "../support/front.ts";
import { startRunning } from "../support/running.ts";
import { API_KEYS } from "../support/webhook-maker.ts";

const front = useFront();

describe("a problem", () => {
  it.each([
    ["nonsense", "NONSENSE is not a symbol."],
    ["JP.7203", "There is short interest for Hong Kong (HK) and the United States (US) only."],
    ["US.NOSUCH", "There is no short interest of US.NOSUCH."],
    ["US.NONE", "No short interest is published for US.NONE."],
  ])("with %s is said in a sentence", async (symbol, sentence) => {
    const { page } = await front.open(`/?symbol=${symbol}`);
    await page.getByText(sentence).waitFor();
    expect(await page.getByRole("button", { name: "Try again" }).isVisible()).toBe(false);
  });

  it("of one of several leaves the others", async () => {
    const visitor = await front.open("/?symbol=HK.00700&compare=US.NOSUCH,US.AAPL");
    const { page } = visitor;
    await page.getByText("There is no short interest of US.NOSUCH.").waitFor();
    expect(await page.locator("#table thead th").allTextContents()).toEqual(["Date", "HK.00700", "US.AAPL"]);
  });

  it("can be tried again", async () => {
    front.running().opend.set({ fault: "drop" });
    const visitor = await front.open("/?symbol=US.T1");
    await visitor.page.getByText("The source cannot be reached right now.").waitFor();
    await visitor.picture("problem");
    front.running().opend.set({ fault: "" });
    await visitor.page.getByRole("button", { name: "Try again" }).click();
    await visitor.page.getByRole("heading", { name: "US.T1" }).waitFor();
    await front.until(visitor);
    expect(await visitor.page.locator("#message").textContent()).toBe("");
  });

  it("that says when to come back is tried again by itself then", async () => {
    const visitor = await front.visitor();
    const { page, picture } = visitor;
    const asked: number[] = [];
    await page.route("**/v1/short-interest/US.T2*", async (route) => {
      if (asked.push(Date.now()) > 1) return route.continue();
      const headers = { "Content-Type": "application/problem+json", "Retry-After": "3" };
      await route.fulfill({ status: 429, headers, body: '{"code":"upstream_quota_exceeded"}' });
    });
    await page.goto(`${front.running().origin}/?symbol=US.T2`);
    await page.getByText("used up for the moment.").waitFor();
    await page.getByText(/^Trying again in [123] s\.$/).waitFor();
    await picture("retry");
    await page.getByRole("heading", { name: "US.T2" }).waitFor();
    expect(asked.length).toBe(2);
    expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(3_000);
  });

  it.each([
    ["0", true],
    [new Date(Date.now() + 3_600_000).toUTCString(), true],
    ["soon", false],
  ])("whose Retry-After is %s does not lead to a rush", async (retryAfter, waits) => {
    const visitor = await front.visitor();
    const { page, requests } = visitor;
    const headers = { "Retry-After": retryAfter };
    const body = '{"code":"upstream_quota_exceeded"}';
    await page.route("**/v1/**", (route) => route.fulfill({ status: 429, headers, body }));
    await page.goto(`${front.running().origin}/?symbol=US.T3`);
    await page.getByText("used up for the moment.").waitFor();
    if (waits) await page.getByText(/^Trying again in \d+ s\.$/).waitFor();
    else await page.getByRole("button", { name: "Try again" }).waitFor();
    const asked = () => requests.filter((url) => url.includes("/v1/")).length;
    expect(asked()).toBeLessThanOrEqual(2);
  });

  it.each([
    ["opend_key_refused", "The operator of this service has to mend something: opend_key_refused."],
    ["misconfigured", "The operator of this service has to mend something: misconfigured."],
    ["store_unavailable", "The source cannot be reached right now."],
    ["opend_timeout", "The source cannot be reached right now."],
    ["internal", "Something unexpected went wrong: internal."],
  ])("of the code %s is said in a sentence", async (code, sentence) => {
    const visitor = await front.visitor();
    const answer = { status: 502, body: JSON.stringify({ code }) };
    await visitor.page.route("**/v1/**", (route) => route.fulfill(answer));
    await visitor.page.goto(`${front.running().origin}/?symbol=US.T4`);
    await visitor.page.getByText(sentence).waitFor();
    await visitor.page.getByRole("button", { name: "Try again" }).waitFor();
  });

  it("with what was searched for shows nothing else in its place", async () => {
    const { page } = await front.open("/?symbol=US.NOSUCH&compare=US.AAPL");
    await page.getByText("There is no short interest of US.NOSUCH.").waitFor();
    expect(await page.locator("#result").isVisible()).toBe(false);
  });

  it("in the middle of a download is said, and the next one comes whole", async () => {
    const visitor = await front.open("/?symbol=US.ROWS100&range=all");
    const { page } = visitor;
    await front.until(visitor);
    // What breaks off is CSV, as it does where rows are missing.
    await page.route("**/history?**", (route) => route.abort("connectionreset"), { times: 1 });
    await page.getByRole("button", { name: "Download CSV" }).click();
    await page.getByText("There is no connection to this service.").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Try again" }).click(),
    ]);
    expect((await readFile(await download.path(), "utf8")).split("\r\n").length).toBe(102);
    expect(await page.locator("#message").textContent()).toBe("");
  });

  it("in the middle of a history leaves what is there, and goes on", async () => {
    const visitor = await front.open("/?symbol=US.TSLA");
    const { page } = visitor;
    await front.until(visitor);
    front.running().opend.set({ fault: "drop" });
    await page.getByText("All", { exact: true }).click();
    await page.getByText("The source cannot be reached right now.").waitFor();
    const before = (await front.days(visitor)).length;
    expect(before).toBeGreaterThanOrEqual(50);
    front.running().opend.set({ fault: "" });
    await page.getByRole("button", { name: "Try again" }).click();
    await front.until(visitor);
    expect((await front.days(visitor)).length).toBe(130);
  });
});

describe("a slow history", () => {
  it("is drawn as it comes, with its progress", async () => {
    front.running().opend.set({ delayMs: [250, 260] });
    const visitor = await front.open("/?symbol=US.ROWS240&range=3Y");
    const { page, picture } = visitor;
    await page.getByText("Loading US.ROWS240 …").waitFor();
    await page.getByText(/^Loading US\.ROWS240: 50 rows, back to 2024-/).waitFor();
    const part = Number(await page.locator("#progress").getAttribute("value"));
    expect(part).toBeGreaterThan(0.5);
    expect(part).toBeLessThan(1);
    expect((await front.days(visitor)).length).toBe(50);
    await page.locator("canvas").waitFor();
    await picture("slow");
    await front.until(visitor);
    expect((await front.days(visitor)).at(-1)).toMatch(/^2023-0[45]/);
  });

  it("of somebody who wants something else by then is left", async () => {
    front.running().opend.set({ delayMs: [250, 260] });
    const visitor = await front.open("/?symbol=US.ROWS200&range=all");
    const { page, complaints } = visitor;
    await page.getByText(/^Loading US\.ROWS200: 50 rows/).waitFor();
    await page.getByLabel("Symbol").fill("HK.02800");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "HK.02800" }).waitFor();
    await front.until(visitor);
    expect((await front.days(visitor)).length).toBe(60);
    expect(complaints).toEqual([]);
  });
});

describe("old figures", () => {
  it("are said to be old", async () => {
    const visitor = await front.visitor();
    await visitor.page.route("**/v1/short-interest/HK.09988*", async (route) => {
      if (route.request().url().includes("next_key")) return route.continue();
      const response = await route.fetch();
      const status = "short-interest-edge; fwd=stale; ttl=-7200; detail=opend_unreachable";
      await route.fulfill({
        response,
        headers: { ...response.headers(), age: "10800", "cache-status": status },
      });
    });
    await visitor.page.goto(`${front.running().origin}/?symbol=HK.09988&range=all`);
    await front.until(visitor);
    expect((await front.days(visitor)).length).toBe(120);
    await visitor.page.getByText("HK.09988: these figures are 3 hours old.").waitFor();
    await visitor.picture("stale");
  });
});

describe("a key", () => {
  it("is asked for where one is needed, and kept for the tab alone", async () => {
    const keyed = await startRunning({}, { API_KEYS });
    try {
      const visitor = await front.open("/?symbol=HK.00700", {}, keyed.origin);
      const { page, picture } = visitor;
      await page.getByText("This service needs a key.").waitFor();
      await picture("key");
      await page.getByLabel("Key", { exact: true }).fill("wrong");
      await page.getByRole("button", { name: "Use it" }).click();
      await page.getByText("The key is not known here.").waitFor();
      // What no header can carry.
      await page.getByLabel("Key", { exact: true }).fill("キー");
      await page.getByRole("button", { name: "Use it" }).click();
      await page.getByText("This service needs a key.").waitFor();
      await page.getByLabel("Key", { exact: true }).fill("key");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "HK.00700" }).waitFor();
      await front.until(visitor);
      const cached = "[Object.values(sessionStorage), localStorage.length, document.cookie]";
      expect(await page.evaluate(cached)).toEqual([["key"], 0, ""]);
      expect(page.url()).not.toContain("key");
      await page.reload();
      await page.getByRole("heading", { name: "HK.00700" }).waitFor();
    } finally {
      await keyed.close();
    }
  }, 60_000);
});
