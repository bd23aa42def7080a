import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  EDGE_TRUST_MS,
  EDGE_TRUST_SPREAD_MS,
  REVALIDATE_GRACE_MS,
} from "../../functions/page-source/freshness.ts";
import { logLines } from "../support/log.ts";
import { type Service, startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";

const PATH = "/v1/short-interest/HK.00700";
const LATEST = "/v1/short-interest?symbols=HK.00700,US.AAPL";
const KEY = "a key";
const API_KEYS = `reader:${await sha256(KEY)},other:${await sha256("another key")}`;
const WITH_KEY = { "X-API-Key": KEY };
const SECOND = 1_000;
/** Within the shortest time that the edge cache trusts a copy. */
const TRUSTED_MS = EDGE_TRUST_MS - EDGE_TRUST_SPREAD_MS - SECOND;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

type Headers = Record<string, string>;

/** A response, and whether it was repeated: otherwise its ETag was computed. */
async function request(service: Service, path = PATH, headers: Headers = {}, method = "GET") {
  const digest = vi.spyOn(crypto.subtle, "digest");
  const response = await service.get(path, { method, headers });
  const isRepeated = digest.mock.calls.every(([algorithm]) => algorithm !== "SHA-1");
  digest.mockRestore();
  // Latin-1 has a character for each byte, also of protobuf.
  const bytes = await response.arrayBuffer();
  return { response, isRepeated, body: new TextDecoder("latin1").decode(bytes) };
}

/** Starts a service whose response to a request is kept, and returns that response. */
async function startKept(vars: Record<string, unknown> = {}, path = PATH, headers: Headers = {}) {
  const service = await startService({}, vars);
  await request(service, path, headers);
  const kept = await request(service, path, headers);
  expect([kept.response.status, kept.isRepeated]).toEqual([200, false]);
  return { service, kept };
}

/** All headers but those of the single request. */
function lastingHeaders({ headers }: Response): Headers {
  const own = ["age", "cache-status", "server-timing", "x-request-id"];
  return Object.fromEntries([...headers].filter(([name]) => !own.includes(name)));
}

describe("cached response", () => {
  it.each([
    ["page", PATH, {}],
    ["page in CSV", `${PATH}?format=csv&num=3`, {}],
    ["page in protobuf", PATH, { Accept: "application/x-protobuf" }],
    ["list of newest rows", LATEST, {}],
    ["page for an API key", PATH, WITH_KEY],
  ] as const)("of a %s has the bytes and headers of the first one", async (_, path, headers: Headers) => {
    const { service, kept } = await startKept("X-API-Key" in headers ? { API_KEYS } : {}, path, headers);
    const repeated = await request(service, path, headers);
    expect(repeated.isRepeated).toBe(true);
    expect(repeated.body).toBe(kept.body);
    expect(lastingHeaders(repeated.response)).toEqual(lastingHeaders(kept.response));
    expect([...repeated.response.headers.keys()]).toEqual([...kept.response.headers.keys()]);
    expect(repeated.response.headers.get("X-Request-Id")).not.toBe(kept.response.headers.get("X-Request-Id"));
  });

  it("has the current Age, and the remaining ttl in Cache-Status", async () => {
    const { service, kept } = await startKept();
    const numbersOf = ({ headers }: Response) =>
      [headers.get("Age"), /ttl=(\d+)/.exec(headers.get("Cache-Status") ?? "")?.[1]].map(Number);
    const [age = 0, ttl = 0] = numbersOf(kept.response);
    vi.setSystemTime(Date.now() + 90 * SECOND);
    const { response, isRepeated } = await request(service);
    expect(isRepeated).toBe(true);
    expect(numbersOf(response)).toEqual([age + 90, ttl - 90]);
    expect(response.headers.get("Cache-Status")).toMatch(/^short-interest-edge; hit; ttl=/);
  });

  it("takes the request ID of its client", async () => {
    const { service } = await startKept();
    const { response, isRepeated } = await request(service, PATH, { "X-Request-Id": "mine" });
    expect([isRepeated, response.headers.get("X-Request-Id")]).toEqual([true, "mine"]);
  });

  it("has the log line of a page of the edge cache", async () => {
    const { service } = await startKept({ API_KEYS }, LATEST, WITH_KEY);
    const entryOf = () => JSON.parse(logLines().at(-1) ?? "");
    const { request_id: first, ms: firstMs, ...kept } = entryOf();
    expect((await request(service, LATEST, WITH_KEY)).isRepeated).toBe(true);
    const { request_id: second, ms, ...repeated } = entryOf();
    expect(repeated).toEqual(kept);
    expect(repeated).toMatchObject({ key: "reader", pages: { edge: 2 }, symbols: ["HK.00700", "US.AAPL"] });
    expect([Object.keys(ms), second === first]).toEqual([Object.keys(firstMs), false]);
  });

  it("is a 304 for If-None-Match, with the headers of the first 304", async () => {
    const { service, kept } = await startKept();
    const ifNoneMatch = { "If-None-Match": kept.response.headers.get("ETag") ?? "" };
    // Under another URL, a page of the edge cache that is not kept yet.
    const first = await request(service, `${PATH}?`, ifNoneMatch);
    expect(first.isRepeated).toBe(false);
    for (const method of ["GET", "HEAD"]) {
      const { response, isRepeated, body } = await request(service, PATH, ifNoneMatch, method);
      expect([response.status, isRepeated, body]).toEqual([304, true, ""]);
      expect(lastingHeaders(response)).toEqual(lastingHeaders(first.response));
    }
    expect((await request(service, PATH, { "If-None-Match": '"other"' })).body).toBe(kept.body);
  });

  it("to HEAD has the headers of the first one to GET, and the other way round", async () => {
    const { service, kept } = await startKept();
    const head = await request(service, PATH, {}, "HEAD");
    expect([head.isRepeated, head.body]).toEqual([true, ""]);
    expect(lastingHeaders(head.response)).toEqual(lastingHeaders(kept.response));
    const path = `${PATH}?num=2`;
    const firstHead = await request(service, path, {}, "HEAD");
    const get = await request(service, path);
    expect([firstHead.isRepeated, get.isRepeated]).toEqual([false, true]);
    expect(JSON.parse(get.body).items).toHaveLength(2);
  });
});

describe("response that differs by", () => {
  it("Accept is not reused for another one", async () => {
    const { service } = await startKept();
    const { response, isRepeated } = await request(service, PATH, { Accept: "text/csv" });
    expect([isRepeated, response.headers.get("Content-Type")]).toEqual([
      false,
      "text/csv; charset=utf-8; header=present",
    ]);
    expect((await request(service, PATH, { Accept: "image/png" })).response.status).toBe(406);
  });

  it("num and next_key is not reused for another one", async () => {
    const { service, kept } = await startKept();
    const { next_key: cursor, items } = JSON.parse(kept.body);
    const shorter = await request(service, `${PATH}?num=1`);
    expect([shorter.isRepeated, JSON.parse(shorter.body).items]).toEqual([false, items.slice(0, 1)]);
    const next = await request(service, `${PATH}?next_key=${cursor}`);
    expect(next.isRepeated).toBe(false);
    expect(JSON.parse(next.body).items).not.toEqual(items);
    expect((await request(service, `${PATH}?num=0`)).response.status).toBe(400);
  });

  it("origin is not reused for another one", async () => {
    const allowed = "https://a.example";
    const { service } = await startKept({ ALLOWED_ORIGINS: `${allowed},https://b.example` }, PATH, {
      Origin: allowed,
    });
    const allowOriginFor = async (origin?: string) => {
      const headers: Headers = origin === undefined ? {} : { Origin: origin };
      const { response } = await request(service, PATH, headers);
      return response.headers.get("Access-Control-Allow-Origin");
    };
    for (const _ of [1, 2]) {
      expect(await allowOriginFor(allowed)).toBe(allowed);
      expect(await allowOriginFor("https://b.example")).toBe("https://b.example");
      expect(await allowOriginFor("https://c.example")).toBeNull();
      expect(await allowOriginFor()).toBeNull();
    }
  });

  it("configuration is not reused for another one in the same isolate", async () => {
    const { service, kept } = await startKept();
    const other = { ...service, env: { ...service.env, API_KEYS } };
    const { default: worker } = await import("../../functions/index.ts");
    const { createExecutionContext } = await import("cloudflare:test");
    const get = (env: object, headers: Headers = {}) =>
      worker.fetch(new Request(service.origin + PATH, { headers }), env, createExecutionContext());
    expect((await get(other.env)).status).toBe(401);
    for (const _ of [1, 2, 3]) {
      const response = await get(other.env, WITH_KEY);
      expect(response.headers.get("Cache-Control")).toMatch(/^private/);
      const open = await get(service.env);
      expect(lastingHeaders(open)).toEqual(lastingHeaders(kept.response));
    }
  });
});

describe("entry of the response cache", () => {
  it("expires when its page must be revalidated", async () => {
    const { service } = await startKept();
    vi.setSystemTime(Date.now() + TRUSTED_MS);
    expect((await request(service)).isRepeated).toBe(true);
    vi.setSystemTime(Date.now() + EDGE_TRUST_SPREAD_MS + 2 * SECOND);
    expect((await request(service)).isRepeated).toBe(false);
  });

  it("of a purged page expires within an hour", async () => {
    const { service, kept } = await startKept();
    for (const kind of ["page", "index", "lease"]) {
      for (const name of ["HK.00700/", "HK.00700"]) {
        await service.upstash.redis("DEL", `short-interest:${kind}:${name}`);
      }
    }
    vi.setSystemTime(Date.now() + EDGE_TRUST_MS + REVALIDATE_GRACE_MS);
    const { response, isRepeated } = await request(service);
    expect([response.status, isRepeated]).toEqual([200, false]);
    expect(response.headers.get("Cache-Status")).toBe("short-interest-edge; fwd=miss; stored");
    expect(kept.response.headers.get("Cache-Status")).toContain("hit");
  });

  it.each([
    ["a list with a failed symbol", "/v1/short-interest?symbols=HK.00700,US.NOSUCH"],
    ["the page after the last one", `${PATH}?next_key=-1`],
  ])("is never %s", async (_, path) => {
    const { service } = await startKept();
    for (const attempt of [1, 2, 3]) {
      const { response, isRepeated } = await request(service, path);
      expect([response.status, isRepeated], String(attempt)).toEqual([200, false]);
    }
  });

  it("is never a page with fewer rows than requested because its fetch failed", async () => {
    const service = await startService();
    const { items } = JSON.parse((await request(service, `${PATH}?num=50`)).body);
    await service.opend.set({ fault: "not a WebSocket" });
    const path = `${PATH}?num=10&next_key=${items.at(-4).timestamp}`;
    for (const _ of [1, 2, 3]) {
      const { response, isRepeated, body } = await request(service, path);
      expect([JSON.parse(body).items.length, isRepeated]).toEqual([3, false]);
      expect(response.headers.get("Cache-Control")).toContain("max-age=0,");
    }
  });

  it("is never a stale page", async () => {
    const { service } = await startKept();
    await service.opend.set({ fault: "not a WebSocket" });
    vi.setSystemTime(Date.now() + 25 * 3_600 * SECOND);
    for (const _ of [1, 2, 3]) {
      const { response, isRepeated } = await request(service);
      expect([response.status, isRepeated]).toEqual([200, false]);
      expect(response.headers.get("Cache-Status")).toContain("fwd=stale");
    }
  });

  it("causes no subrequest, no timer and no background work on a hit", async () => {
    const { service } = await startKept();
    const match = vi.spyOn(caches.default, "match");
    const timer = vi.spyOn(globalThis, "setTimeout");
    const { default: worker } = await import("../../functions/index.ts");
    const { createExecutionContext } = await import("cloudflare:test");
    const context = createExecutionContext();
    const waitUntil = vi.spyOn(context, "waitUntil");
    const response = await worker.fetch(new Request(service.origin + PATH), service.env, context);
    expect(response.status).toBe(200);
    expect(JSON.parse(logLines().at(-1) ?? "")).toMatchObject({
      pages: { edge: 1 },
      calls: 0,
      subrequests: 0,
    });
    expect([match, timer, waitUntil].map(({ mock }) => mock.calls.length)).toEqual([0, 0, 0]);
  });
});

describe("client of a cached response", () => {
  it("needs a valid API key, as for the first response", async () => {
    const { service } = await startKept({ API_KEYS }, PATH, WITH_KEY);
    const refused = await request(service, PATH, { "X-API-Key": "wrong", Origin: "https://a.example" });
    expect(refused.response.status).toBe(401);
    expect(JSON.parse(refused.body)).toMatchObject({ code: "unauthorized" });
    const { headers } = refused.response;
    expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.get("Content-Security-Policy")).toMatch(/^default-src 'none'/);
    expect(JSON.parse(logLines().at(-1) ?? "")).toMatchObject({ status: 401, code: "unauthorized" });
    expect((await request(service, PATH, { "X-API-Key": "another key" })).isRepeated).toBe(true);
    expect(JSON.parse(logLines().at(-1) ?? "")).toMatchObject({ key: "other" });
  });

  it.each([
    ["address", {}, "203.0.113.9"],
    ["API key", { API_KEYS }, "key:reader"],
  ])("is counted once for each request by its %s, and refused past its rate limit", async (_, vars, name) => {
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: keys.push(key) <= 4 });
    const headers = { ...WITH_KEY, "CF-Connecting-IP": "203.0.113.9", Origin: "https://a.example" };
    const binding = "API_KEYS" in vars ? "REQUESTS_PER_KEY" : "REQUESTS_PER_CLIENT";
    const { service } = await startKept({ ...vars, [binding]: { limit } }, PATH, headers);
    for (const count of [3, 4]) {
      expect((await request(service, PATH, headers)).isRepeated).toBe(true);
      expect(keys).toEqual(Array(count).fill(name));
    }
    const { response, body } = await request(service, PATH, headers);
    expect([response.status, response.headers.get("Retry-After")]).toEqual([429, "60"]);
    expect(JSON.parse(body)).toMatchObject({ code: "too_many_requests" });
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(response.headers.get("RateLimit")).toBe('"requests";r=0;t=60');
    expect(keys).toHaveLength(5);
    expect(JSON.parse(logLines().at(-1) ?? "")).toMatchObject({ status: 429, code: "too_many_requests" });
  });
});
