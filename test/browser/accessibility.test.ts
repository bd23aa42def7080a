import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { UNLIMITED } from "../stand-ins/worker.ts";
import { axeViolationsOn, codeSnifferViolationsOn } from "../support/accessibility.ts";
import { startBrowser, type Visit, visit } from "../support/browser.ts";
import { type LocalService, startLocalService } from "../support/local-service.ts";

/** Accessibility of the web UI: screen sizes, color schemes, keyboard, screen readers. */

const NARROW = { width: 320, height: 640 };

let browser: Browser;
let service: LocalService;
let visitor: Visit | undefined;

beforeAll(async () => {
  browser = await startBrowser();
  service = await startLocalService({}, { CLIENT_SHARE: "30" }, UNLIMITED);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await service?.close();
});

afterEach(async () => {
  expect(visitor?.consoleErrors ?? []).toEqual([]);
  await visitor?.close();
  visitor = undefined;
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<Visit> {
  visitor = await visit(browser, options);
  await visitor.page.goto(service.origin + path);
  return visitor;
}

const chartIsDrawn = async (page: Page) => {
  await page.locator("canvas").first().waitFor();
  await page.locator("#progress").waitFor({ state: "hidden" });
};

/** Violations that axe-core and HTML_CodeSniffer find. */
const violationsOn = async (page: Page) => [
  ...(await axeViolationsOn(page)),
  ...(await codeSnifferViolationsOn(page)),
];

describe.each([
  ["light", "wide", { colorScheme: "light" }],
  ["dark", "wide", { colorScheme: "dark" }],
  ["light", "narrow", { colorScheme: "light", viewport: NARROW }],
  ["dark", "narrow", { colorScheme: "dark", viewport: NARROW, hasTouch: true, isMobile: true }],
] as const)("%s color scheme on a %s screen", (scheme, width, options) => {
  it.each([
    ["start", "/"],
    ["single", "/?symbol=US.AAPL&range=3Y"],
    ["comparison", "/?symbol=HK.00700&compare=US.AAPL,US.SPY"],
  ])(
    "%s view has no violation of axe-core and HTML_CodeSniffer, and no horizontal scrolling",
    async (name, path) => {
      const { page, screenshot } = await open(path, options);
      if (name !== "start") await chartIsDrawn(page);
      expect(await violationsOn(page)).toEqual([]);
      const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await page.evaluate(overflow)).toBeLessThanOrEqual(0);
      await screenshot(`${name}-${scheme}-${width}`);
    },
  );
});

it("error message and key form have no violation of axe-core and HTML_CodeSniffer", async () => {
  const { page } = await open("/?symbol=US.NOSUCH");
  await page.getByText("No short interest data found for US.NOSUCH.").waitFor();
  expect(await violationsOn(page)).toEqual([]);
  await page.evaluate('document.getElementById("key").hidden = false');
  expect(await violationsOn(page)).toEqual([]);
  // The browser logs the 404 to the console.
  (visitor?.consoleErrors as string[]).length = 0;
});

it("colors follow the color scheme of the system", async () => {
  const { page } = await open("/?symbol=US.SPY", { colorScheme: "light" });
  await chartIsDrawn(page);
  const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
  expect(await background()).toBe("rgb(255, 255, 255)");
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await background()).toBe("rgb(20, 24, 29)");
  await chartIsDrawn(page);
});

it("keyboard alone reaches search, range, chart, download and table", async () => {
  const { page } = await open("/");
  const focused = () =>
    page.evaluate(
      "document.activeElement.id || document.activeElement.textContent.trim()",
    ) as Promise<string>;
  const tabTo = async (name: string) => {
    for (let time = 0; time < 30 && (await focused()) !== name; time += 1) await page.keyboard.press("Tab");
    expect(await focused()).toBe(name);
  };
  await tabTo("symbol");
  await page.keyboard.type("US.AAPL");
  await page.keyboard.press("Enter");
  await chartIsDrawn(page);
  await tabTo("range-1Y");
  await page.keyboard.press("ArrowRight");
  expect(page.url()).toContain("range=3Y");
  await chartIsDrawn(page);
  await tabTo("chart");
  await tabTo("download");
  await tabTo("Date");
  await page.keyboard.press("Enter");
  expect(await page.locator("#table tbody th").first().textContent()).toMatch(/^2023-/);
  expect(await focused()).toBe("Date");
});

describe("loading", () => {
  it("first paint does not wait for the API", async () => {
    visitor = await visit(browser);
    const { page } = visitor;
    // These requests never complete.
    await page.route("**/v1/**", () => undefined);
    await page.goto(`${service.origin}/?symbol=HK.00700`);
    await page.getByText("Loading HK.00700…").waitFor();
    await page.getByRole("button", { name: "Show" }).waitFor();
    const paints = "performance.getEntriesByName('first-contentful-paint').length";
    // The browser reports a paint only after its frame, which may follow the DOM change.
    await expect.poll(() => page.evaluate(paints)).toBe(1);
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

  it("page transfers less than 100 KB and sends no request to another origin", async () => {
    const names = (await readdir("public/page")).filter((name) => !/^(ja|zh)/.test(name));
    const sizes = await Promise.all(
      names.map(async (name) => gzipSync(await readFile(join("public/page", name))).length),
    );
    expect(names.length).toBe(3);
    const script = names.find((name) => name.endsWith(".js")) ?? "";
    expect(await readFile(join("public/page", script), "utf8")).toContain("Leon Sorokin");
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000);
    const { page, requests } = await open("/?symbol=US.AAPL");
    await chartIsDrawn(page);
    const others = requests.filter(
      (url) => !url.startsWith(`${service.origin}/`) && !url.startsWith("data:"),
    );
    expect(others).toEqual([]);
    for (const name of names.filter((file) => !file.endsWith(".html"))) {
      const response = await fetch(`${service.origin}/page/${name}`);
      expect(response.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
    }
  });
});

it("security headers allow this origin alone, and the ETag is revalidated", async () => {
  const response = await fetch(service.origin);
  expect(response.headers.get("Content-Security-Policy")).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  // A cached page would link to a script that a deployment has removed.
  expect(response.headers.get("Cache-Control")).toBe("public, max-age=0, must-revalidate");
  const asset = await fetch(`${service.origin}/page/en`);
  expect(asset.headers.get("Content-Security-Policy")).toBe("default-src 'none'; frame-ancestors 'none'");
  const revalidated = await fetch(service.origin, {
    headers: { "If-None-Match": response.headers.get("ETag") ?? "" },
  });
  expect(revalidated.status).toBe(304);
  expect((await fetch(service.origin, { method: "HEAD" })).status).toBe(200);
  expect((await fetch(service.origin, { method: "POST" })).status).toBe(405);
});
