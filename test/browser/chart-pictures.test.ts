import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Visit } from "../support/browser.ts";
import { answerWith, hkRows, usRows } from "../support/chart-data.ts";
import { useHome } from "../support/home.ts";

/** Pictures of the chart's states, and the conditions that all of them fulfil. */

const home = useHome();
const NARROW = { width: 320, height: 1200 };
const WIDE = { width: 1280, height: 1000 };
const OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

const EMPTY = { "US.AAPL": [] };
const US = { "US.AAPL": usRows(140) };
const HK = { "HK.00700": hkRows(120) };
const BOTH = { "HK.00700": hkRows(120, 5), "US.AAPL": usRows(60, 9), "US.TSLA": usRows(60, 14) };
const FIVE = { ...BOTH, "HK.09988": hkRows(90, 21), "US.SPY": usRows(50, 33) };
const WITHOUT_DAYS = { "US.AAPL": usRows(48).map((row) => ({ ...row, days_to_cover: null })) };
const SOME_DAYS = {
  "US.AAPL": usRows(48).map((row, index) => ({
    ...row,
    days_to_cover: index > 16 || index === 5 ? null : 1.7,
  })),
};

const pathTo = (symbols: readonly string[], query: string) =>
  `/?symbol=${symbols[0]}&compare=${symbols.slice(1).join()}${query}`;

describe.each([
  ["light-wide", { viewport: WIDE }],
  ["dark-320", { viewport: NARROW, colorScheme: "dark", hasTouch: true, isMobile: true }],
] as const)("%s chart", (look, options) => {
  it.each([
    ["us", US, ""],
    ["us-percent", US, "&measure=percent"],
    ["us-all", US, "&range=all"],
    ["hk", HK, ""],
    ["hk-3m", HK, "&range=3M"],
    ["compare", BOTH, ""],
    ["compare-five", FIVE, ""],
    ["one-row", { "US.AAPL": usRows(1) }, ""],
    ["two-rows", { "HK.00700": hkRows(2) }, ""],
    ["without-days", WITHOUT_DAYS, ""],
    ["some-days", SOME_DAYS, ""],
    ["empty", EMPTY, ""],
    ["500-rows", { "HK.00700": hkRows(500) }, "&range=all"],
    ["japanese", HK, "&lang=ja"],
    ["hant", HK, "&lang=zh-Hant"],
  ] as const)("of %s fits the screen", async (name, rows, query) => {
    const visitor = await home.newVisit(options);
    for (const [symbol, all] of Object.entries(rows)) await answerWith(visitor.page, symbol, all);
    await visitor.page.goto(home.service().origin + pathTo(Object.keys(rows), query));
    await home.loaded(visitor);
    if (name !== "empty") await hoverMiddle(visitor);
    expect(await visitor.page.evaluate(OVERFLOW)).toBeLessThanOrEqual(0);
    expect(visitor.consoleErrors).toEqual([]);
    await visitor.page.screenshot({ path: `test/browser/screenshots/chart-${name}-${look}.png` });
  });
});

it("pictures of loading, zoom, drag and focus", async () => {
  const visitor = await home.newVisit({ viewport: WIDE });
  const { page } = visitor;
  const picture = (name: string) =>
    page.screenshot({ path: `test/browser/screenshots/chart-${name}-light-wide.png` });
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  await answerWith(page, "HK.00700", HK["HK.00700"]);
  await page.route("**/v1/**", async (route) => {
    await released;
    await route.fallback();
  });
  await page.goto(`${home.service().origin}/?symbol=HK.00700`);
  await page.locator("#message", { hasText: /^Loading/ }).waitFor();
  await picture("loading");
  release();
  await home.loaded(visitor);
  const plot = await page.locator(".u-over").first().boundingBox();
  if (!plot) throw new Error("the chart is not visible");
  await page.mouse.move(plot.x + 300, plot.y + 100);
  await page.mouse.down();
  await page.mouse.move(plot.x + 650, plot.y + 120, { steps: 3 });
  await picture("drag");
  await page.mouse.up();
  await picture("zoomed");
  await page.locator("#measure-shares").focus();
  await page.locator("#reset-zoom").focus();
  await page.keyboard.press("Tab");
  for (let time = 0; time < 3; time += 1) await page.keyboard.press("ArrowLeft");
  await picture("focus");
  const pdf = await page.pdf({ format: "A4" });
  await writeFile("test/browser/screenshots/chart-print.pdf", pdf);
  expect(await page.locator("#zoom").isVisible()).toBe(true);
});

async function hoverMiddle({ page }: Visit): Promise<void> {
  const chart = page.locator("#chart");
  const { width = 0, height = 0 } = (await chart.boundingBox()) ?? {};
  await chart.hover({ position: { x: width * 0.6, y: height * 0.6 } });
}
