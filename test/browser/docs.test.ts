import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type LocalWorker, startLocalWorker } from "../stand-ins/worker.ts";
import { startBrowser, type Visit, visit } from "../support/browser.ts";

let worker: LocalWorker;
let browser: Browser;
let visitor: Visit;
let page: Page;
let requests: readonly string[];
let complaints: readonly string[];

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
  ({ page, requests, complaints } = visitor);
});

afterEach(() => visitor.close());

describe("/docs", () => {
  it("shows the title and the operations", async () => {
    await page.goto(`${worker.origin}/docs`);
    await page.getByRole("heading", { name: "short-interest-edge" }).waitFor();
    await page.getByText("Get a page of short interest").click();
    await page.getByRole("button", { name: "Try it out" }).waitFor();
    expect(await page.locator("#message").textContent()).toBe("");
    expect(complaints).toEqual([]);
    expect(requests.filter((url) => !url.startsWith(`${worker.origin}/`))).toEqual([]);
  });

  it("asks the Worker", async () => {
    await page.goto(`${worker.origin}/docs`);
    await page.getByText("Liveness check").click();
    await page.getByRole("button", { name: "Try it out" }).click();
    await page.getByRole("button", { name: "Execute" }).click();
    await page.locator(".live-responses-table", { hasText: '"status": "ok"' }).waitFor();
    expect(requests).toContain(`${worker.origin}/healthz`);
    expect(complaints).toEqual([]);
  });

  it("lets a page after the first be tried out", async () => {
    await page.goto(`${worker.origin}/docs`);
    await page.getByText("Get a page of short interest").click();
    await page.getByRole("button", { name: "Try it out" }).click();
    await page.locator('tr[data-param-name="symbol"] input').fill("HK.00700");
    await page.locator('tr[data-param-name="next_key"] input').fill("1777478400");
    const asked = page.waitForRequest((request) => request.url().includes("next_key=1777478400"));
    await page.getByRole("button", { name: "Execute" }).click();
    await asked;
  });

  it.each([
    ["is not found", { status: 404 }, "was answered with status 404"],
    ["is not JSON", { body: "<html>" }, "is not JSON"],
    ["cannot be reached", undefined, "cannot be reached"],
  ])("says that the description %s", async (_, answer, why) => {
    await page.route("**/openapi.json", (route) => (answer ? route.fulfill(answer) : route.abort()));
    await page.goto(`${worker.origin}/docs`);
    const message = `The API reference cannot be shown: /openapi.json ${why}. Reload the page to try again.`;
    await page.getByText(message, { exact: true }).waitFor();
  });

  it("is at exactly this path", async () => {
    const get = (path: string, method = "GET") =>
      fetch(`${worker.origin}${path}`, { method, redirect: "manual" });
    expect((await get("/docs")).status).toBe(200);
    expect((await get("/docs", "HEAD")).status).toBe(200);
    const moved = await get("/docs/");
    expect(moved.status).toBe(307);
    expect(moved.headers.get("Location")).toBe("/docs");
  });

  it("has headers that shut everybody else out", async () => {
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

describe("static assets", () => {
  it.each(["/v1/short-interest", "/mcp", "/healthz", "/problems/internal", "/openapi.json"])(
    "leave %s to the Worker",
    async (path) => {
      // As a browser does that is led there by a link.
      const answer = await fetch(`${worker.origin}${path}`, { headers: { "Sec-Fetch-Mode": "navigate" } });
      // The Worker's own, on each of its answers.
      expect(answer.headers.get("Cross-Origin-Resource-Policy")).toBe("cross-origin");
    },
  );
});
