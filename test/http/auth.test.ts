import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { limitRequests } from "../../functions/http/auth.ts";
import { type Service, startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";

const KEY = "si_a-valid-key";
const OTHER = "another key";
const DIGEST = await sha256(KEY);
const API_KEYS = `reader:${DIGEST}, other.one:${(await sha256(OTHER)).toUpperCase()}`;

const PATH = "/v1/short-interest/US.AAPL";
const get = (service: Service, headers: Record<string, string> = {}, path = PATH) =>
  service.get(path, { headers });

describe("authentication with API_KEYS", () => {
  it.each([
    { Authorization: `Bearer ${KEY}` },
    { Authorization: `bearer  ${KEY} ` },
    { "X-API-Key": KEY },
    { "X-API-Key": OTHER },
  ])("accepts %j and marks the response private", async (headers: Record<string, string>) => {
    const service = await startService({}, { API_KEYS });
    const response = await get(service, headers);
    expect(response.status).toBe(200);
    expect(response.headers.get("Cache-Control")).toMatch(/^private, max-age=21600/);
    expect(response.headers.get("RateLimit-Policy")).toBe('"client";q=15;w=30, "upstream";q=30;w=30');
    expect(response.headers.get("RateLimit")).toBe('"client";r=14, "upstream";r=29');
    expect(response.headers.get("Vary")).toContain("Authorization, X-API-Key");
  });

  it.each([
    {},
    { Authorization: "Bearer" },
    { Authorization: "Bearer " },
    { Authorization: `Basic ${KEY}` },
    { Authorization: `Bearer ${KEY}x` },
    { Authorization: `Bearer ${KEY.slice(0, -1)}` },
    { Authorization: "Bearer reader" },
    { "X-API-Key": "" },
    { "X-API-Key": "wrong" },
    { "X-API-Key": DIGEST },
  ])("refuses %j with 401 on all data routes", async (headers: Record<string, string>) => {
    const service = await startService({}, { API_KEYS });
    for (const path of [PATH, `${PATH}/history`, "/v1/short-interest?symbols=US.AAPL", "/v1/nonsense"]) {
      const response = await get(service, headers, path);
      expect(response.status).toBe(401);
      expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
      expect(response.headers.get("Cache-Control")).toBe("no-store");
      expect(await response.json()).toMatchObject({ code: "unauthorized" });
    }
    expect((await service.opend.stats()).upgrades).toBe(0);
    expect((await get(service, headers, "/healthz")).status).toBe(200);
  });

  it("refuses a key whose digest differs in the last digit", async () => {
    const last = DIGEST.endsWith("0") ? "1" : "0";
    const service = await startService({}, { API_KEYS: `near:${DIGEST.slice(0, -1)}${last}` });
    expect((await get(service, { "X-API-Key": KEY })).status).toBe(401);
  });

  it("allows a CORS preflight for the Authorization header without a key", async () => {
    const preflight = await (await startService({}, { API_KEYS })).get(PATH, {
      method: "OPTIONS",
      headers: {
        Origin: "https://app.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("Access-Control-Allow-Headers")).toBe("authorization");
    expect(preflight.headers.get("Access-Control-Max-Age")).toBe("86400");
    expect(preflight.headers.has("Cache-Control")).toBe(true);
  });

  it("gives each key its own share of the rate limit, independent of its address", async () => {
    const service = await startService({}, { API_KEYS, CLIENT_SHARE: "1", UPSTREAM_WAIT_MS: "0" });
    const status = async (key: string, symbol: string, address: string) =>
      (await get(service, { "X-API-Key": key, "CF-Connecting-IP": address }, `/v1/short-interest/${symbol}`))
        .status;
    expect(await status(KEY, "US.T1", "192.0.2.1")).toBe(200);
    expect(await status(KEY, "US.T2", "192.0.2.2")).toBe(429);
    expect(await status(OTHER, "US.T3", "192.0.2.1")).toBe(200);
  });

  it.each([
    "",
    "reader",
    "reader:abc",
    `${API_KEYS},`,
    `a b:${"0".repeat(64)}`,
    `a:${"0".repeat(64)},a:${"1".repeat(64)}`,
    `:${"0".repeat(64)}`,
  ])("is misconfigured with API_KEYS %j", async (keys) => {
    const service = await startService({}, { API_KEYS: keys });
    const response = await get(service, { "X-API-Key": KEY });
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: "misconfigured", parameter: "API_KEYS" });
    if (keys !== "") expect(text).not.toContain(keys);
  });
});

describe("rate limit of an API key", () => {
  it("returns 429 after 600 requests a minute from any address, and does not affect other keys", async () => {
    const service = await startService({}, { API_KEYS, REQUESTS_PER_KEY: env.REQUESTS_PER_KEY });
    const request = (key: string, address: string, path = PATH) =>
      get(service, { "X-API-Key": key, "CF-Connecting-IP": address }, path);
    expect((await request(KEY, "203.0.113.1")).status).toBe(200);
    let counted = 1;
    let { status } = await request(KEY, "203.0.113.1", "/v1/nothing");
    // The counter may reset in between.
    for (; status === 404 && counted <= 1_200; counted += 1) {
      ({ status } = await request(KEY, `203.0.113.${counted % 200}`, "/v1/nothing"));
    }
    expect(counted).toBeGreaterThanOrEqual(600);
    const refused = await request(KEY, "203.0.113.201");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("Retry-After")).toBe("60");
    expect(refused.headers.get("RateLimit")).toBe('"requests";r=0;t=60');
    expect(await refused.json()).toMatchObject({
      code: "too_many_requests",
      detail: "Too many requests with your API key",
    });
    expect((await request(OTHER, "203.0.113.1")).status).toBe(200);
  });

  it.each([
    "/v1/short-interest?symbols=US.AAPL",
    `${PATH}/history`,
    "/v1/webhooks",
    "/readyz",
    "/metrics",
    "/mcp",
  ])("applies to %s before any request to Upstash or OpenD", async (path) => {
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: keys.push(key) === 0 });
    const service = await startService({}, { API_KEYS, REQUESTS_PER_KEY: { limit } });
    const method = path === "/mcp" ? "POST" : "GET";
    const response = await service.get(path, { method, headers: { "X-API-Key": KEY } });
    expect([response.status, await response.json()]).toMatchObject([429, { code: "too_many_requests" }]);
    expect(keys).toEqual(["key:reader"]);
    expect([await service.upstash.requests(), (await service.opend.stats()).upgrades]).toEqual([0, 0]);
  });

  it("does not apply without API_KEYS", async () => {
    const limit = async () => ({ success: false });
    const service = await startService({}, { REQUESTS_PER_KEY: { limit } });
    expect((await get(service)).status).toBe(200);
  });

  it("is disabled without the binding REQUESTS_PER_KEY", async () => {
    const config = parseEnv((await startService({}, { API_KEYS })).env);
    await expect(limitRequests("key:reader", config.auth)).resolves.toBeUndefined();
  });

  it("is misconfigured if REQUESTS_PER_KEY is not a rate-limit binding", async () => {
    const service = await startService({}, { API_KEYS, REQUESTS_PER_KEY: "600" });
    const response = await get(service, { "X-API-Key": KEY });
    expect(await response.json()).toMatchObject({ code: "misconfigured", parameter: "REQUESTS_PER_KEY" });
  });
});

describe("failed authentication", () => {
  it("counts as a request of its address, with or without a key: 429 after 60 a minute", async () => {
    const service = await startService({}, { API_KEYS, REQUESTS_PER_CLIENT: env.REQUESTS_PER_CLIENT });
    const request = async (headers: Record<string, string>, address = "203.0.113.20") =>
      get(service, { "CF-Connecting-IP": address, ...headers });
    let refusals = 0;
    let response = await request({ "X-API-Key": "guess" });
    // The counter may reset in between.
    for (; response.status === 401 && refusals <= 120; refusals += 1) {
      response = await request(refusals % 2 === 0 ? { "X-API-Key": `guess ${refusals}` } : {});
    }
    expect(refusals).toBeGreaterThanOrEqual(60);
    expect(response.status).toBe(429);
    expect(response.headers.get("Retry-After")).toBe("60");
    expect(await response.json()).toMatchObject({ code: "too_many_requests" });
    // Clients may share an address.
    expect((await request({ "X-API-Key": KEY })).status).toBe(200);
    expect((await request({ "X-API-Key": "guess" }, "203.0.113.21")).status).toBe(401);
  });

  it("is not counted for a valid key", async () => {
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: keys.push(key) === 0 });
    const service = await startService({}, { API_KEYS, REQUESTS_PER_CLIENT: { limit } });
    expect((await get(service, { "X-API-Key": KEY })).status).toBe(200);
    expect(keys).toEqual([]);
  });
});

describe("rate limit of an address without API_KEYS", () => {
  it("returns 429 after 60 requests a minute, including cached pages", async () => {
    const service = await startService();
    Object.assign(service.env, { REQUESTS_PER_CLIENT: env.REQUESTS_PER_CLIENT });
    const request = () => get(service, { "CF-Connecting-IP": "203.0.113.9" });
    let refused = await request();
    let answered = 0;
    // The counter may reset in between.
    for (; refused.status === 200 && answered <= 120; refused = await request()) answered += 1;
    expect(answered).toBeGreaterThanOrEqual(60);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("Retry-After")).toBe("60");
    expect(refused.headers.get("RateLimit")).toBe('"requests";r=0;t=60');
    expect(await refused.json()).toMatchObject({
      code: "too_many_requests",
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      "violated-policies": ["requests"],
    });
    expect((await get(service, { "CF-Connecting-IP": "203.0.113.10" })).status).toBe(200);
    expect((await service.opend.stats()).calls).toBe(1);
  });

  it("omits RateLimit headers from responses that shared caches may store", async () => {
    const service = await startService();
    const response = await get(service);
    expect(response.headers.get("Cache-Control")).toMatch(/^public/);
    for (const header of ["RateLimit", "RateLimit-Policy"]) expect(response.headers.has(header)).toBe(false);
  });
});

describe("every response", () => {
  it("has X-Request-Id: the valid ID of the caller, or a new one", async () => {
    const service = await startService();
    for (const path of [PATH, "/healthz", "/nothing", "/problems/internal", "/v1/short-interest/x"]) {
      expect((await get(service, {}, path)).headers.get("X-Request-Id")).toMatch(/^[0-9a-f-]{36}$/);
      expect((await get(service, { "X-Request-Id": "mine-1" }, path)).headers.get("X-Request-Id")).toBe(
        "mine-1",
      );
      const odd = await get(service, { "X-Request-Id": "a b" }, path);
      expect(odd.headers.get("X-Request-Id")).not.toBe("a b");
      expect(odd.headers.has("Cache-Control")).toBe(true);
    }
  });

  it("has Server-Timing with the phases of the request", async () => {
    const service = await startService();
    const phases = async () =>
      (await get(service)).headers
        .get("Server-Timing")
        ?.replaceAll(/;dur=\d+/g, "")
        .split(", ")
        .sort();
    expect(await phases()).toEqual(["call", "connect", "edge", "limit", "shared"]);
    expect(await phases()).toEqual(["edge"]);
  });
});
