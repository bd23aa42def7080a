import { expect, it } from "vitest";
import { startService } from "../support/service.ts";

/** Fake for Cloudflare's static assets, which exist only after a build. */
const ASSETS = {
  fetch: async (url: URL) => new Response(url.pathname, { headers: { "Content-Type": "text/html" } }),
};

async function languageFor(acceptLanguage: string | undefined, query = ""): Promise<string | null> {
  const service = await startService({}, { ASSETS });
  const headers = acceptLanguage === undefined ? {} : { "Accept-Language": acceptLanguage };
  const response = await service.get(`/${query}`, { headers });
  const language = response.headers.get("Content-Language");
  expect(await response.text()).toBe(`/page/${language}`);
  return language;
}

it.each([
  [undefined, "en"],
  ["ja", "ja"],
  ["fr, zh-TW;q=0.5, en;q=0.4", "zh-Hant"],
  ["en;q=0.1, ja;q=0.2", "ja"],
  ["ja;q=0", "en"],
  ["fr", "en"],
  ["zh", "zh-Hans"],
  ["zh-CN", "zh-Hans"],
  ["zh-SG", "zh-Hans"],
  ["zh-Hans", "zh-Hans"],
  ["zh-Hans-HK", "zh-Hans"],
  ["zh-HK", "zh-Hant"],
  ["zh-TW", "zh-Hant"],
  ["zh-MO", "zh-Hant"],
  ["zh-Hant", "zh-Hant"],
  ["zh-hant-hk, zh-CN;q=0.9", "zh-Hant"],
  ["zh-CN, zh-HK;q=0.9", "zh-Hans"],
])("Accept-Language %j selects %s", async (acceptLanguage, language) => {
  expect(await languageFor(acceptLanguage)).toBe(language);
});

it.each([
  ["ja", "ja"],
  ["zh", "zh-Hans"],
  ["zh-Hans", "zh-Hans"],
  ["zh-Hant", "zh-Hant"],
  ["zh-hk", "zh-Hant"],
])("lang=%s overrides Accept-Language and selects %s", async (lang, language) => {
  expect(await languageFor("en, ja;q=0.5", `?lang=${lang}`)).toBe(language);
});

it("Accept-Language of more than 1,024 characters is ignored", async () => {
  const fill = (length: number) => `ja,${"a,".repeat(length)}`.slice(0, length);
  expect(await languageFor(fill(1_024))).toBe("ja");
  for (const length of [1_025, 120_000]) {
    expect(await languageFor(fill(length))).toBe("en");
    expect(await languageFor(fill(length), "?lang=zh")).toBe("zh-Hans");
  }
});

it("picture for other sites has an absolute URL", async () => {
  const html = '<meta property="og:image" content="/og.png" /><a href="/">';
  const service = await startService({}, { ASSETS: { fetch: async () => new Response(html) } });
  const response = await service.get("/");
  expect(await response.text()).toBe(html.replace("/og.png", `${service.origin}/og.png`));
});

it("unsupported lang falls back to Accept-Language", async () => {
  expect(await languageFor("ja", "?lang=fr")).toBe("ja");
});
