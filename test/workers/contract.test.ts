import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Contract, readContract } from "../support/contract.ts";
import { type LocalService, startLocalService, startPlainService } from "../support/local-service.ts";

/** Responses of a running Worker conform to /openapi.json, as checked by independent validators. */

const KEY = "key";
const DIGEST = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";

let open: LocalService;
let shortDeadlines: LocalService;
let keyed: LocalService;
let rateLimited: LocalService;
let misconfigured: LocalService;
let withAllowedOrigins: LocalService;
let contract: Contract;

beforeAll(async () => {
  const vars = { UPSTREAM_WAIT_MS: "0", UPSTREAM_WINDOW_SECONDS: "1", CLIENT_SHARE: "30" };
  [open, shortDeadlines, keyed, rateLimited, misconfigured, withAllowedOrigins] = await Promise.all([
    startPlainService({ windowMs: 1_000 }, vars),
    startPlainService({ windowMs: 1_000 }, vars, "short-deadlines"),
    startPlainService({}, { UPSTREAM_WAIT_MS: "0", CLIENT_SHARE: "1", API_KEYS: `me:${DIGEST}` }),
    startLocalService({}, {}, { requestsPerMinute: 1 }),
    startPlainService({}, { OPEND_URL: "" }),
    startPlainService({}, { ALLOWED_ORIGINS: "https://a.example" }),
  ]);
  contract = await readContract(open.origin);
}, 120_000);

afterAll(async () => {
  const services = [open, shortDeadlines, keyed, rateLimited, misconfigured, withAllowedOrigins];
  await Promise.all(services.map((service) => service?.close()));
});

const ask = (
  service: LocalService,
  template: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
) => contract.request(service.origin, template, path, body === undefined ? { headers } : { headers, body });

const PAGE = "/v1/short-interest/{symbol}";
const HISTORY = "/v1/short-interest/{symbol}/history";
const LATEST = "/v1/short-interest";

let lastSymbol = 0;
/** Returns a symbol that has not been requested before. */
const newSymbol = () => {
  lastSymbol += 1;
  return `US.T${lastSymbol}`;
};

describe("OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    expect(await new Validator().validate(structuredClone({ ...contract.description }))).toEqual({
      valid: true,
    });
  });

  it("has patterns that regular expression engines other than JavaScript's accept", () => {
    const patterns = [...JSON.stringify(contract.description).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)];
    expect(patterns.length).toBeGreaterThan(0);
    for (const [, pattern = '""'] of patterns) expect(JSON.parse(pattern)).not.toMatch(/\\[pPdw]|\(\?/);
  });

  it("has an example for every response and problem that conforms to its schema", () => {
    for (const { operationId, requestBody, responses } of contract.operations()) {
      const request = requestBody ? { request: requestBody } : {};
      for (const [status, { content = {} }] of Object.entries({ ...responses, ...request })) {
        for (const [type, { schema, example, examples }] of Object.entries(content)) {
          const all = examples ? Object.values(examples).map(({ value }) => value) : [example];
          for (const value of all) {
            if (type.endsWith("protobuf")) continue;
            expect(value, `${operationId} ${status} ${type}`).toBeDefined();
            contract.expectValid(schema, value);
          }
        }
      }
    }
  });

  it("has a description and an example for every parameter of a path", () => {
    const operations = contract.operations();
    const inPath = operations.flatMap(({ parameters = [] }) => parameters.filter((one) => one.in === "path"));
    expect(inPath.length).toBeGreaterThan(0);
    for (const { description, example, schema } of inPath) {
      expect(description).toMatch(/^[A-Z].*\.$/);
      contract.expectValid(schema, example);
    }
  });

  it("has the response to ?num=1 with the OpenD stand-in as its page example", async () => {
    const content = contract.operationOf(PAGE).responses["200"]?.content;
    for (const [type, { example }] of Object.entries(content ?? {})) {
      if (example === undefined) continue;
      const response = await fetch(`${open.origin}/v1/short-interest/HK.00700?num=1`, {
        headers: { Accept: type },
      });
      const text = await response.text();
      expect(text).toBe(typeof example === "string" ? example : JSON.stringify(example));
    }
  });
});

describe("OpenAPI example of /metrics", () => {
  it("has the help and type of real metrics", async () => {
    const { content } = contract.operationOf("/metrics").responses["200"] ?? {};
    const comments = String(content?.["text/plain"]?.example).match(/^#.*$/gm);
    const text = await (await fetch(`${keyed.origin}/metrics`, { headers: { "X-API-Key": KEY } })).text();
    expect(comments).not.toBeNull();
    expect(text.split("\n")).toEqual(expect.arrayContaining(comments ?? []));
  });
});

describe.each([
  ["page", PAGE, "", ["json", "csv", "ndjson", "protobuf"], "num=0"],
  ["history", HISTORY, "/history", ["json", "csv", "ndjson"], "from=yesterday"],
])("%s endpoint", (_, template, suffix, formats, invalidQuery) => {
  const path = (symbol: string, query = "") => `/v1/short-interest/${symbol}${suffix}?${query}`;

  it("responds in every format as described", async () => {
    for (const symbol of ["HK.02800", "US.BRK.B", "US.NONE"]) {
      for (const format of formats) await ask(open, template, path(symbol, `format=${format}`));
    }
    if (formats.includes("protobuf"))
      await ask(open, template, path("HK.02800"), { Accept: "application/x-protobuf" });
  });

  it.each([
    ["invalid_parameter", () => ask(open, template, path("US.AAPL", invalidQuery))],
    ["invalid_symbol", () => ask(open, template, path("AAPL"))],
    ["unsupported_market", () => ask(open, template, path("JP.7203"))],
    ["not_acceptable", () => ask(open, template, path("US.AAPL"), { Accept: "image/png" })],
    ["unauthorized", () => ask(keyed, template, path("US.AAPL"))],
    ["misconfigured", () => ask(misconfigured, template, path("US.AAPL"))],
    ["unknown_symbol", () => ask(open, template, path("US.NOSUCH"))],
  ])("responds with %s as described", async (code, request) => {
    await request();
    expect(contract.observedOf(contract.operationOf(template).operationId)).toContain(code);
  });

  it("responds with too_many_requests and client_quota_exceeded as described", async () => {
    // A new window of the rate limit may start after the first request.
    for (let request = 0; request < 3; request += 1) await ask(rateLimited, template, path("US.AAPL"));
    for (const symbol of [newSymbol(), newSymbol()])
      await ask(keyed, template, path(symbol), { "X-API-Key": KEY });
    expect(contract.observedOf(contract.operationOf(template).operationId)).toContain("too_many_requests");
    expect(contract.observedOf(contract.operationOf(template).operationId)).toContain(
      "client_quota_exceeded",
    );
  });

  it.each([
    ["opend_unreachable", "drop"],
    ["opend_key_refused", "login: refused without text"],
    ["opend_no_permission", "no permission"],
    ["opend_protocol_error", "not protobuf"],
    ["opend_failed", "other refusal"],
    ["opend_timeout", "silence"],
    ["upstream_quota_exceeded", "frequency in English"],
  ])("responds with %s as described", async (code, fault) => {
    const service = code === "opend_timeout" ? shortDeadlines : open;
    await service.upstash.redis.call("FLUSHDB");
    service.opend.set({ fault });
    await ask(service, template, path(newSymbol()));
    service.opend.set({ fault: "" });
    // After a refusal by OpenD, the service refuses by itself.
    if (code === "upstream_quota_exceeded") await ask(service, template, path(newSymbol()));
    await service.upstash.redis.call("FLUSHDB");
    // The isolate remembers a refusal of OpenD for one window.
    const page = () => fetch(`${service.origin}/v1/short-interest/${newSymbol()}`);
    await vi.waitFor(async () => expect((await page()).status).toBe(200), { timeout: 5_000 });
    expect(contract.observedOf(contract.operationOf(template).operationId)).toContain(code);
  });

  it("responds with subrequest_limit to a long history as described", async () => {
    if (template !== HISTORY) return;
    await open.upstash.redis.call("FLUSHDB");
    await ask(open, template, path("US.ROWS1000", "order=asc"));
    await open.upstash.redis.call("FLUSHDB");
    expect(contract.observedOf(contract.operationOf(template).operationId)).toContain("subrequest_limit");
  });

  it("responds with store_unavailable as described", async () => {
    open.upstash.fail("500");
    await ask(open, template, path(newSymbol()));
    open.upstash.fail(undefined);
    expect(contract.observedOf(contract.operationOf(template).operationId)).toContain("store_unavailable");
  });
});

describe("request_timeout", () => {
  it("is returned at the deadline if another lease holder never stores the page", async () => {
    const lease = (symbol: string) => `short-interest:lease:${symbol}/`;
    const [page, history] = [newSymbol(), newSymbol()];
    for (const symbol of [page, history]) {
      await shortDeadlines.upstash.redis.call("SET", lease(symbol), "another", "PX", "60000");
    }
    await Promise.all([
      ask(shortDeadlines, PAGE, `/v1/short-interest/${page}`),
      ask(shortDeadlines, HISTORY, `/v1/short-interest/${history}/history`),
    ]);
    for (const template of [PAGE, HISTORY]) {
      expect(contract.observedOf(contract.operationOf(template).operationId)).toContain("request_timeout");
    }
  });
});

describe("other responses", () => {
  it("conform to their description", async () => {
    const askTwice = async (template: string, path: string) => {
      const first = await ask(open, template, path);
      const second = await ask(open, template, path, { "If-None-Match": first.headers.get("ETag") ?? "" });
      expect(second.status).toBe(304);
    };
    await askTwice(PAGE, "/v1/short-interest/HK.00700");
    await askTwice(LATEST, "/v1/short-interest?symbols=HK.00700,US.AAPL");
    await ask(open, LATEST, "/v1/short-interest?symbols=HK.00700,US.NONE,US.NEWLY,US.NOSUCH,x,JP.1");
    await ask(open, LATEST, "/v1/short-interest");
    await ask(open, LATEST, "/v1/short-interest?symbols=HK.00700", { Accept: "text/csv" });
    await ask(keyed, LATEST, "/v1/short-interest?symbols=HK.00700");
    await ask(misconfigured, LATEST, "/v1/short-interest?symbols=HK.00700");
    for (let request = 0; request < 3; request += 1)
      await ask(rateLimited, LATEST, "/v1/short-interest?symbols=US.T1");
    await askTwice("/openapi.json", "/openapi.json");
    const json = { "Content-Type": "application/json" };
    const message = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
    const notification = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });
    for (const body of [message, notification, "{", " ".repeat(65_537)]) {
      await ask(open, "/mcp", "/mcp", json, body);
    }
    await ask(open, "/mcp", "/mcp", {}, message);
    await ask(withAllowedOrigins, "/mcp", "/mcp", { ...json, Origin: "https://b.example" }, message);
    await ask(keyed, "/mcp", "/mcp", json, message);
    await ask(misconfigured, "/mcp", "/mcp", json, message);
    for (let request = 0; request < 3; request += 1) await ask(rateLimited, "/mcp", "/mcp", json, message);
    await ask(open, "/healthz", "/healthz");
    for (const path of ["/readyz", "/metrics"]) {
      await ask(open, path, path);
      await ask(keyed, path, path, { "X-API-Key": KEY });
      await ask(keyed, path, `${path}?verbose`, { "X-API-Key": KEY });
      keyed.upstash.fail("500");
      await ask(keyed, path, path, { "X-API-Key": KEY });
      keyed.upstash.fail(undefined);
      await ask(misconfigured, path, path);
      for (let request = 0; request < 3; request += 1) await ask(rateLimited, path, path);
    }
    await ask(open, "/problems/{code}", "/problems/internal");
    await ask(open, "/problems/{code}", "/problems/nothing");
  });

  it("include every described response", () => {
    const operations = contract.operations((path) => !path.startsWith("/v1/webhooks"));
    for (const operation of operations) contract.expectAllObserved(operation);
  });

  it("include the detail of every example of a problem", () => {
    contract.expectExampleDetailsObserved(contract.operations((path) => !path.startsWith("/v1/webhooks")));
  });
});
