import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conditionsFor } from "../support/conditions.ts";
import { type Running, startRunning } from "../support/running.ts";

/** The page at `/` from Cloudflare's static assets, as wrangler builds and serves them. */

let running: Running;

beforeAll(async () => {
  running = await startRunning();
}, 60_000);

afterAll(() => running?.close());

describe.each(["GET", "HEAD"])("%s /", (method) => {
  it("answers If-None-Match by RFC 9110, 13.1.2: *, a list, and weak comparison", async () => {
    const first = await fetch(running.origin);
    const tag = (first.headers.get("ETag") ?? "").replace(/^W\//, "");
    expect(tag).toMatch(/^"[^"]+"$/);
    expect(await first.text()).toContain("<!doctype html>");
    for (const { ifNoneMatch, status } of conditionsFor(tag)) {
      const response = await fetch(running.origin, { method, headers: { "If-None-Match": ifNoneMatch } });
      expect(response.status, ifNoneMatch).toBe(status);
      if (status === 304) {
        expect(await response.text()).toBe("");
        for (const name of ["ETag", "Vary", "Cache-Control"]) {
          expect(response.headers.get(name), name).toBe(first.headers.get(name));
        }
      }
    }
  });

  it("does not match the ETag of another language", async () => {
    const tag = (await fetch(running.origin)).headers.get("ETag") ?? "";
    const headers = { "If-None-Match": tag, "Accept-Language": "ja" };
    const response = await fetch(running.origin, { method, headers });
    expect([response.status, response.headers.get("Content-Language")]).toEqual([200, "ja"]);
  });
});
