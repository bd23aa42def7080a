import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type LocalWorker, startLocalWorker } from "../stand-ins/worker.ts";
import { startBrowser, type Visit, visit } from "../support/browser.ts";

let worker: LocalWorker;
let browser: Browser;
let visitor: Visit;
let page: Page;
let requests: readonly string[];
let consoleErrors: readonly string[];

beforeAll(async () => {
  browser = await startBrowser();
  worker = await startLocalWorker({});
}, 60_000);

afterAll(async () => {
  await browser?.close();
  await worker?.close();
});

beforeEach(async () => {
  visitor = await visit(browser);
  ({ page, requests, consoleErrors } = visitor);
});

afterEach(() => visitor.close());

describe("/docs", () => {
  it("page shows the title and the operations", async () => {
    await page.goto(`${worker.origin}/docs`);
    await page.getByRole("heading", { name: "short-interest-edge" }).waitFor();
    await page.locator('[data-path="/v1/short-interest/{symbol}"]').click();
    await page.getByRole("button", { name: "Try it out" }).waitFor();
    expect(await page.locator("#message").textContent()).toBe("");
    expect(consoleErrors).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(`${worker.origin}/`))).toEqual([]);
  });

  it("Try it out sends a request to the Worker", async () => {
    await page.goto(`${worker.origin}/docs`);
    await page.locator('[data-path="/healthz"]').click();
    await page.getByRole("button", { name: "Try it out" }).click();
    await page.getByRole("button", { name: "Execute" }).click();
    await page.locator(".live-responses-table", { hasText: '"status": "ok"' }).waitFor();
    expect(requests).toContain(`${worker.origin}/healthz`);
    expect(consoleErrors).toEqual([]);
  });

  it("Try it out accepts a cursor", async () => {
    await page.goto(`${worker.origin}/docs`);
    await page.locator('[data-path="/v1/short-interest/{symbol}"]').click();
    await page.getByRole("button", { name: "Try it out" }).click();
    await page.locator('tr[data-param-name="symbol"] input').fill("HK.00700");
    await page.locator('tr[data-param-name="next_key"] input').fill("1777478400");
    const requested = page.waitForRequest((request) => request.url().includes("next_key=1777478400"));
    await page.getByRole("button", { name: "Execute" }).click();
    await requested;
  });

  it.each([
    ["is missing", { status: 404 }, "returned status 404"],
    ["is not JSON", { body: "<html>" }, "is not JSON"],
    ["is unreachable", undefined, "cannot be reached"],
  ])("error message says that the specification %s", async (_, response, reason) => {
    await page.route("**/openapi.json", (route) => (response ? route.fulfill(response) : route.abort()));
    await page.goto(`${worker.origin}/docs`);
    const message = `The API reference cannot be displayed: /openapi.json ${reason}. Reload the page to try again.`;
    await page.getByText(message, { exact: true }).waitFor();
  });

  it("trailing slash redirects to the path without it", async () => {
    const get = (path: string, method = "GET") =>
      fetch(`${worker.origin}${path}`, { method, redirect: "manual" });
    expect((await get("/docs")).status).toBe(200);
    expect((await get("/docs", "HEAD")).status).toBe(200);
    const moved = await get("/docs/");
    expect(moved.status).toBe(307);
    expect(moved.headers.get("Location")).toBe("/docs");
  });

  it("security headers allow this origin alone", async () => {
    for (const path of ["/docs", "/docs/page.js", "/docs/swagger-ui/swagger-ui-bundle.js"]) {
      const { status, headers } = await fetch(`${worker.origin}${path}`);
      expect(status).toBe(200);
      expect(headers.get("Content-Security-Policy")).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(headers.get("Content-Security-Policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("Content-Security-Policy")).not.toContain("unsafe");
      expect(headers.get("Strict-Transport-Security")).toMatch(/^max-age=\d{8}/);
      expect(Object.fromEntries(headers)).toMatchObject({
        "cache-control": "public, max-age=3600",
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
      const response = await fetch(`${worker.origin}${path}`, { headers: { "Sec-Fetch-Mode": "navigate" } });
      // Only the Worker sets this header.
      expect(response.headers.get("Cross-Origin-Resource-Policy")).toBe("cross-origin");
    },
  );
});
