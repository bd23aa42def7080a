import { fromBinary } from "@bufbuild/protobuf";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ResponseSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import { type Running, startRunning } from "../support/running.ts";

/** A Worker that runs keeps what /openapi.json promises, as validators of others see it. */

interface Content {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Answer {
  readonly headers?: Readonly<Record<string, { readonly required: boolean; readonly schema: object }>>;
  readonly content?: Readonly<Record<string, Content>>;
}
interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Answer>>;
}
interface Description {
  readonly components: object;
  readonly paths: Readonly<Record<string, { readonly get?: Operation; readonly post?: Operation }>>;
}

const KEY = "key";
const DIGEST = "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683";

let open: Running;
let keyed: Running;
let flooded: Running;
let unset: Running;
let listed: Running;
let description: Description;
const ajv = new Ajv2020({ allowUnionTypes: true, keywords: ["components", "discriminator"] });
addFormats.default(ajv);

beforeAll(async () => {
  open = await startRunning({}, { UPSTREAM_WAIT_MS: "0", CLIENT_SHARE: "30" });
  keyed = await startRunning({}, { UPSTREAM_WAIT_MS: "0", CLIENT_SHARE: "1", API_KEYS: `me:${DIGEST}` });
  flooded = await startRunning({}, {}, { requestsPerMinute: 1 });
  unset = await startRunning({}, { UPSTASH_REDIS_REST_TOKEN: "" });
  listed = await startRunning({}, { ALLOWED_ORIGINS: "https://a.example" });
  description = (await (await fetch(`${open.origin}/openapi.json`)).json()) as Description;
}, 120_000);

afterAll(async () => {
  for (const each of [open, keyed, flooded, unset, listed]) await each?.close();
});

/** Fails where `value` is not what `schema` says. */
function fits(schema: object, value: unknown): void {
  const validate = ajv.compile({ components: description.components, ...schema });
  validate(value);
  expect(validate.errors ?? [], JSON.stringify(value)).toEqual([]);
}

/** What has been seen of each operation: its problems by their codes, other answers by their types. */
const seen = new Map<string, Set<string>>();

/** Fails where what is not JSON as a whole does not hold what it should. */
async function fitsInside(type: string, response: Response, schema: object): Promise<void> {
  if (type === "application/x-protobuf") {
    const { retType, s2c } = fromBinary(ResponseSchema, new Uint8Array(await response.arrayBuffer()));
    expect([retType, typeof s2c?.nextKey]).toEqual([0, "string"]);
    return;
  }
  const text = await response.text();
  fits(schema, text);
  if (type === "application/x-ndjson") {
    const named = (name: string) => ({ $ref: `#/components/schemas/${name}` });
    const line = { anyOf: [named("HkRow"), named("UsRow"), named("HistoryEnd")] };
    for (const each of text.split("\n").slice(0, -1)) fits(line, JSON.parse(each));
  }
  if (type === "text/csv") {
    const [header, ...rows] = text.split("\r\n").slice(0, -1);
    expect(header).toMatch(/^timestamp,timestamp_str,/);
    for (const row of rows) expect(row.split(",")).toHaveLength(header?.split(",").length ?? 0);
  }
}

const operationOf = (template: string): Operation => {
  const operation = description.paths[template]?.get ?? description.paths[template]?.post;
  if (!operation) throw new Error(`${template} is not described`);
  return operation;
};

/** Asks, and fails where the answer is not one of those described for `template`. */
async function ask(
  running: Running,
  template: string,
  path: string,
  headers: Record<string, string> = {},
  body?: string,
) {
  const operation = operationOf(template);
  const init = body === undefined ? { headers } : { method: "POST", headers, body };
  const response = await fetch(running.origin + path, init);
  const described = operation.responses[response.status];
  if (!described) throw new Error(`${path}: ${response.status} is not described`);
  for (const [name, { required, schema }] of Object.entries(described.headers ?? {})) {
    const value = response.headers.get(name);
    if (required) expect(value, `${name} of ${path}`).not.toBeNull();
    if (value !== null) fits(schema, "type" in schema && schema.type === "integer" ? Number(value) : value);
  }
  const [type = ""] = (response.headers.get("Content-Type") ?? "").split(";");
  const content = described.content?.[type];
  const note = (what: string) => {
    seen.set(operation.operationId, (seen.get(operation.operationId) ?? new Set()).add(what));
  };
  if (!described.content) note(String(response.status));
  else if (!content) throw new Error(`${path}: ${type} is not described`);
  else if (type.endsWith("json") && type !== "application/x-ndjson") {
    const body: unknown = await response.json();
    fits(content.schema, body);
    note(type === "application/problem+json" ? (body as { code: string }).code : type);
  } else {
    await fitsInside(type, response.clone(), content.schema);
    note(type);
  }
  return response;
}

const PAGE = "/v1/short-interest/{symbol}";
const HISTORY = "/v1/short-interest/{symbol}/history";
const LATEST = "/v1/short-interest";

let made = 0;
/** A symbol that nobody has asked for. */
const fresh = () => {
  made += 1;
  return `US.T${made}`;
};

describe("the description", () => {
  it("is valid OpenAPI 3.1", async () => {
    expect(await new Validator().validate(structuredClone({ ...description }))).toEqual({ valid: true });
  });

  it("has patterns that other programs than JavaScript can read", () => {
    const patterns = [...JSON.stringify(description).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)];
    expect(patterns.length).toBeGreaterThan(0);
    for (const [, pattern = '""'] of patterns) expect(JSON.parse(pattern)).not.toMatch(/\\[pPdw]|\(\?/);
  });

  it("has an example for each answer and each problem, and all are right", () => {
    for (const { operationId, responses } of Object.keys(description.paths).map(operationOf)) {
      for (const [status, { content = {} }] of Object.entries(responses)) {
        for (const [type, { schema, example, examples }] of Object.entries(content)) {
          const all = examples ? Object.values(examples).map(({ value }) => value) : [example];
          for (const each of all) {
            if (type === "application/x-protobuf") continue;
            expect(each, `${operationId} ${status} ${type}`).toBeDefined();
            fits(schema, each);
          }
        }
      }
    }
  });

  it("has the very answer of the stand-in as its example of a page", async () => {
    const content = operationOf(PAGE).responses["200"]?.content;
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
    expect(seen.get(operationOf(template).operationId)).toContain(code);
  });

  it("is too_many_requests and client_quota_exceeded", async () => {
    // A new minute may begin after the first.
    for (let request = 0; request < 3; request += 1) await ask(flooded, template, path("US.AAPL"));
    for (const symbol of [fresh(), fresh()]) await ask(keyed, template, path(symbol), { "X-API-Key": KEY });
    expect(seen.get(operationOf(template).operationId)).toContain("too_many_requests");
    expect(seen.get(operationOf(template).operationId)).toContain("client_quota_exceeded");
  });

  it.each([
    ["opend_unreachable", "drop"],
    ["opend_key_refused", "login: refused without a word"],
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
    expect(seen.get(operationOf(template).operationId)).toContain(code);
  });

  it("is too_much_at_once, where a history is long", async () => {
    if (template !== HISTORY) return;
    await open.upstash.redis.call("FLUSHDB");
    await ask(open, template, path("US.ROWS1000", "order=asc"));
    await open.upstash.redis.call("FLUSHDB");
    expect(seen.get(operationOf(template).operationId)).toContain("too_much_at_once");
  });

  it("is limiter_unavailable", async () => {
    open.upstash.fail("500");
    await ask(open, template, path(fresh()));
    open.upstash.fail(undefined);
    expect(seen.get(operationOf(template).operationId)).toContain("limiter_unavailable");
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
    await ask(open, "/problems/{code}", "/problems/internal");
    await ask(open, "/problems/{code}", "/problems/nothing");
  });

  it("are not described where there are none", () => {
    for (const { operationId, responses } of Object.keys(description.paths).map(operationOf)) {
      const described = Object.entries(responses).flatMap(([status, { content }]) =>
        content
          ? Object.entries(content).flatMap(([type, { examples }]) =>
              examples ? Object.keys(examples) : type,
            )
          : status,
      );
      // A fault in the program cannot be asked for.
      const promised = new Set(described.filter((what) => what !== "internal"));
      expect([...(seen.get(operationId) ?? [])].sort(), operationId).toEqual([...promised].sort());
    }
  });
});
