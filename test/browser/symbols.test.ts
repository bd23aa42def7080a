import { describe, expect, it } from "vitest";
import { useHome } from "../support/home.ts";

const home = useHome();

const heading = (symbol: string) => ({ name: symbol, exact: true });

describe("search", () => {
  it.each([
    ["AAPL", "US.AAPL"],
    ["aapl", "US.AAPL"],
    ["ＡＡＰＬ", "US.AAPL"],
    ["  aapl  ", "US.AAPL"],
    ["$TSLA", "US.TSLA"],
    ["TSLA.US", "US.TSLA"],
    ["700", "HK.00700"],
    ["0700", "HK.00700"],
    ["00700", "HK.00700"],
    ["７００", "HK.00700"],
    ["0700.HK", "HK.00700"],
    ["700.hk", "HK.00700"],
    ["HK.700", "HK.00700"],
    ["HK:700", "HK.00700"],
    ["ＨＫ：７００", "HK.00700"],
    ["HK。700", "HK.00700"],
    ["NYSE:BRK.B", "US.BRK.B"],
    ["BRK.B", "US.BRK.B"],
    ["brk-b", "US.BRK.B"],
    ["BRK/B", "US.BRK.B"],
  ])("for %j, and a link to it, finds %s", async (typed, symbol) => {
    const { page, consoleErrors } = await home.open("/");
    await page.getByLabel("Symbol").fill(typed);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", heading(symbol)).waitFor();
    expect(new URL(page.url()).searchParams.get("symbol")).toBe(symbol);
    await page.goto(`${home.service().origin}/?symbol=${encodeURIComponent(typed)}`);
    await page.getByRole("heading", heading(symbol)).waitFor();
    expect(consoleErrors).toEqual([]);
  });

  it("for an ambiguous text offers each reading, and asks the API for none", async () => {
    const visitor = await home.open("/");
    const { page, requests, consoleErrors, screenshot } = visitor;
    await page.getByLabel("Symbol").fill("700.us");
    await page.keyboard.press("Enter");
    await page.getByText("700.US has several meanings. Select one:").waitFor();
    expect(await page.locator("#suggestions button").allTextContents()).toEqual(["US.700", "HK.00700"]);
    expect(requests.filter((url) => /\/v1\/short-interest\//.test(url))).toEqual([]);
    expect(await page.getByRole("button", { name: "Try again" }).isVisible()).toBe(false);
    await screenshot("ambiguous");
    await page.getByRole("button", { name: "HK.00700" }).click();
    await page.getByRole("heading", heading("HK.00700")).waitFor();
    expect(new URL(page.url()).search).toBe("?symbol=HK.00700");
    expect(await page.locator("#suggestions button").count()).toBe(0);
    expect(consoleErrors).toEqual([]);
  });

  it("for an unknown symbol offers another reading", async () => {
    const { page, screenshot } = await home.newVisit();
    const answer = { status: 404, body: '{"code":"unknown_symbol"}' };
    await page.route("**/v1/short-interest/US.700*", (route) => route.fulfill(answer));
    await page.goto(`${home.service().origin}/?symbol=US.700`);
    await page
      .getByText("No short interest data found for US.700. Check the symbol. Did you mean:")
      .waitFor();
    await screenshot("did-you-mean");
    await page.getByRole("button", { name: "HK.00700" }).press("Enter");
    await page.getByRole("heading", heading("HK.00700")).waitFor();
  });

  it("for a text without a reading names valid forms", async () => {
    const { page, screenshot } = await home.open("/?symbol=tencent");
    await page.getByText("TENCENT is not a valid symbol. Enter a code such as 700,").waitFor();
    expect(await page.locator("#suggestions button").count()).toBe(0);
    await screenshot("invalid");
  });
});

describe("comparison", () => {
  it("finds a typed code, and offers each reading of an ambiguous one", async () => {
    const visitor = await home.open("/?symbol=US.AAPL&compare=0700.HK");
    const { page } = visitor;
    await home.loaded(visitor);
    await page.getByLabel("Compare with").first().fill("2800.us");
    await page.getByRole("button", { name: "Add" }).click();
    await page.getByRole("button", { name: "HK.02800", exact: true }).click();
    await home.loaded(visitor);
    const names = await page.locator("#table thead th").allTextContents();
    expect(names).toEqual(["Date", "US.AAPL", "HK.00700", "HK.02800"]);
    expect(page.url()).toContain("compare=HK.00700,HK.02800");
  });
});

it.each([
  ["ja", "空売り残高とは", "該当する候補が複数あります"],
  ["zh-Hans", "空头持仓是指", "有多种可能"],
  ["zh-Hant", "空頭持倉是指", "有多種可能"],
])("start page and suggestions are in %s", async (language, introduction, ambiguous) => {
  const { page, screenshot } = await home.open(`/?lang=${language}`);
  await page.getByText(introduction).waitFor();
  await page.locator("#watchlist[aria-busy=false]").waitFor();
  await screenshot(`start-${language}`);
  await page.goto(`${home.service().origin}/?lang=${language}&symbol=700.US`);
  await page.getByText(ambiguous).waitFor();
});
