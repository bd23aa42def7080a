import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TEXTS } from "../../web/texts.ts";
import { UNLIMITED } from "../stand-ins/worker.ts";
import { startBrowser, type Visit, visit } from "../support/browser.ts";
import { type LocalService, startLocalService } from "../support/local-service.ts";

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

async function open(path: string, locale: string): Promise<Visit["page"]> {
  visitor = await visit(browser, { locale });
  await visitor.page.goto(service.origin + path);
  return visitor.page;
}

describe("page without a lang parameter", () => {
  it.each([
    ["en-GB,en;q=0.9", "en", "Short interest"],
    ["ja-JP,ja;q=0.9,en;q=0.8", "ja", "空売り残高"],
    ["zh-CN,zh;q=0.9", "zh-Hans", "空头持仓"],
    ["zh-HK,zh;q=0.9", "zh-Hant", "空頭持倉"],
    ["zh-TW,zh;q=0.9", "zh-Hant", "空頭持倉"],
    ["fr-FR,fr;q=0.9", "en", "Short interest"],
    ["fr, ja;q=0.5, zh;q=0.7", "zh-Hans", "空头持仓"],
    ["ja;q=0", "en", "Short interest"],
    ["", "en", "Short interest"],
  ])("Accept-Language %j selects %s", async (accept, language, title) => {
    const response = await fetch(service.origin, { headers: { "Accept-Language": accept } });
    expect(response.headers.get("Content-Language")).toBe(language);
    expect(response.headers.get("Vary")).toContain("Accept-Language");
    const html = await response.text();
    expect(html).toContain(`<html lang="${language}">`);
    expect(html).toContain(`<title>${title}</title>`);
    expect(html).not.toContain("{{");
  });
});

it("language link overrides Accept-Language and stays in the URL", async () => {
  const page = await open("/?symbol=HK.00700", "ja-JP");
  await page.getByText("2026-04-30 時点").waitFor();
  expect(await page.locator("#table thead th").first().textContent()).toBe("日付");
  await page.getByRole("link", { name: "简体中文" }).click();
  await page.getByText("截至 2026-04-30").waitFor();
  await page.getByLabel("股票代码").fill("US.TSLA");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "US.TSLA" }).waitFor();
  expect(page.url()).toMatch(/\?symbol=US\.TSLA&lang=zh-Hans$/);
});

it.each([
  ["en", "Short interest 51,480,638 shares as of 2026-04-30", "-408,117 shares (-0.79%) since 2026-04-24"],
  ["ja", "空売り残高 51,480,638 株 2026-04-30 時点", "前回（2026-04-24）比 -408,117 株（-0.79%）"],
  ["zh-Hans", "空头持仓 51,480,638 股 截至 2026-04-30", "较上期（2026-04-24）-408,117 股（-0.79%）"],
  ["zh-Hant", "空頭持倉 51,480,638 股 截至 2026-04-30", "較上期（2026-04-24）-408,117 股（-0.79%）"],
])("headline and change in %s have a label and a unit", async (language, headline, change) => {
  const page = await open(`/?symbol=HK.00700&lang=${language}`, "en-GB");
  await page.locator("#progress").waitFor({ state: "hidden" });
  expect(await page.locator(".headline").textContent()).toBe(headline);
  expect(await page.locator("#change").textContent()).toBe(change);
  await visitor?.screenshot(`language-${language}`);
});

it("Traditional Chinese reads the chart with Hong Kong terms and full-width punctuation", async () => {
  const page = await open("/?symbol=HK.00700", "zh-HK");
  await page.locator("#progress").waitFor({ state: "hidden" });
  expect(await page.getByRole("slider").getAttribute("aria-valuetext")).toBe(
    "2026-04-30，未平倉股數：51,480,638 股，-408,117（-0.79%），收市價：467.80 HKD，-25.60（-5.19%），佔流通股比例：0.56%，0 個百分點",
  );
});

const { en, ...translations } = TEXTS;

describe.each(Object.entries(translations))("texts of %s", (_, texts) => {
  const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).toSorted();
  const textOf = new Map(Object.entries(texts));

  it("have the placeholders of the English texts", () => {
    for (const [name, text] of Object.entries(en)) {
      expect(placeholders(textOf.get(name) ?? ""), name).toEqual(placeholders(text));
    }
  });

  it("have full-width punctuation", () => {
    for (const [name, text] of textOf) {
      expect(text, name).not.toMatch(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}}] ?[,:;()?!]/u);
    }
  });
});
