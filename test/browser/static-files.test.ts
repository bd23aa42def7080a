import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Document } from "../../scripts/reference/openapi.ts";
import { type LocalWorker, startLocalWorker } from "../stand-ins/worker.ts";
import { PUBLIC } from "../support/public-access.ts";

/** Files for crawlers, browsers and other sites. */

const CONTACT = "mailto:security@example.com";
const MAX_PICTURE_BYTES = 60_000;

let worker: LocalWorker;

beforeAll(async () => {
  worker = await startLocalWorker({
    ...PUBLIC,
    OPEND_URL: "ws://localhost",
    UPSTASH_REDIS_REST_URL: "http://localhost",
    UPSTASH_REDIS_REST_TOKEN: "token",
    SECURITY_CONTACT: CONTACT,
  });
}, 60_000);

afterAll(() => worker?.close());

it.each([
  ["/favicon.svg", "image/svg+xml"],
  ["/favicon.ico", "image/"],
  ["/apple-touch-icon.png", "image/png"],
  ["/og.png", "image/png"],
  ["/robots.txt", "text/plain"],
  ["/.well-known/security.txt", "text/plain"],
])("%s is served as %s", async (path, type) => {
  const response = await fetch(worker.origin + path);
  expect(response.status).toBe(200);
  expect(response.headers.get("Content-Type")).toContain(type);
  expect(response.headers.get("Cache-Control")).toMatch(/^public, max-age=\d{4,5}$/);
  expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
});

it("pages name the icons, and the picture with its host", async () => {
  const home = await (await fetch(worker.origin)).text();
  const docs = await (await fetch(`${worker.origin}/docs`)).text();
  for (const html of [home, docs]) {
    expect(html).toContain('<link rel="icon" href="/favicon.svg" type="image/svg+xml" />');
    expect(html).toMatch(/<meta name="description" content="[^"]{40,160}"/);
  }
  expect(home).toContain(`<meta property="og:image" content="${worker.origin}/og.png" />`);
});

it("picture for other sites is a PNG of 1200 × 630 pixels below 60 KB", async () => {
  const png = await readFile("public/og.png");
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1_200, 630]);
  expect(png.length).toBeLessThan(MAX_PICTURE_BYTES);
});

it("robots.txt allows the pages and disallows each path of the API", async () => {
  const text = await (await fetch(`${worker.origin}/robots.txt`)).text();
  const disallowed = [...text.matchAll(/^Disallow: (\S+)$/gm)].map(([, prefix = ""]) => prefix);
  const isAllowed = (path: string) => !disallowed.some((prefix) => path.startsWith(prefix));
  const { paths }: Document = JSON.parse(await (await fetch(`${worker.origin}/openapi.json`)).text());
  expect(Object.keys(paths).filter(isAllowed)).toEqual(["/problems/{code}", "/openapi.json"]);
  const pages = ["/", "/docs", "/docs/try-it.js", "/page/main.js", "/llms.txt"];
  expect(pages.filter(isAllowed)).toEqual(pages);
});

it("security.txt has the contact of the operator", async () => {
  const text = await (await fetch(`${worker.origin}/.well-known/security.txt`)).text();
  expect(text).toContain(`Contact: ${CONTACT}\n`);
  expect(text).toContain(`Canonical: ${worker.origin}/.well-known/security.txt\n`);
});
