import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { answerWith, hkRows, usRows } from "../support/chart-data.ts";
import { useHome } from "../support/home.ts";

/** The space, the colors and the size of the chart. */

const home = useHome();
const DESKTOP = { width: 1350, height: 940 };
const PHONE = { width: 390, height: 844 };
const OBSERVE = `
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) {
      window.shifts.push({ value, nodes: sources.map(({ node }) => node?.id || node?.nodeName) });
    }
  }).observe({ type: "layout-shift", buffered: true });
`;

/** Colors of the pixels of the upper panel, without those that only smooth edges. */
async function colorsIn(page: Page): Promise<Set<string>> {
  const colors = await page.evaluate(`(() => {
    const canvas = document.querySelector("#chart canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const counts = {};
    for (let at = 0; at < data.length; at += 4) {
      const color = data.slice(at, at + 4).join();
      counts[color] = (counts[color] ?? 0) + 1;
    }
    return Object.keys(counts).filter((color) => counts[color] > 200);
  })()`);
  return new Set(colors as string[]);
}

const LIGHT_BAR = "106,149,213,255";
const DARK_BAR = "63,110,166,255";

describe.each([
  ["desktop", DESKTOP],
  ["phone", PHONE],
] as const)("on a %s", (_, viewport) => {
  it.each([
    ["single", "/?symbol=US.AAPL"],
    ["all pages", "/?symbol=HK.00700&range=all"],
    ["comparison", "/?symbol=HK.00700&compare=US.AAPL,US.TSLA"],
  ])("%s view reserves its space before the data arrives", async (_name, path) => {
    const visitor = await home.newVisit({ viewport });
    const { page } = visitor;
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await page.route("**/v1/**", async (route) => {
      await released;
      await route.continue();
    });
    await page.addInitScript(OBSERVE);
    await page.goto(home.service().origin + path);
    await page.locator("#message", { hasText: /^Loading/ }).waitFor();
    const place = () => page.locator("#chart").boundingBox();
    const reserved = await place();
    release();
    await page.locator("#chart canvas").first().waitFor();
    await home.loaded(visitor);
    expect(await place()).toEqual(reserved);
    const shifts = (await page.evaluate("window.shifts")) as { value: number }[];
    const sum = shifts.reduce((total, { value }) => total + value, 0);
    expect(sum, JSON.stringify(shifts)).toBeLessThan(0.05);
  });
});

it("a problem removes the reserved space", async () => {
  const { page } = await home.open("/?symbol=US.NOSUCH");
  await page.getByText("No short interest data found for US.NOSUCH.").waitFor();
  expect(await page.locator("#result").isVisible()).toBe(false);
});

it("a chart that is removed leaves no attribute of a slider", async () => {
  const visitor = await home.open("/?symbol=US.AAPL", { viewport: DESKTOP });
  const { page } = visitor;
  await page.locator("#chart canvas").first().waitFor();
  await home.loaded(visitor);
  await page.getByLabel("Symbol").fill("US.NOSUCH");
  await page.keyboard.press("Enter");
  await page.getByText("No short interest data found for US.NOSUCH.").waitFor();
  const names = await page.evaluate<string[]>("document.querySelector('#chart').getAttributeNames()");
  expect(names.filter((name) => /^(role|tabindex|aria-.*)$/.test(name))).toEqual(["aria-describedby"]);
});

it("the canvas follows the color scheme, and is light on paper", async () => {
  const visitor = await home.newVisit({ colorScheme: "dark", viewport: DESKTOP });
  const { page } = visitor;
  await answerWith(page, "US.AAPL", usRows(60));
  await page.goto(`${home.service().origin}/?symbol=US.AAPL`);
  await home.loaded(visitor);
  const bars = async () => [...(await colorsIn(page))].filter((one) => [LIGHT_BAR, DARK_BAR].includes(one));
  await expect.poll(bars).toEqual([DARK_BAR]);
  await page.evaluate("dispatchEvent(new Event('beforeprint'))");
  await expect.poll(bars).toEqual([LIGHT_BAR]);
  expect(await page.evaluate("document.querySelector('#chart').clientWidth")).toBeLessThan(700);
  await page.evaluate("dispatchEvent(new Event('afterprint'))");
  await expect.poll(bars).toEqual([DARK_BAR]);
  // The picture on paper is the one at the end of the print.
  await page.evaluate(`addEventListener("beforeprint", async () => {
    await Promise.resolve();
    window.printed = document.querySelector("#chart canvas").toDataURL();
  })`);
  const onScreen = await page.evaluate("document.querySelector('#chart canvas').toDataURL()");
  await page.pdf({ format: "A4" });
  const printed = await page.evaluate("window.printed");
  expect(printed).toMatch(/^data:image/);
  expect(printed).not.toBe(onScreen);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await expect.poll(bars).toEqual([LIGHT_BAR]);
  await visitor.screenshot("chart-print");
  for (const part of [".controls", "#search", "footer", "#download"]) {
    expect(await page.locator(part).isVisible(), part).toBe(false);
  }
  const styles = `[getComputedStyle(document.querySelector("main")).minHeight,
    getComputedStyle(document.querySelector("#data .scroll")).overflowX]`;
  expect(await page.evaluate(styles)).toEqual(["0px", "visible"]);
  await page.emulateMedia({ media: "screen", colorScheme: "light" });
  await expect.poll(bars).toEqual([LIGHT_BAR]);
  expect(visitor.consoleErrors).toEqual([]);
});

it("500 rows are drawn, and read by keyboard, without a delay", async () => {
  const visitor = await home.newVisit({ viewport: DESKTOP });
  const { page } = visitor;
  await answerWith(page, "HK.00700", hkRows(500));
  await page.goto(`${home.service().origin}/?symbol=HK.00700&range=all`);
  await home.loaded(visitor);
  expect(await page.locator("#chart").getAttribute("aria-valuemax")).toBe("499");
  await page.locator("#chart").focus();
  const took = await page.evaluate(`(() => {
    const chart = document.querySelector("#chart");
    const start = performance.now();
    for (let time = 0; time < 100; time += 1) {
      chart.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
    }
    return (performance.now() - start) / 100;
  })()`);
  console.log(`A key press takes ${Number(took).toFixed(2)} ms.`);
  expect(took).toBeLessThan(16);
  expect(await page.locator(".values strong").textContent()).toBe(hkRows(101)[100]?.timestamp_str);
});

it("the chart follows the width of the window down to 320 px", async () => {
  const { page } = await home.open("/?symbol=US.AAPL", { viewport: DESKTOP });
  await page.locator("#chart canvas").first().waitFor();
  for (const width of [900, 640, 320, 1600]) {
    await page.setViewportSize({ width, height: 800 });
    const difference =
      "document.querySelector('#chart').clientWidth - document.querySelector('.uplot').clientWidth";
    await expect.poll(() => page.evaluate(difference)).toBe(0);
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect(await page.evaluate(overflow)).toBeLessThanOrEqual(0);
  }
});
