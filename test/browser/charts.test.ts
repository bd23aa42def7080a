import type { Locator, Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { answerWith, type ChartRow, hkRows, usRows } from "../support/chart-data.ts";
import { useHome } from "../support/home.ts";

/** The chart by mouse, touch, keyboard and screen reader. */

const home = useHome();
const TOUCH = { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true };

type Rows = Readonly<Record<string, readonly ChartRow[]>>;

/** Opens the UI for the securities of `rows`, whose rows replace the API. */
async function open(rows: Rows, query = "", options = {}): Promise<Page> {
  const visitor = await home.newVisit(options);
  const [symbol, ...others] = Object.keys(rows);
  for (const [name, all] of Object.entries(rows)) await answerWith(visitor.page, name, all);
  const compare = others.length === 0 ? "" : `&compare=${others.join()}`;
  await visitor.page.goto(`${home.service().origin}/?symbol=${symbol}${compare}${query}`);
  await home.loaded(visitor);
  return visitor.page;
}

const dateIn = (page: Page) => page.locator(".values strong").textContent();
const textsOf = (locator: Locator) => locator.allTextContents();
const days = (page: Page) => textsOf(page.locator("#table tbody th"));

/** A point over the plot, as fractions of its size. */
async function pointAt(page: Page, fraction: number): Promise<{ x: number; y: number }> {
  const box = await page.locator(".u-over").first().boundingBox();
  if (!box) throw new Error("the chart is not visible");
  return { x: box.x + fraction * box.width, y: box.y + box.height / 2 };
}

async function drag(page: Page, from: number, to: number): Promise<void> {
  const [start, end] = [await pointAt(page, from), await pointAt(page, to)];
  await page.mouse.move(start.x, start.y);
  await page.mouse.down();
  await page.mouse.move(end.x, end.y, { steps: 5 });
  await page.mouse.up();
}

describe("panels", () => {
  it("of a US security have short interest and price above days to cover, with units", async () => {
    const page = await open({ "US.AAPL": usRows(60) });
    expect(await textsOf(page.locator(".heading span"))).toEqual([
      "Short interest (shares)",
      "Closing price (USD)",
      "Days to cover",
    ]);
    expect(await page.locator("#chart canvas").count()).toBe(2);
  });

  it("of a Hong Kong security have the percentage below, and the shares below a percentage", async () => {
    const page = await open({ "HK.00700": hkRows(60) });
    const headings = page.locator(".heading span");
    const shares = ["Short interest (shares)", "Closing price (HKD)", "Short % of circulating shares"];
    expect(await textsOf(headings)).toEqual(shares);
    await page.getByText("Percent", { exact: true }).click();
    expect(await textsOf(headings)).toEqual([shares[2], shares[1], shares[0]]);
  });

  it("share one time axis: their plots begin and end at the same pixels", async () => {
    const page = await open({ "US.AAPL": usRows(60) });
    const [upper, lower] = await Promise.all(
      [0, 1].map((index) => page.locator(".u-over").nth(index).boundingBox()),
    );
    expect([lower?.x, lower?.width]).toEqual([upper?.x, upper?.width]);
  });

  it("leave out days to cover that are missing in all rows; the upper panel gets the space", async () => {
    const rows = usRows(40).map((row) => ({ ...row, days_to_cover: null }));
    const page = await open({ "US.AAPL": rows });
    expect(await page.locator("#chart canvas").count()).toBe(1);
    const height = "document.querySelector('#chart').offsetHeight";
    const withoutDays = await page.evaluate(height);
    const complete = await open({ "US.AAPL": usRows(40) });
    expect(withoutDays).toBe(await complete.evaluate(height));
  });

  it("show a dash for a single missing value", async () => {
    const rows = usRows(40).map((row, index) => ({ ...row, days_to_cover: index === 0 ? null : 2 }));
    const page = await open({ "US.AAPL": rows });
    expect(await textsOf(page.locator(".values .value"))).toEqual([
      expect.stringMatching(/ shares$/),
      expect.stringMatching(/ USD$/),
      "–",
    ]);
  });

  it("are absent for an empty history", async () => {
    const page = await open({ "US.AAPL": [] });
    await page.getByText("No short interest data has been published for US.AAPL.").waitFor();
    expect(await page.locator("#data").isVisible()).toBe(false);
  });
});

describe("mouse", () => {
  it("shows crosshair and box at the nearest row, and hides them when it leaves", async () => {
    const page = await open({ "US.AAPL": usRows(60) });
    const box = page.locator(".values");
    expect(await box.isVisible()).toBe(false);
    const { x, y } = await pointAt(page, 0.01);
    await page.mouse.move(x, y);
    expect(await dateIn(page)).toBe((await days(page)).at(-1));
    expect(await page.locator(".crosshair").isVisible()).toBe(true);
    await page.mouse.move(5, 5);
    expect(await box.isVisible()).toBe(false);
  });

  it("shows each value with unit and its change against the row before with a sign and a color", async () => {
    const [newest, before] = usRows(2);
    const rows = [
      { ...newest, shares_short: 90, close_price: 110, days_to_cover: 2.5 },
      { ...before, shares_short: 100, close_price: 100, days_to_cover: 2 },
    ] as ChartRow[];
    const page = await open({ "US.AAPL": rows });
    const { x, y } = await pointAt(page, 0.99);
    await page.mouse.move(x, y);
    expect(await textsOf(page.locator(".values .value"))).toEqual(["90 shares", "110.00 USD", "2.5 days"]);
    const changes = page.locator(".values .change");
    expect(await textsOf(changes)).toEqual(["-10 (-10%)", "+10.00 (+10%)", "+0.5"]);
    const colors = await page.evaluate(
      "[...document.querySelectorAll('.values .change')].map((change) => getComputedStyle(change).color)",
    );
    expect(colors).toEqual(["rgb(207, 34, 46)", "rgb(26, 127, 55)", "rgb(26, 127, 55)"]);
  });

  it("drag zooms chart and table; Escape, double click and a button reset it", async () => {
    const page = await open({ "HK.00700": hkRows(60) });
    const all = await days(page);
    const zoomed = async () => {
      await drag(page, 0.3, 0.6);
      const shown = await days(page);
      expect(shown.length).toBeLessThan(all.length / 2);
      expect(shown.length).toBeGreaterThan(10);
      expect(await page.locator("#zoomed").textContent()).toBe(`${shown.at(-1)} – ${shown[0]}`);
    };
    await zoomed();
    await page.keyboard.press("Escape");
    expect(await days(page)).toEqual(all);
    await zoomed();
    const { x, y } = await pointAt(page, 0.5);
    await page.mouse.dblclick(x, y);
    expect(await days(page)).toEqual(all);
    await zoomed();
    await page.getByRole("button", { name: "Reset zoom" }).click();
    expect(await days(page)).toEqual(all);
    expect(await page.locator("#zoom").isVisible()).toBe(false);
    expect(await page.evaluate("document.activeElement.id")).toBe("chart");
    await zoomed();
    await page.getByText("3 months", { exact: true }).click();
    expect(await page.locator("#zoom").isVisible()).toBe(false);
  });

  it("click, or a drag over one row, does not zoom; a drag marks its part", async () => {
    const page = await open({ "US.AAPL": usRows(60) });
    const all = await days(page);
    await drag(page, 0.5, 0.502);
    await drag(page, 0.5, 0.515);
    expect(await days(page)).toEqual(all);
    const { x, y } = await pointAt(page, 0.3);
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 100, y);
    expect((await page.locator(".zoom-mark").boundingBox())?.width).toBeCloseTo(100, 0);
    await page.keyboard.press("Escape");
    await page.mouse.up();
    expect(await days(page)).toEqual(all);
  });
});

describe("touch", () => {
  it("tap and swipe move the crosshair; the box stays above the chart", async () => {
    const page = await open({ "US.AAPL": usRows(60) }, "", TOUCH);
    expect(await dateIn(page)).toBe((await days(page))[0]);
    await page.locator("#chart").scrollIntoViewIfNeeded();
    const tap = await pointAt(page, 0.01);
    await page.touchscreen.tap(tap.x, tap.y);
    expect(await dateIn(page)).toBe((await days(page)).at(-1));
    expect(await page.locator(".crosshair").isVisible()).toBe(true);
    const session = await page.context().newCDPSession(page);
    const touch = async (type: string, fraction?: number) => {
      const touchPoints = fraction === undefined ? [] : [await pointAt(page, fraction)];
      await session.send("Input.dispatchTouchEvent", { type: type as "touchStart", touchPoints });
    };
    await touch("touchStart", 0.3);
    for (const fraction of [0.4, 0.6, 0.8, 0.99]) await touch("touchMove", fraction);
    await touch("touchEnd");
    expect(await dateIn(page)).toBe((await days(page))[0]);
    const [box, plot] = [page.locator(".values"), page.locator(".u-over").first()];
    const [above, below] = [await box.boundingBox(), await plot.boundingBox()];
    expect((above?.y ?? 0) + (above?.height ?? 0)).toBeLessThan(below?.y ?? 0);
  });
});

describe("keyboard", () => {
  it("arrow, page, Home and End keys select rows, and the slider tells their values", async () => {
    const page = await open({ "US.AAPL": usRows(60) });
    const all = await days(page);
    const slider = page.getByRole("slider", { name: "Chart of US.AAPL." });
    await page.locator("#measure-shares").focus();
    for (let time = 0; time < 3; time += 1) await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.id")).toBe("chart");
    expect(await page.locator(".values").isVisible()).toBe(true);
    const expectSelected = async (index: number) => {
      expect(await dateIn(page)).toBe(all.at(index));
      expect(await slider.getAttribute("aria-valuetext")).toMatch(
        new RegExp(`^${all.at(index)}, Shares short: `),
      );
      expect(await slider.getAttribute("aria-valuenow")).toBe(
        String(all.length - 1 - all.indexOf(all.at(index) ?? "")),
      );
    };
    await expectSelected(0);
    const keys: [key: string, index: number][] = [
      ["ArrowLeft", 1],
      ["ArrowDown", 2],
      ["ArrowRight", 1],
      ["Home", -1],
      ["ArrowLeft", -1],
      ["PageUp", -4],
      ["End", 0],
      ["ArrowUp", 0],
    ];
    for (const [key, index] of keys) {
      await page.keyboard.press(key);
      await expectSelected(index);
    }
    await page.keyboard.press("Tab");
    expect(await page.locator(".values").isVisible()).toBe(false);
  });

  it("focus stays on the chart while it is zoomed and reset", async () => {
    const page = await open({ "HK.00700": hkRows(60) });
    await drag(page, 0.3, 0.6);
    await page.keyboard.press("ArrowLeft");
    expect(await dateIn(page)).toMatch(/^2025-/);
    await page.keyboard.press("Escape");
    expect(await page.evaluate("document.activeElement.id")).toBe("chart");
  });
});

describe("comparison", () => {
  it("is 100 at the first visible day by which all have a value, and anew after a zoom", async () => {
    const page = await open({ "HK.00700": hkRows(120), "US.AAPL": usRows(60), "US.TSLA": usRows(15, 7) });
    const columns = async () => {
      const rows = await page.locator("#table tbody tr").all();
      return Promise.all(rows.map(async (row) => textsOf(row.locator("td"))));
    };
    const start = (await page.locator("#table caption").textContent())?.match(/\((.+) = 100\)/)?.[1] ?? "";
    // The third security has rows from this day on only.
    expect(start).toBe("2025-09-30");
    const expectHundred = async (day: string) => {
      const until = (await days(page)).findIndex((date) => date <= day);
      const rows = (await columns()).slice(until);
      for (const column of [0, 1, 2]) expect(rows.find((row) => row[column] !== "–")?.[column]).toBe("100");
    };
    await expectHundred(start);
    // This day is one of Hong Kong only: the US securities show their values before it, with the dates.
    await page.locator("#chart").focus();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowLeft");
    expect(await dateIn(page)).toBe("2026-04-23");
    const changes = await textsOf(page.locator(".values .change"));
    expect(changes).toEqual([expect.stringMatching(/^[+-]/), "2026-04-15", "2026-04-15"]);
    expect(await textsOf(page.locator(".values .value"))).not.toContain("–");
    await drag(page, 0.7, 0.95);
    const zoomed = (await page.locator("#table caption").textContent())?.match(/\((.+) = 100\)/)?.[1] ?? "";
    expect(zoomed > start).toBe(true);
    await expectHundred(zoomed);
    expect(await page.locator("#chart .legend").textContent()).toContain(`indexed (${zoomed} = 100)`);
  });

  it("has one range, which ends with the newest row of all", async () => {
    const older = usRows(40).slice(3);
    const page = await open({ "US.AAPL": older, "HK.00700": hkRows(120) }, "&range=3M");
    const all = await days(page);
    expect([all[0], all.at(-1)]).toEqual(["2026-04-30", expect.stringMatching(/^2026-0[12]-/)]);
    expect(await textsOf(page.locator("#table thead th"))).toEqual(["Date", "US.AAPL", "HK.00700"]);
  });

  it("leaves out a security without rows in the range, and names its newest row", async () => {
    const page = await open({ "US.AAPL": usRows(40).slice(8), "HK.00700": hkRows(120) }, "&range=3M");
    await page.getByText("US.AAPL has no data in this range: its latest data is of 2025-12-31.").waitFor();
    expect(await textsOf(page.locator("#table thead th"))).toEqual(["Date", "HK.00700"]);
    await page.getByText("1 year", { exact: true }).click();
    expect(await textsOf(page.locator("#table thead th"))).toEqual(["Date", "US.AAPL", "HK.00700"]);
    expect(await page.locator("#notes").textContent()).toBe("");
  });
});
