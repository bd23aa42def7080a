import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type LocalService, startPlainService } from "../support/local-service.ts";
import { blocksOf, DOCUMENTS } from "../support/readme.ts";

const ORIGIN = "http://localhost:8787";

/** Each block with one curl command, and the block of JSON after it. */
const examples = DOCUMENTS.flatMap((path) => {
  const blocks = blocksOf(readFileSync(path, "utf8"));
  return blocks.flatMap(({ text }, index) => {
    const [, url] = /^curl '([^']+)'\n$/.exec(text) ?? [];
    const next = blocks[index + 1];
    return url !== undefined && next?.language === "json" ? [{ path, url, body: next.text }] : [];
  });
});

let service: LocalService;
beforeAll(async () => {
  service = await startPlainService();
}, 60_000);
afterAll(() => service?.close());

it("documents have at least five examples of responses", () => {
  expect(examples.length).toBeGreaterThanOrEqual(5);
});

it.each(examples)("$path has the response of $url", async ({ url, body }) => {
  const response = await fetch(url.replace(ORIGIN, service.origin));
  // When the rows were fetched differs.
  const timeless = (text: string) => text.trim().replace(/"fetched_at":\d+/, '"fetched_at":0');
  expect(timeless(await response.text())).toBe(timeless(body));
});
