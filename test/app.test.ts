import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { PUBLIC } from "./support/public-access.ts";
import { startService } from "./support/service.ts";
import { sha256 } from "./support/sha256.ts";

describe("route", () => {
  it.each(["/", "/v1", "/v1/short-interest/US.AAPL/", "/v2/short-interest/US.AAPL"])(
    "%s is a 404",
    async (path) => {
      const response = await (await startService()).get(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: "not_found", status: 404 });
    },
  );

  it.each(["POST", "PUT", "DELETE", "PATCH"])("of a page refuses %s with a 405", async (method) => {
    const response = await (await startService()).get("/v1/short-interest/US.AAPL", { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")).toBe("GET, HEAD");
    expect(await response.json()).toMatchObject({ code: "method_not_allowed" });
  });

  it.each([
    ["/v1/short-interest/US.AAPL", "use GET or HEAD"],
    ["/v1/webhooks", "use GET, HEAD or POST"],
  ])("%s names the allowed methods in the detail of a 405: %s", async (path, advice) => {
    const service = await startService({}, { API_KEYS: `me:${await sha256("key")}` });
    const response = await service.get(path, { method: "PUT", headers: { "X-API-Key": "key" } });
    expect(await response.json()).toMatchObject({ detail: `This path does not support PUT: ${advice}` });
  });

  it("of a page supports HEAD", async () => {
    const response = await (await startService()).get("/v1/short-interest/US.AAPL", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe("");
  });

  it("/healthz is a 200 even with an invalid configuration", async () => {
    const service = await startService({}, { OPEND_URL: "" });
    const response = await service.get("/healthz");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ok" });
  });
});

describe("problem type", () => {
  it("is a URL that explains the code", async () => {
    const service = await startService();
    const { type } = await (await service.get("/v1/short-interest/nonsense")).json<{ type: string }>();
    expect(type).toBe("/problems/invalid_symbol");
    const response = await service.get(type);
    expect(response.status).toBe(200);
    expect(await response.text()).toMatch(/^invalid_symbol \(400\): Invalid symbol\n\n/);
    expect((await service.get("/problems/constructor")).status).toBe(404);
  });
});

describe("used-up quota", () => {
  it("is a 429 with the exact Retry-After", async () => {
    const service = await startService({}, { UPSTREAM_LIMIT: "1" });
    expect((await service.get("/v1/short-interest/US.AAPL")).status).toBe(200);
    const response = await service.get("/v1/short-interest/US.TSLA");
    expect(response.status).toBe(429);
    const wait = Number(response.headers.get("Retry-After"));
    expect(wait).toBeGreaterThanOrEqual(29);
    expect(wait).toBeLessThanOrEqual(31);
    expect(await response.json()).toMatchObject({
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      code: "upstream_quota_exceeded",
      "violated-policies": ["upstream"],
    });
  });

  it("delays a request that can get a permit within the wait limit", async () => {
    const service = await startService(
      { windowMs: 1_000, limit: 1 },
      { UPSTREAM_LIMIT: "1", UPSTREAM_WINDOW_SECONDS: "1" },
    );
    for (const symbol of ["US.AAPL", "US.TSLA", "US.SPY"]) {
      expect((await service.get(`/v1/short-interest/${symbol}`)).status).toBe(200);
    }
    expect(await service.opend.stats()).toMatchObject({ calls: 3, refused: 0, maxCallsInWindow: 1 });
  });
});

describe("configuration", () => {
  it.each([
    ["OPEND_URL", ""],
    ["OPEND_URL", "http://127.0.0.1:1"],
    ["OPEND_URL", "127.0.0.1:33333"],
    ["OPEND_URL", "ws://user:secret@127.0.0.1:1"],
    ["OPEND_RSA_PRIVATE_KEY", "secret"],
    ["OPEND_RSA_PRIVATE_KEY", "/etc/opend/private-key.pem"],
    ["OPEND_RSA_PRIVATE_KEY", "-----BEGIN PUBLIC KEY-----\nsecret"],
    ["OPEND_ACCESS_CLIENT_ID", "only half"],
    ["OPEND_ACCESS_CLIENT_ID", "id"],
    ["UPSTASH_REDIS_REST_URL", "redis://127.0.0.1"],
    ["UPSTASH_REDIS_REST_TOKEN", ""],
    ["UPSTASH_REDIS_REST_TOKEN", "se\ncret"],
    ["UPSTREAM_LIMIT", "0"],
    ["UPSTREAM_LIMIT", "31"],
    ["UPSTREAM_WINDOW_SECONDS", "soon"],
    ["UPSTREAM_WAIT_MS", "1.5"],
    ["SUBREQUEST_LIMIT", "49"],
    ["WEBHOOK_TRUSTED_ORIGINS", "a.example:9000"],
    ["WEBHOOK_TRUSTED_ORIGINS", "http://localhost:9000/"],
    ["WEBHOOK_TRUSTED_ORIGINS", ""],
    ["WEBHOOK_SECRET_KEY", ""],
    ["WEBHOOK_SECRET_KEY", "c2hvcnQ="],
    ["WEBHOOK_SECRET_KEY", `${"A".repeat(43)}=,${"A".repeat(42)}==`],
    ["SECURITY_CONTACT", ""],
    ["SECURITY_CONTACT", "me@a.example"],
    ["SECURITY_CONTACT", "https://a.example/\nExpires: never"],
    ["OWN_HOSTS", ""],
    ["OWN_HOSTS", "https://a.example"],
    ["OWN_HOSTS", "a.example/path"],
    ["OWN_HOSTS", "b.example,a.example:8443"],
    ["OWN_HOSTS", "a..example"],
    ["WEBHOOK_QUEUE", "a name"],
  ])("with %s = %j is refused by the name of the variable, without its value", async (variable, value) => {
    const service = await startService({}, { [variable]: value });
    const response = await service.get("/v1/short-interest/US.AAPL");
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ code: "misconfigured" });
    expect(text).toContain(value === "id" ? "OPEND_ACCESS_CLIENT_SECRET" : variable);
    if (value.length > 2) expect(text).not.toContain(value);
  });

  it("may have a number, a URL in capitals, and trailing line breaks", async () => {
    const { parseEnv } = await import("../functions/env.ts");
    const config = parseEnv({
      ...PUBLIC,
      OPEND_URL: "WS://127.0.0.1:33333\n",
      UPSTASH_REDIS_REST_URL: "HTTPS://example.upstash.io\n",
      UPSTASH_REDIS_REST_TOKEN: "token",
      UPSTREAM_LIMIT: 20,
    });
    expect(config.opend.url.href).toBe("ws://127.0.0.1:33333/");
    expect(config.upstash.url).toBe("https://example.upstash.io/");
    expect(config.quota).toEqual({ limit: 20, windowMs: 30_000, maxWaitMs: 3_000, clientShare: 15 });
  });

  it("without OPEND_URL is refused", async () => {
    const { default: app } = await import("../functions/app.ts");
    const context = createExecutionContext();
    const response = await app.request("/v1/short-interest/US.AAPL", {}, {}, context);
    expect(await response.json()).toMatchObject({
      code: "misconfigured",
      parameter: "OPEND_URL",
      detail: "OPEND_URL is not set",
    });
  });
});
