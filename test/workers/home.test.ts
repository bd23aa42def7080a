import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ifNoneMatchCases } from "../support/if-none-match.ts";
import { type LocalService, startLocalService } from "../support/local-service.ts";

/** The web UI at `/`, from static assets that wrangler builds and serves. */

let service: LocalService;

beforeAll(async () => {
  service = await startLocalService();
}, 60_000);

afterAll(() => service?.close());

describe.each(["GET", "HEAD"])("%s /", (method) => {
  it("answers If-None-Match by RFC 9110, 13.1.2: *, a list, and weak comparison", async () => {
    const first = await fetch(service.origin);
    const tag = (first.headers.get("ETag") ?? "").replace(/^W\//, "");
    expect(tag).toMatch(/^"[^"]+"$/);
    expect(await first.text()).toContain("<!doctype html>");
    for (const { ifNoneMatch, status } of ifNoneMatchCases(tag)) {
      const response = await fetch(service.origin, { method, headers: { "If-None-Match": ifNoneMatch } });
      expect(response.status, ifNoneMatch).toBe(status);
      if (status === 304) {
        expect(await response.text()).toBe("");
        for (const name of ["ETag", "Vary", "Cache-Control"]) {
          expect(response.headers.get(name), name).toBe(first.headers.get(name));
        }
      }
    }
  });

  it.each([
    ["en", "ja"],
    ["zh-CN", "zh-Hant"],
  ])("answers 200 to the ETag of %s when %s is requested", async (cached, requested) => {
    const first = await fetch(service.origin, { headers: { "Accept-Language": cached } });
    const headers = { "If-None-Match": first.headers.get("ETag") ?? "", "Accept-Language": requested };
    const response = await fetch(service.origin, { method, headers });
    expect([response.status, response.headers.get("Content-Language")]).toEqual([200, requested]);
  });
});
