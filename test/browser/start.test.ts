import { describe, expect, it } from "vitest";
import type { Visit } from "../support/browser.ts";
import { useHome } from "../support/home.ts";
import { startLocalService } from "../support/local-service.ts";
import { DEFAULTS, openWithRecent, rowOf, symbolsOn, watchlistIsLoaded } from "../support/watchlist.ts";
import { API_KEYS } from "../support/webhook-maker.ts";

const home = useHome();

const NARROW = { width: 390, height: 844 };

/** A visit whose local storage has recent symbols. */
async function visitWith(stored: string): Promise<Visit> {
  const visitor = await home.newVisit();
  await openWithRecent(visitor.page, home.service().origin, stored);
  return visitor;
}

describe("start page", () => {
  it.each([
    ["wide", { width: 1280, height: 800 }],
    ["narrow", NARROW],
  ])("on a %s screen shows the newest rows of the watchlist after one request", async (name, viewport) => {
    const { page, requests, consoleErrors, screenshot } = await home.open("/", { viewport });
    await watchlistIsLoaded(page);
    expect(await symbolsOn(page)).toEqual(DEFAULTS);
    expect(await rowOf(page, "HK.00700").locator("td").allTextContents()).toEqual([
      "51,480,638",
      "-408,117",
      "-0.79%",
      "2026-04-30",
    ]);
    expect(await rowOf(page, "HK.00700").locator(".down").count()).toBe(2);
    expect(await page.locator("#watchlist tbody td", { hasText: "–" }).count()).toBe(0);
    expect(requests.filter((url) => url.includes("/v1/")).length).toBe(1);
    expect(await page.locator("#message").textContent()).toBe("");
    await screenshot(`start-${name}`);
    expect(consoleErrors).toEqual([]);
  });

  it.each([
    ["700", "HK.00700"],
    ["9988.HK", "HK.09988"],
    ["AAPL", "US.AAPL"],
    ["BRK.B", "US.BRK.B"],
  ])("has the example %s, which opens %s", async (text, symbol) => {
    const { page } = await home.open("/?lang=en");
    await page.locator("#examples").getByRole("link", { name: text, exact: true }).click();
    await page.getByRole("heading", { name: symbol }).waitFor();
    expect(new URL(page.url()).search).toBe(`?lang=en&symbol=${symbol}`);
    expect(await page.locator("#start").isVisible()).toBe(false);
    expect(await page.evaluate("document.activeElement.id")).toBe("message");
  });

  it("opens a security of the watchlist, in a new tab with a modifier, and comes back", async () => {
    const { page, requests } = await home.open("/");
    const link = page.locator("#watchlist").getByRole("link", { name: "US.TSLA" });
    const [tab] = await Promise.all([
      page.context().waitForEvent("page"),
      link.click({ modifiers: ["ControlOrMeta"] }),
    ]);
    await tab.getByRole("heading", { name: "US.TSLA" }).waitFor();
    expect(await page.locator("#start").isVisible()).toBe(true);
    const documents = () => requests.filter((url) => /\/(\?[^/]*)?$/.test(url)).length;
    const before = documents();
    await link.click();
    await page.getByRole("heading", { name: "US.TSLA" }).waitFor();
    await page.goBack();
    await watchlistIsLoaded(page);
    expect(documents()).toBe(before);
    expect((await symbolsOn(page))[0]).toBe("US.TSLA");
  });

  it("reserves the space of the watchlist while it loads", async () => {
    const visitor = await home.newVisit({ viewport: NARROW });
    const { page, screenshot } = visitor;
    let answer = () => {};
    const waiting = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route("**/v1/**", async (route) => {
      await waiting;
      await route.continue();
    });
    await page.addInitScript(`
      window.shift = 0;
      new PerformanceObserver((list) => {
        for (const { value } of list.getEntries()) window.shift += value;
      }).observe({ type: "layout-shift", buffered: true });
    `);
    await page.goto(home.service().origin);
    await page.locator("#watchlist[aria-busy=true]").waitFor();
    const height = async () => (await page.locator("#start").boundingBox())?.height;
    const before = await height();
    await screenshot("start-loading");
    answer();
    await watchlistIsLoaded(page);
    expect(await height()).toBe(before);
    const shift = Number(await page.evaluate("window.shift"));
    console.log(`The cumulative layout shift of the start page is ${shift.toFixed(3)}.`);
    expect(shift).toBeLessThanOrEqual(0.05);
  });
});

describe("start page without data", () => {
  it("keeps its links, and a retry loads the rows, when the service cannot be reached", async () => {
    const visitor = await home.newVisit();
    const { page, screenshot } = visitor;
    await page.route("**/v1/**", (route) => route.abort("connectionrefused"), { times: 1 });
    await page.goto(home.service().origin);
    await page.getByText("Cannot connect to this service.").waitFor();
    expect(await symbolsOn(page)).toEqual(DEFAULTS);
    expect(await rowOf(page, "US.AAPL").locator("td").allTextContents()).toEqual(["–", "–", "–", "–"]);
    await screenshot("start-offline");
    await page.getByRole("button", { name: "Try again" }).click();
    await rowOf(page, "HK.00700").getByText("51,480,638").waitFor();
    expect(await page.locator("#message").textContent()).toBe("");
  });

  it.each([
    ["wide", { width: 1280, height: 800 }],
    ["narrow", NARROW],
  ])(
    "on a %s screen asks for an API key, and shows the rows with it",
    async (name, viewport) => {
      const keyed = await startLocalService({}, { API_KEYS });
      try {
        const { page, screenshot } = await home.open("/", { viewport }, keyed.origin);
        await page.getByText("This service requires an API key.").waitFor();
        expect(await symbolsOn(page)).toEqual(DEFAULTS);
        await screenshot(`start-key-${name}`);
        await page.getByLabel("API key", { exact: true }).fill("key");
        await page.keyboard.press("Enter");
        await rowOf(page, "HK.00700").getByText("51,480,638").waitFor();
      } finally {
        await keyed.close();
      }
    },
    60_000,
  );

  it("shows a dash for a security without rows, and no error", async () => {
    const { page, screenshot } = await visitWith('["US.NONE","US.NOSUCH"]');
    expect(await rowOf(page, "US.NONE").locator("td").allTextContents()).toEqual(["–", "–", "–", "–"]);
    expect(await rowOf(page, "US.NOSUCH").locator("td").allTextContents()).toEqual(["–", "–", "–", "–"]);
    expect(await rowOf(page, "HK.00700").locator("td").first().textContent()).toBe("51,480,638");
    expect(await page.locator("#message").textContent()).toBe("");
    await screenshot("start-no-data");
  });

  it("shows no error of the page if a single security is not permitted", async () => {
    const visitor = await home.newVisit();
    const { page } = visitor;
    await page.route("**/v1/**", async (route) => {
      const response = await route.fetch();
      const body = await response.json();
      body.items[3] = {
        ...body.items[3],
        latest: null,
        change: null,
        error: { code: "opend_no_permission" },
      };
      await route.fulfill({ response, json: body });
    });
    await page.goto(home.service().origin);
    await rowOf(page, "HK.00700").getByText("51,480,638").waitFor();
    expect(await rowOf(page, "US.TSLA").locator("td").first().textContent()).toBe("–");
    expect(await page.locator("#message").textContent()).toBe("");
  });

  it("says that the source cannot be reached, and a retry loads the rows", async () => {
    // More failures would open the circuit breaker.
    await fetch(`${home.service().origin}/v1/short-interest?symbols=${DEFAULTS}`);
    home.service().opend.set({ fault: "drop" });
    const { page } = await visitWith('["US.T77"]');
    await page.getByText("The data source is currently unreachable.").waitFor();
    expect(await symbolsOn(page)).toEqual(["US.T77", ...DEFAULTS]);
    home.service().opend.set({ fault: "" });
    await page.getByRole("button", { name: "Try again" }).click();
    await rowOf(page, "US.T77")
      .locator("td", { hasText: /^[\d,]+$/ })
      .waitFor();
    expect(await page.locator("#message").textContent()).toBe("");
  });

  it("requests a symbol again after its retry_after", async () => {
    const visitor = await home.newVisit();
    const { page } = visitor;
    await page.route(
      "**/v1/**",
      async (route) => {
        const response = await route.fetch();
        const body = await response.json();
        const error = { code: "subrequest_limit", retry_after: 1 };
        body.items[3] = { ...body.items[3], latest: null, change: null, error };
        await route.fulfill({ response, json: body });
      },
      { times: 1 },
    );
    await page.goto(home.service().origin);
    await page.getByText("This request reached a limit").waitFor();
    expect(await rowOf(page, "HK.00700").locator("td").first().textContent()).toBe("51,480,638");
    await rowOf(page, "US.TSLA")
      .locator("td", { hasText: /^[\d,]+$/ })
      .waitFor();
    expect(await page.locator("#message").textContent()).toBe("");
  });
});
