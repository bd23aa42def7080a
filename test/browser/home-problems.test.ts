import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { useHome } from "../support/home.ts";
import { startLocalService } from "../support/local-service.ts";
import { API_KEYS } from "../support/webhook-maker.ts";

const home = useHome();

describe("error message", () => {
  it.each([
    ["nonsense", "NONSENSE is not a valid symbol."],
    ["JP.7203", "Only securities listed in Hong Kong (HK) or the United States (US) are supported."],
    ["US.NOSUCH", "No short interest data found for US.NOSUCH."],
    ["US.NONE", "No short interest data has been published for US.NONE."],
  ])("for symbol %s has no retry button", async (symbol, sentence) => {
    const { page } = await home.open(`/?symbol=${symbol}`);
    await page.getByText(sentence).waitFor();
    expect(await page.getByRole("button", { name: "Try again" }).isVisible()).toBe(false);
  });

  it("for one compared symbol leaves the others on the chart", async () => {
    const visitor = await home.open("/?symbol=HK.00700&compare=US.NOSUCH,US.AAPL");
    const { page } = visitor;
    await page.getByText("No short interest data found for US.NOSUCH.").waitFor();
    expect(await page.locator("#table thead th").allTextContents()).toEqual(["Date", "HK.00700", "US.AAPL"]);
  });

  it("for an unreachable source has a retry button that loads the data", async () => {
    home.service().opend.set({ fault: "drop" });
    const visitor = await home.open("/?symbol=US.T1");
    await visitor.page.getByText("The data source is currently unreachable.").waitFor();
    await visitor.screenshot("problem");
    home.service().opend.set({ fault: "" });
    await visitor.page.getByRole("button", { name: "Try again" }).click();
    await visitor.page.getByRole("heading", { name: "US.T1" }).waitFor();
    await home.loaded(visitor);
    expect(await visitor.page.locator("#message").textContent()).toBe("");
  });

  it("with Retry-After counts down and retries after that time", async () => {
    const visitor = await home.newVisit();
    const { page, screenshot } = visitor;
    const requestedAt: number[] = [];
    await page.route("**/v1/short-interest/US.T2*", async (route) => {
      if (requestedAt.push(Date.now()) > 1) return route.continue();
      const headers = { "Content-Type": "application/problem+json", "Retry-After": "3" };
      await route.fulfill({ status: 429, headers, body: '{"code":"upstream_quota_exceeded"}' });
    });
    await page.goto(`${home.service().origin}/?symbol=US.T2`);
    await page.getByText("rate limit has been reached.").waitFor();
    await page.getByText(/^Retrying in [123] s\.$/).waitFor();
    await screenshot("retry");
    await page.getByRole("heading", { name: "US.T2" }).waitFor();
    expect(requestedAt.length).toBe(2);
    expect((requestedAt[1] ?? 0) - (requestedAt[0] ?? 0)).toBeGreaterThanOrEqual(3_000);
  });

  it.each([
    ["0", true],
    [new Date(Date.now() + 3_600_000).toUTCString(), true],
    ["soon", false],
  ])("with Retry-After %s causes at most one retry at once", async (retryAfter, waits) => {
    const visitor = await home.newVisit();
    const { page, requests } = visitor;
    const headers = { "Retry-After": retryAfter };
    const body = '{"code":"upstream_quota_exceeded"}';
    await page.route("**/v1/**", (route) => route.fulfill({ status: 429, headers, body }));
    await page.goto(`${home.service().origin}/?symbol=US.T3`);
    await page.getByText("rate limit has been reached.").waitFor();
    if (waits) await page.getByText(/^Retrying in \d+ s\.$/).waitFor();
    else await page.getByRole("button", { name: "Try again" }).waitFor();
    const requestCount = () => requests.filter((url) => url.includes("/v1/")).length;
    expect(requestCount()).toBeLessThanOrEqual(2);
  });

  it.each([
    ["opend_key_refused", "This service is misconfigured (opend_key_refused)."],
    ["misconfigured", "This service is misconfigured (misconfigured)."],
    ["store_unavailable", "because its data store does not respond."],
    ["opend_timeout", "The data source did not respond in time."],
    ["opend_failed", "The data source returned an error (opend_failed)."],
    ["subrequest_limit", "This request reached a limit of the hosting platform."],
    ["internal", "An unexpected error occurred (internal)."],
  ])("for code %s has its own sentence and a retry button", async (code, sentence) => {
    const visitor = await home.newVisit();
    const answer = { status: 502, body: JSON.stringify({ code }) };
    await visitor.page.route("**/v1/**", (route) => route.fulfill(answer));
    await visitor.page.goto(`${home.service().origin}/?symbol=US.T4`);
    await visitor.page.getByText(sentence).waitFor();
    await visitor.page.getByRole("button", { name: "Try again" }).waitFor();
  });

  it("for the main symbol shows no compared symbol in its place", async () => {
    const { page } = await home.open("/?symbol=US.NOSUCH&compare=US.AAPL");
    await page.getByText("No short interest data found for US.NOSUCH.").waitFor();
    expect(await page.locator("#result").isVisible()).toBe(false);
  });

  it("for an interrupted download has a retry button that downloads the full CSV", async () => {
    const visitor = await home.open("/?symbol=US.ROWS100&range=all");
    const { page } = visitor;
    await home.loaded(visitor);
    // The API aborts CSV that it cannot complete.
    await page.route("**/history?**", (route) => route.abort("connectionreset"), { times: 1 });
    await page.getByRole("button", { name: "Download CSV" }).click();
    await page.getByText("Cannot connect to this service.").waitFor();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Try again" }).click(),
    ]);
    expect((await readFile(await download.path(), "utf8")).split("\r\n").length).toBe(102);
    expect(await page.locator("#message").textContent()).toBe("");
  });

  it("is absent after a download, and the focus stays on its button", async () => {
    const visitor = await home.open("/?symbol=US.AAPL");
    await home.loaded(visitor);
    const { page } = visitor;
    await page.getByRole("button", { name: "Download CSV" }).focus();
    await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
    await page.locator("#download[aria-disabled=false]").waitFor();
    expect(await page.evaluate("document.activeElement.id")).toBe("download");
    expect(await page.locator("#message").textContent()).toBe("");
  });

  it("for a later page keeps the loaded rows, and a retry loads the rest", async () => {
    const visitor = await home.open("/?symbol=US.TSLA");
    const { page } = visitor;
    await home.loaded(visitor);
    home.service().opend.set({ fault: "drop" });
    await page.getByText("All", { exact: true }).click();
    await page.getByText("The data source is currently unreachable.").waitFor();
    const before = (await home.days(visitor)).length;
    expect(before).toBeGreaterThanOrEqual(50);
    home.service().opend.set({ fault: "" });
    await page.getByRole("button", { name: "Try again" }).click();
    await home.loaded(visitor);
    expect((await home.days(visitor)).length).toBe(130);
  });
});

describe("slow history", () => {
  it("is drawn after each page, with its progress", async () => {
    home.service().opend.set({ delayMs: [250, 260] });
    const visitor = await home.open("/?symbol=US.ROWS240&range=3Y");
    const { page, screenshot } = visitor;
    await page.getByText("Loading US.ROWS240…").waitFor();
    await page.getByText(/^Loading US\.ROWS240: 50 rows, back to 2024-/).waitFor();
    const part = Number(await page.locator("#progress").getAttribute("value"));
    expect(part).toBeGreaterThan(0.5);
    expect(part).toBeLessThan(1);
    expect((await home.days(visitor)).length).toBe(50);
    await page.locator("canvas").first().waitFor();
    await screenshot("slow");
    await home.loaded(visitor);
    expect((await home.days(visitor)).at(-1)).toMatch(/^2023-0[45]/);
  });

  it("stops loading after a search for another symbol", async () => {
    home.service().opend.set({ delayMs: [250, 260] });
    const visitor = await home.open("/?symbol=US.ROWS200&range=all");
    const { page, consoleErrors } = visitor;
    await page.getByText(/^Loading US\.ROWS200: 50 rows/).waitFor();
    await page.getByLabel("Symbol").fill("HK.02800");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "HK.02800" }).waitFor();
    await home.loaded(visitor);
    expect((await home.days(visitor)).length).toBe(60);
    expect(consoleErrors).toEqual([]);
  });
});

describe("stale data", () => {
  it("has a note with its age", async () => {
    const visitor = await home.newVisit();
    await visitor.page.route("**/v1/short-interest/HK.09988*", async (route) => {
      if (route.request().url().includes("next_key")) return route.continue();
      const response = await route.fetch();
      const status = "short-interest-edge; fwd=stale; ttl=-7200; detail=opend_unreachable";
      await route.fulfill({
        response,
        headers: { ...response.headers(), age: "10800", "cache-status": status },
      });
    });
    await visitor.page.goto(`${home.service().origin}/?symbol=HK.09988&range=all`);
    await home.loaded(visitor);
    expect((await home.days(visitor)).length).toBe(120);
    await visitor.page.getByText("HK.09988: data fetched 3 hours ago.").waitFor();
    await visitor.screenshot("stale");
  });
});

describe("API key", () => {
  it("is requested after a 401 and kept in sessionStorage alone", async () => {
    const keyed = await startLocalService({}, { API_KEYS });
    try {
      const visitor = await home.open("/?symbol=HK.00700", {}, keyed.origin);
      const { page, screenshot } = visitor;
      await page.getByText("This service requires an API key.").waitFor();
      await screenshot("key");
      await page.getByLabel("API key", { exact: true }).fill("wrong");
      await page.getByRole("button", { name: "Use key" }).click();
      await page.getByText("Invalid API key.").waitFor();
      // No HTTP header can carry this key.
      await page.getByLabel("API key", { exact: true }).fill("キー");
      await page.getByRole("button", { name: "Use key" }).click();
      await page.getByText("Invalid API key.").waitFor();
      await page.getByLabel("API key", { exact: true }).fill(" key ");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "HK.00700" }).waitFor();
      await home.loaded(visitor);
      const stored = "[Object.values(sessionStorage), Object.values(localStorage), document.cookie]";
      expect(await page.evaluate(stored)).toEqual([["key"], ['["HK.00700"]'], ""]);
      expect(page.url()).not.toContain("key");
      await page.reload();
      await page.getByRole("heading", { name: "HK.00700" }).waitFor();
    } finally {
      await keyed.close();
    }
  }, 60_000);

  it("is kept until the page closes if the browser denies access to its storage", async () => {
    const keyed = await startLocalService({}, { API_KEYS });
    try {
      const { page, consoleErrors } = await home.newVisit();
      await page.addInitScript(
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('', 'SecurityError'); } })",
      );
      await page.goto(`${keyed.origin}/?symbol=HK.00700`);
      await page.getByLabel("API key", { exact: true }).fill("key");
      await page.keyboard.press("Enter");
      await page.locator("#chart canvas").first().waitFor();
      expect(consoleErrors.filter((text) => !text.includes("401"))).toEqual([]);
    } finally {
      await keyed.close();
    }
  }, 60_000);
});
