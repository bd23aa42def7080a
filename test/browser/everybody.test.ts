import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { UNLIMITED } from "../stand-ins/worker.ts";
import { startBrowser, type Visit, visit } from "../support/browser.ts";
import { type Running, startRunning } from "../support/running.ts";

/** The page is for everybody: every screen, language, taste and ability, and slow machines. */

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const NARROW = { width: 320, height: 640 };

let browser: Browser;
let running: Running;
let visitor: Visit | undefined;

beforeAll(async () => {
  browser = await startBrowser();
  running = await startRunning({}, { CLIENT_SHARE: "30" }, UNLIMITED);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await running?.close();
});

afterEach(async () => {
  expect(visitor?.complaints ?? []).toEqual([]);
  await visitor?.close();
  visitor = undefined;
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<Visit> {
  visitor = await visit(browser, options);
  await visitor.page.goto(running.origin + path);
  return visitor;
}

const isShown = async (page: Page) => {
  await page.locator("canvas").waitFor();
  await page.locator("#progress").waitFor({ state: "hidden" });
};

/** What axe-core finds wrong. */
async function violationsOn(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(AXE, "utf8"));
  const result = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
    "axe.run()",
  );
  return result.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

describe.each([
  ["light", "wide", { colorScheme: "light" }],
  ["dark", "wide", { colorScheme: "dark" }],
  ["light", "narrow", { colorScheme: "light", viewport: NARROW }],
  ["dark", "narrow", { colorScheme: "dark", viewport: NARROW, hasTouch: true, isMobile: true }],
] as const)("in %s, on a %s screen", (scheme, width, options) => {
  it.each([
    ["welcome", "/"],
    ["one", "/?symbol=US.AAPL&range=3Y"],
    ["several", "/?symbol=HK.00700&compare=US.AAPL,US.SPY"],
  ])("fits, and axe-core has nothing against it: %s", async (name, path) => {
    const { page, picture } = await open(path, options);
    if (name !== "welcome") await isShown(page);
    expect(await violationsOn(page)).toEqual([]);
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect(await page.evaluate(overflow)).toBe(0);
    await picture(`${name}-${scheme}-${width}`);
  });
});

it("has a problem and a key form that axe-core has nothing against", async () => {
  const { page } = await open("/?symbol=US.NOSUCH");
  await page.getByText("There is no short interest of US.NOSUCH.").waitFor();
  expect(await violationsOn(page)).toEqual([]);
  await page.evaluate('document.getElementById("key").hidden = false');
  expect(await violationsOn(page)).toEqual([]);
  // The 404 itself is on the console.
  (visitor?.complaints as string[]).length = 0;
});

it("changes its colours with the system", async () => {
  const { page } = await open("/?symbol=US.SPY", { colorScheme: "light" });
  await isShown(page);
  const waitUntil = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
  expect(await waitUntil()).toBe("rgb(255, 255, 255)");
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await waitUntil()).toBe("rgb(20, 24, 29)");
  await isShown(page);
});

it("can be used with the keyboard alone", async () => {
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
  await isShown(page);
  await tabTo("range-1Y");
  await page.keyboard.press("ArrowRight");
  expect(page.url()).toContain("range=3Y");
  await isShown(page);
  await tabTo("position");
  await tabTo("download");
  await tabTo("Date");
  await page.keyboard.press("Enter");
  expect(await page.locator("#table tbody th").first().textContent()).toMatch(/^2023-/);
  expect(await focused()).toBe("Date");
});

describe("in their own language", () => {
  it.each([
    ["en-GB,en;q=0.9", "en", "Short interest"],
    ["ja-JP,ja;q=0.9,en;q=0.8", "ja", "空売り残高"],
    ["zh-TW,zh;q=0.9", "zh", "空头持仓"],
    ["fr-FR,fr;q=0.9", "en", "Short interest"],
    ["fr, ja;q=0.5, zh;q=0.7", "zh", "空头持仓"],
    ["ja;q=0", "en", "Short interest"],
    ["", "en", "Short interest"],
  ])("%s", async (accept, language, title) => {
    const response = await fetch(running.origin, { headers: { "Accept-Language": accept } });
    expect(response.headers.get("Content-Language")).toBe(language);
    expect(response.headers.get("Vary")).toContain("Accept-Language");
    const html = await response.text();
    expect(html).toContain(`<html lang="${language}">`);
    expect(html).toContain(`<title>${title}</title>`);
    expect(html).not.toContain("{{");
  });

  it("or another one that they choose", async () => {
    const { page } = await open("/?symbol=HK.00700", { locale: "ja-JP" });
    await isShown(page);
    expect(await page.locator("#table thead th").first().textContent()).toBe("日付");
    expect(await page.locator("#newest-date").textContent()).toBe("2026-04-30 時点");
    await page.getByRole("link", { name: "中文" }).click();
    await page.getByText("截至 2026-04-30").waitFor();
    await page.getByLabel("证券代码").fill("US.TSLA");
    await page.keyboard.press("Enter");
    await isShown(page);
    expect(page.url()).toMatch(/\?symbol=US\.TSLA&lang=zh$/);
  });
});

describe("on a slow machine", () => {
  it("has something to see before the API has answered", async () => {
    visitor = await visit(browser);
    const { page } = visitor;
    // Never answered.
    await page.route("**/v1/**", () => undefined);
    await page.goto(`${running.origin}/?symbol=HK.00700`);
    await page.getByText("Loading HK.00700 …").waitFor();
    await page.getByRole("button", { name: "Show" }).waitFor();
    const paints = "performance.getEntriesByName('first-contentful-paint').length";
    expect(await page.evaluate(paints)).toBe(1);
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

  it("has the chart of a kept page within a second, with a fourth of the processor", async () => {
    await fetch(`${running.origin}/v1/short-interest/HK.00700?num=50`);
    const { page } = await open("/");
    const session = await page.context().newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    const times: number[] = [];
    for (let time = 0; time < 5; time += 1) {
      await page.goto(`${running.origin}/?symbol=HK.00700`);
      await page.locator("canvas").waitFor();
      times.push(Number(await page.evaluate("performance.getEntriesByName('chart')[0].startTime")));
    }
    console.log(`The chart stood after ${times.map(Math.round).join(", ")} ms.`);
    const [, , median] = times.toSorted((one, other) => one - other);
    expect(median).toBeLessThan(1_000);
  });

  it("loads less than 100 KB in all, and nothing from elsewhere", async () => {
    const names = (await readdir("public/page")).filter((name) => !/^(ja|zh)/.test(name));
    const sizes = await Promise.all(
      names.map(async (name) => gzipSync(await readFile(join("public/page", name))).length),
    );
    expect(names.length).toBe(3);
    const script = names.find((name) => name.endsWith(".js")) ?? "";
    expect(await readFile(join("public/page", script), "utf8")).toContain("Leon Sorokin");
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000);
    const { page, requests } = await open("/?symbol=US.AAPL");
    await isShown(page);
    const others = requests.filter(
      (url) => !url.startsWith(`${running.origin}/`) && !url.startsWith("data:"),
    );
    expect(others).toEqual([]);
    for (const name of names.filter((each) => !each.endsWith(".html"))) {
      const response = await fetch(`${running.origin}/page/${name}`);
      expect(response.headers.get("Cache-Control")).toBe("public, max-age=31536000, immutable");
    }
  });
});

it("shuts everybody else out", async () => {
  const response = await fetch(running.origin);
  expect(response.headers.get("Content-Security-Policy")).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  // It may not be older than the script that it names.
  expect(response.headers.get("Cache-Control")).toBe("public, max-age=0, must-revalidate");
  const directly = await fetch(`${running.origin}/page/en`);
  expect(directly.headers.get("Content-Security-Policy")).toBe("default-src 'none'; frame-ancestors 'none'");
  const again = await fetch(running.origin, {
    headers: { "If-None-Match": response.headers.get("ETag") ?? "" },
  });
  expect(again.status).toBe(304);
  expect((await fetch(running.origin, { method: "HEAD" })).status).toBe(200);
  expect((await fetch(running.origin, { method: "POST" })).status).toBe(405);
});
