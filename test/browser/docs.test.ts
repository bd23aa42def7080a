import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Document } from "../../scripts/reference/openapi.ts";
import { axeViolationsOn, codeSnifferViolationsOn } from "../support/accessibility.ts";
import { startBrowser, type Visit, visit } from "../support/browser.ts";
import { type LocalService, startLocalService } from "../support/local-service.ts";
import { sha256 } from "../support/sha256.ts";

const NARROW = { width: 320, height: 640 };
const KEY = "key";
const ID = "wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3";

let service: LocalService;
let browser: Browser;
let visitor: Visit | undefined;

beforeAll(async () => {
  browser = await startBrowser();
  service = await startLocalService({}, { API_KEYS: `me:${await sha256(KEY)}` });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await service?.close();
});

afterEach(async () => {
  await visitor?.close();
  visitor = undefined;
});

async function open(options: BrowserContextOptions = {}): Promise<Visit> {
  visitor = await visit(browser, options);
  await visitor.page.goto(`${service.origin}/docs`);
  return visitor;
}

describe("/docs", () => {
  it("has every operation under its tag, with all parameters", async () => {
    const { page, requests, consoleErrors } = await open();
    const document: Document = JSON.parse(await (await fetch(`${service.origin}/openapi.json`)).text());
    const paths = [...Object.values(document.paths), ...Object.values(document.webhooks)];
    const shown = await page.evaluate<{ id: string; tag: string; text: string }[]>(
      `Array.from(document.querySelectorAll("article[id]"), (article) => ({
        id: article.id,
        tag: article.closest("section").querySelector("h2").textContent,
        text: article.textContent,
      }))`,
    );
    const operations = paths.flatMap((methods) => Object.values(methods));
    expect(shown.length).toBe(operations.length);
    for (const { operationId, tags, summary, parameters = [] } of operations) {
      const { tag, text } = shown.find(({ id }) => id === operationId) ?? {};
      expect([tag]).toEqual(tags);
      for (const part of [summary, ...parameters.map(({ name }) => name)]) expect(text).toContain(part);
    }
    expect(consoleErrors).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(`${service.origin}/`))).toEqual([]);
  });

  it("can be read without JavaScript", async () => {
    const { page } = await open({ javaScriptEnabled: false });
    await page.getByRole("heading", { name: "Get a page of short interest" }).waitFor();
    await page.getByText("Number of rows, 1 to 50.").waitFor();
  });

  it("sends a request with the key, and shows the answer", async () => {
    const { page, consoleErrors } = await open();
    const operation = page.locator("#getPage");
    await operation.getByText("Try it").click();
    await operation.getByRole("button", { name: "Send" }).click();
    await operation.getByText("Status 401").waitFor();
    await operation.getByText('"code": "unauthorized"').waitFor();
    // The browser logs the 401 to the console.
    (consoleErrors as string[]).length = 0;
    await page.getByLabel("API key for").fill(KEY);
    await operation.getByLabel("num").fill("1");
    await operation.getByLabel("next_key").fill("1777478400");
    await operation.getByLabel("format").selectOption("json");
    const address = `${service.origin}/v1/short-interest/HK.00700?num=1&next_key=1777478400&format=json`;
    await operation.getByText(`curl '${address}' -H "Authorization: Bearer $API_KEY"`).waitFor();
    await operation.getByRole("button", { name: "Send" }).click();
    await operation.getByText("Status 200").waitFor();
    await operation.getByText('"timestamp_str": "2026-04-24"').last().waitFor();
    expect(consoleErrors).toEqual([]);
  });

  it("keeps the key until the tab closes, and shares it with the web UI", async () => {
    const { page } = await open();
    await page.getByLabel("API key for").fill(KEY);
    await page.getByLabel("API key for").blur();
    await page.reload();
    expect(await page.getByLabel("API key for").inputValue()).toBe(KEY);
    await page.goto(`${service.origin}/?symbol=HK.00700`);
    await page.locator("canvas").first().waitFor();
  });

  it("keeps the focus on the button of a request", async () => {
    const { page } = await open();
    const operation = page.locator("#getHealth");
    await operation.getByText("Try it").click();
    await operation.getByRole("button", { name: "Send" }).focus();
    await page.keyboard.press("Enter");
    await operation.getByText("Status 200").waitFor();
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Send");
  });

  it("keeps a key without the spaces around it, and refuses one that no header can carry", async () => {
    const { page } = await open();
    const input = page.getByLabel("API key for");
    await input.fill(` ${KEY} `);
    await input.blur();
    await page.reload();
    expect(await input.inputValue()).toBe(KEY);
    await input.fill("キー");
    const operation = page.locator("#getHealth");
    await operation.getByText("Try it").click();
    await operation.getByRole("button", { name: "Send" }).click();
    await operation.getByText("Invalid API key.").waitFor();
  });

  it("sends a JSON body", async () => {
    const { page } = await open();
    await page.getByLabel("API key for").fill(KEY);
    const operation = page.locator("#postMcp");
    await operation.getByText("Try it").click();
    await operation.getByRole("button", { name: "Send" }).click();
    await operation.getByText("Status 200").waitFor();
    await operation.getByText('"name": "get_short_interest"').waitFor();
  });

  it("sends the method of the operation", async () => {
    const { page } = await open();
    const operation = page.locator("#deleteWebhook");
    await operation.getByText("Try it").click();
    await operation.getByText(`curl -X DELETE '${service.origin}/v1/webhooks/${ID}'`).waitFor();
    const requested = page.waitForRequest((request) => request.method() === "DELETE");
    await operation.getByRole("button", { name: "Send" }).click();
    expect((await requested).url()).toBe(`${service.origin}/v1/webhooks/${ID}`);
  });

  it("says that the service cannot be reached", async () => {
    const { page } = await open();
    await page.route("**/healthz", (route) => route.abort());
    const operation = page.locator("#getHealth");
    await operation.getByText("Try it").click();
    await operation.getByRole("button", { name: "Send" }).click();
    await operation.getByText("No response: ").waitFor();
  });

  it.each([
    ["light", "wide", { colorScheme: "light" }],
    ["dark", "narrow", { colorScheme: "dark", viewport: NARROW }],
  ] as const)(
    "in %s colors on a %s screen has no violation and no horizontal scrolling",
    async (scheme, width, options) => {
      const { page, screenshot } = await open(options);
      await screenshot(`docs-${scheme}-${width}`, "window");
      await page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true");
      await page.locator("#getHealth").getByRole("button", { name: "Send" }).click();
      await page.locator("#getHealth").getByText("Status 200").waitFor();
      expect(await axeViolationsOn(page)).toEqual([]);
      expect(await codeSnifferViolationsOn(page)).toEqual([]);
      const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await page.evaluate(overflow)).toBeLessThanOrEqual(0);
      await page.evaluate("document.getElementById('getPage').scrollIntoView()");
      await screenshot(`docs-operation-${scheme}-${width}`, "window");
    },
    60_000,
  );

  it("transfers less than 25 KB", async () => {
    const names = await readdir("public/docs");
    const files = ["public/docs.html", ...names.map((name) => `public/docs/${name}`)];
    const sizes = await Promise.all(files.map(async (path) => gzipSync(await readFile(path)).length));
    expect(sizes.length).toBe(3);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(25_000);
  });

  it("trailing slash redirects to the path without it", async () => {
    const get = (path: string, method = "GET") =>
      fetch(`${service.origin}${path}`, { method, redirect: "manual" });
    expect((await get("/docs")).status).toBe(200);
    expect((await get("/docs", "HEAD")).status).toBe(200);
    const moved = await get("/docs/");
    expect(moved.status).toBe(307);
    expect(moved.headers.get("Location")).toBe("/docs");
  });

  it("security headers allow this origin alone", async () => {
    const [script = ""] = (await readdir("public/docs")).filter((name) => name.endsWith(".js"));
    for (const [path, caching] of [
      ["/docs", "public, max-age=0, must-revalidate"],
      [`/docs/${script}`, "public, max-age=31536000, immutable"],
    ] as const) {
      const { status, headers } = await fetch(`${service.origin}${path}`);
      expect(status).toBe(200);
      expect(headers.get("Content-Security-Policy")).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("Content-Security-Policy")).not.toContain("unsafe");
      expect(headers.get("Strict-Transport-Security")).toMatch(/^max-age=\d{8}/);
      expect(Object.fromEntries(headers)).toMatchObject({
        "cache-control": caching,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
      });
    }
  });
});

describe("navigation request", () => {
  it.each(["/v1/short-interest", "/mcp", "/healthz", "/problems/internal", "/openapi.json"])(
    "static assets leave %s to the Worker",
    async (path) => {
      // A browser sends this header when a user follows a link.
      const response = await fetch(`${service.origin}${path}`, { headers: { "Sec-Fetch-Mode": "navigate" } });
      // Only the Worker sets this header.
      expect(response.headers.get("Cross-Origin-Resource-Policy")).toBe("cross-origin");
    },
  );
});
