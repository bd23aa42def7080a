import { describe, expect, it } from "vitest";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";

const PATH = "/v1/short-interest/US.AAPL";
const KEY = "si_a-valid-key";
const API_KEYS = `reader:${await sha256(KEY)}`;
const UNDECIDED = { API_KEYS: undefined, PUBLIC_ACCESS: undefined };

describe("a service with neither API_KEYS nor PUBLIC_ACCESS", () => {
  it.each([
    ["GET", PATH],
    ["GET", `${PATH}/history`],
    ["GET", "/v1/short-interest?symbols=US.AAPL"],
    ["GET", "/v1/webhooks"],
    ["GET", "/readyz"],
    ["GET", "/metrics"],
    ["POST", "/mcp"],
  ])(
    "refuses %s %s as misconfigured, names both variables, and calls neither Upstash nor OpenD",
    async (method, path) => {
      const service = await startService({}, UNDECIDED);
      const response = await service.get(path, { method, headers: { "X-API-Key": KEY } });
      expect(response.status).toBe(500);
      expect(await response.json()).toMatchObject({
        code: "misconfigured",
        parameter: "API_KEYS",
        detail: 'API_KEYS is not set; set it, or set PUBLIC_ACCESS to "yes" for a service without keys',
      });
      expect([await service.upstash.requests(), (await service.opend.stats()).upgrades]).toEqual([0, 0]);
    },
  );

  it("refuses connections of OpenD's protocol", async () => {
    const response = await (await startService({}, UNDECIDED)).connect();
    expect([response.status, await response.json()]).toMatchObject([500, { code: "misconfigured" }]);
  });

  it.each(["/healthz", "/openapi.json", "/problems/misconfigured"])("returns %s", async (path) => {
    const service = await startService({}, UNDECIDED);
    expect((await service.get(path)).status).toBe(200);
  });

  it("returns the web UI", async () => {
    const ASSETS = { fetch: async () => new Response("page") };
    const response = await (await startService({}, { ...UNDECIDED, ASSETS })).get("/");
    expect([response.status, await response.text()]).toEqual([200, "page"]);
  });
});

describe("PUBLIC_ACCESS", () => {
  it("yes makes a service without API_KEYS public", async () => {
    const service = await startService({}, { PUBLIC_ACCESS: "yes" });
    const response = await service.get(PATH);
    expect(response.status).toBe(200);
    expect(response.headers.get("Cache-Control")).toMatch(/^public/);
  });

  it.each(["", "no", "Yes", "YES", " yes", "true", "1", true])(
    "%j is misconfigured, with API_KEYS as well",
    async (value) => {
      for (const keys of [{}, { API_KEYS }]) {
        const service = await startService({}, { ...keys, PUBLIC_ACCESS: value });
        const response = await service.get(PATH, { headers: { "X-API-Key": KEY } });
        expect(response.status).toBe(500);
        expect(await response.json()).toMatchObject({
          code: "misconfigured",
          parameter: "PUBLIC_ACCESS",
          detail: 'PUBLIC_ACCESS is not "yes"; remove it for a service that requires keys',
        });
      }
    },
  );

  it("yes does not make a service with API_KEYS public", async () => {
    const service = await startService({}, { API_KEYS, PUBLIC_ACCESS: "yes" });
    expect((await service.get(PATH)).status).toBe(401);
    const response = await service.get(PATH, { headers: { "X-API-Key": KEY } });
    expect(response.status).toBe(200);
    expect(response.headers.get("Cache-Control")).toMatch(/^private/);
  });
});
