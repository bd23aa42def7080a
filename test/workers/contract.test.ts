import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Contract, readContract } from "../support/contract.ts";
import { type Running, startRunning } from "../support/running.ts";

/** A Worker that runs keeps what /openapi.json promises, as validators of others see it. */

const KEY = "key";
const DIGEST = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";

let open: Running;
let keyed: Running;
let flooded: Running;
let unset: Running;
let listed: Running;
let contract: Contract;

beforeAll(async () => {
  open = await startRunning(
    { windowMs: 1_000 },
    { UPSTREAM_WAIT_MS: "0", UPSTREAM_WINDOW_SECONDS: "1", CLIENT_SHARE: "30" },
  );
  keyed = await startRunning({}, { UPSTREAM_WAIT_MS: "0", CLIENT_SHARE: "1", API_KEYS: `me:${DIGEST}` });
  flooded = await startRunning({}, {}, { requestsPerMinute: 1 });
  unset = await startRunning({}, { UPSTASH_REDIS_REST_TOKEN: "" });
  listed = await startRunning({}, { ALLOWED_ORIGINS: "https://a.example" });
  contract = await readContract(open.origin);
}, 120_000);

afterAll(async () => {
  for (const each of [open, keyed, flooded, unset, listed]) await each?.close();
});

const ask = (
  running: Running,
  template: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
) => contract.ask(running.origin, template, path, body === undefined ? { headers } : { headers, body });

const PAGE = "/v1/short-interest/{symbol}";
const HISTORY = "/v1/short-interest/{symbol}/history";
const LATEST = "/v1/short-interest";

const get = (symbol: string) => fetch(`${open.origin}/v1/short-interest/${symbol}`);

let made = 0;
/** A symbol that nobody has asked for. */
const fresh = () => {
  made += 1;
  return `US.T${made}`;
};

describe("the description", () => {
  it("is valid OpenAPI 3.1", async () => {
    expect(await new Validator().validate(structuredClone({ ...contract.description }))).toEqual({
      valid: true,
    });
  });

  it("has patterns that other programs than JavaScript can read", () => {
    const patterns = [...JSON.stringify(contract.description).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)];
    expect(patterns.length).toBeGreaterThan(0);
    for (const [, pattern = '""'] of patterns) expect(JSON.parse(pattern)).not.toMatch(/\\[pPdw]|\(\?/);
  });

  it("has an example for each answer and each problem, and all are right", () => {
    for (const { operationId, requestBody, responses } of contract.operations()) {
      const asked = requestBody ? { asked: requestBody } : {};
      for (const [status, { content = {} }] of Object.entries({ ...responses, ...asked })) {
        for (const [type, { schema, example, examples }] of Object.entries(content)) {
          const all = examples ? Object.values(examples).map(({ value }) => value) : [example];
          for (const each of all) {
            if (type === "application/x-protobuf") continue;
            expect(each, `${operationId} ${status} ${type}`).toBeDefined();
            contract.fits(schema, each);
          }
        }
      }
    }
  });

  it("has the very answer of the stand-in as its example of a page", async () => {
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

describe.each([
  ["a page", PAGE, "", ["json", "csv", "ndjson", "protobuf"], "num=0"],
  ["a history", HISTORY, "/history", ["json", "csv", "ndjson"], "from=yesterday"],
])("%s", (_, template, suffix, formats, bad) => {
  const path = (symbol: string, query = "") => `/v1/short-interest/${symbol}${suffix}?${query}`;

  it("comes in each format", async () => {
    for (const symbol of ["HK.02800", "US.BRK.B", "US.NONE"]) {
      for (const format of formats) await ask(open, template, path(symbol, `format=${format}`));
    }
  });

  it.each([
    ["invalid_parameter", () => ask(open, template, path("US.AAPL", bad))],
    ["invalid_symbol", () => ask(open, template, path("AAPL"))],
    ["unsupported_market", () => ask(open, template, path("JP.7203"))],
    ["not_acceptable", () => ask(open, template, path("US.AAPL"), { Accept: "image/png" })],
    ["unauthorized", () => ask(keyed, template, path("US.AAPL"))],
    ["misconfigured", () => ask(unset, template, path("US.AAPL"))],
    ["unknown_symbol", () => ask(open, template, path("US.NOSUCH"))],
  ])("is %s", async (code, refused) => {
    await refused();
    expect(contract.seenOf(contract.operationOf(template).operationId)).toContain(code);
  });

  it("is too_many_requests and client_quota_exceeded", async () => {
    // A new minute may begin after the first.
    for (let request = 0; request < 3; request += 1) await ask(flooded, template, path("US.AAPL"));
    for (const symbol of [fresh(), fresh()]) await ask(keyed, template, path(symbol), { "X-API-Key": KEY });
    expect(contract.seenOf(contract.operationOf(template).operationId)).toContain("too_many_requests");
    expect(contract.seenOf(contract.operationOf(template).operationId)).toContain("client_quota_exceeded");
  });

  it.each([
    ["opend_unreachable", "drop"],
    ["opend_key_refused", "login: refused without text"],
    ["opend_no_permission", "no permission"],
    ["opend_protocol_error", "not protobuf"],
    ["opend_failed", "other refusal"],
    ["opend_timeout", "silence"],
    ["upstream_quota_exceeded", "frequency in English"],
  ])("is %s", async (code, fault) => {
    await open.upstash.redis.call("FLUSHDB");
    open.opend.set({ fault });
    await ask(open, template, path(fresh()));
    open.opend.set({ fault: "" });
    await open.upstash.redis.call("FLUSHDB");
    // The isolate remembers for a window that OpenD has refused.
    await vi.waitFor(async () => expect((await get(fresh())).status).toBe(200), { timeout: 5_000 });
    expect(contract.seenOf(contract.operationOf(template).operationId)).toContain(code);
  });

  it("is subrequest_limit, where a history is long", async () => {
    if (template !== HISTORY) return;
    await open.upstash.redis.call("FLUSHDB");
    await ask(open, template, path("US.ROWS1000", "order=asc"));
    await open.upstash.redis.call("FLUSHDB");
    expect(contract.seenOf(contract.operationOf(template).operationId)).toContain("subrequest_limit");
  });

  it("is store_unavailable", async () => {
    open.upstash.fail("500");
    await ask(open, template, path(fresh()));
    open.upstash.fail(undefined);
    expect(contract.seenOf(contract.operationOf(template).operationId)).toContain("store_unavailable");
  });
});

describe("request_timeout", () => {
  it("is the problem after 15 s if another lease holder never stores the page", {
    timeout: 30_000,
  }, async () => {
    const lease = (symbol: string) => `short-interest:lease:${symbol}/`;
    const [page, history] = [fresh(), fresh()];
    for (const symbol of [page, history]) {
      await open.upstash.redis.call("SET", lease(symbol), "another", "PX", "60000");
    }
    await Promise.all([
      ask(open, PAGE, `/v1/short-interest/${page}`),
      ask(open, HISTORY, `/v1/short-interest/${history}/history`),
    ]);
    for (const template of [PAGE, HISTORY]) {
      expect(contract.seenOf(contract.operationOf(template).operationId)).toContain("request_timeout");
    }
  });
});

describe("other answers", () => {
  it("are as described", async () => {
    const tag = async (template: string, path: string) => {
      const first = await ask(open, template, path);
      const again = await ask(open, template, path, { "If-None-Match": first.headers.get("ETag") ?? "" });
      expect(again.status).toBe(304);
    };
    await tag(PAGE, "/v1/short-interest/HK.00700");
    await tag(LATEST, "/v1/short-interest?symbols=HK.00700,US.AAPL");
    await ask(open, LATEST, "/v1/short-interest?symbols=HK.00700,US.NONE,US.NEWLY,US.NOSUCH,x,JP.1");
    await ask(open, LATEST, "/v1/short-interest");
    await ask(open, LATEST, "/v1/short-interest?symbols=HK.00700", { Accept: "text/csv" });
    await ask(keyed, LATEST, "/v1/short-interest?symbols=HK.00700");
    await ask(unset, LATEST, "/v1/short-interest?symbols=HK.00700");
    for (let request = 0; request < 3; request += 1)
      await ask(flooded, LATEST, "/v1/short-interest?symbols=US.T1");
    await tag("/openapi.json", "/openapi.json");
    const json = { "Content-Type": "application/json" };
    const message = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
    const notification = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });
    for (const body of [message, notification, "{", " ".repeat(65_537)]) {
      await ask(open, "/mcp", "/mcp", json, body);
    }
    await ask(open, "/mcp", "/mcp", {}, message);
    await ask(listed, "/mcp", "/mcp", { ...json, Origin: "https://b.example" }, message);
    await ask(keyed, "/mcp", "/mcp", json, message);
    await ask(unset, "/mcp", "/mcp", json, message);
    for (let request = 0; request < 3; request += 1) await ask(flooded, "/mcp", "/mcp", json, message);
    await ask(open, "/healthz", "/healthz");
    for (const path of ["/readyz", "/metrics"]) {
      await ask(open, path, path);
      await ask(keyed, path, path, { "X-API-Key": KEY });
      await ask(keyed, path, `${path}?verbose`, { "X-API-Key": KEY });
      keyed.upstash.fail("500");
      await ask(keyed, path, path, { "X-API-Key": KEY });
      keyed.upstash.fail(undefined);
      await ask(unset, path, path);
      for (let request = 0; request < 3; request += 1) await ask(flooded, path, path);
    }
    await ask(open, "/problems/{code}", "/problems/internal");
    await ask(open, "/problems/{code}", "/problems/nothing");
  });

  it("are not described where there are none", () => {
    const others = contract.operations((path) => !path.startsWith("/v1/webhooks"));
    for (const operation of others) contract.allSeenOf(operation);
  });
});
