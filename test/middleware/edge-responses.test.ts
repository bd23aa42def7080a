import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  EDGE_TRUST_MS,
  EDGE_TRUST_SPREAD_MS,
  REVALIDATE_GRACE_MS,
} from "../../functions/page-source/freshness.ts";
import { otherIsolate } from "../support/isolate.ts";
import { logLines } from "../support/log.ts";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";
import { countSubrequests } from "../support/subrequests.ts";

const PATH = "/v1/short-interest/HK.00700";
const LATEST = "/v1/short-interest?symbols=HK.00700,US.AAPL";
const KEY = "a key";
const API_KEYS = `reader:${await sha256(KEY)}`;
const WITH_KEY = { "X-API-Key": KEY };
const SECOND = 1_000;
const VERSION = { CF_VERSION_METADATA: { id: "first", tag: "", timestamp: "" } };
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

/** Starts a service whose response to a request is stored at the edge, and returns that response. */
async function startStored(vars: Record<string, unknown> = {}, path = PATH, headers: Headers = {}) {
  const service = await startService({}, { ...VERSION, ...vars });
  const isolate = otherIsolate(service);
  await isolate(path, headers);
  const put = vi.spyOn(caches.default, "put");
  const stored = await isolate(path, headers);
  expect([stored.response.status, stored.isReused]).toEqual([200, false]);
  const [url] = put.mock.calls[0] ?? [];
  put.mockRestore();
  return { service, isolate, stored, url: String(url) };
}

/** All headers but those of the single request. */
function lastingHeaders({ headers }: Response): Headers {
  const own = ["age", "cache-status", "server-timing", "x-request-id"];
  return Object.fromEntries([...headers].filter(([name]) => !own.includes(name)));
}

const lastLogEntry = () => JSON.parse(logLines().at(-1) ?? "");

describe("response at the edge", () => {
  it("is stored for its whole lifetime, even if its page is older", async () => {
    const service = await startService({}, VERSION);
    const isolate = otherIsolate(service);
    await isolate(PATH);
    vi.setSystemTime(Date.now() + 2 * 3_600 * SECOND);
    for (const _ of [1, 2, 3]) await isolate(PATH);
    const reused = await otherIsolate(service)(PATH);
    expect(reused.isReused).toBe(true);
    expect(Number(reused.response.headers.get("Age"))).toBeGreaterThanOrEqual(7_200);
  });

  it.each([
    ["page", PATH, {}],
    ["page in CSV", `${PATH}?format=csv&num=3`, {}],
    ["page in protobuf", PATH, { Accept: "application/x-protobuf" }],
    ["list of newest rows", LATEST, {}],
    ["page for an API key", PATH, WITH_KEY],
  ] as const)(
    "of a %s has the same bytes and headers in another isolate",
    async (_, path, headers: Headers) => {
      const vars = "X-API-Key" in headers ? { API_KEYS } : {};
      const { service, stored } = await startStored(vars, path, headers);
      const other = otherIsolate(service);
      const reused = await other(path, headers);
      expect([reused.isReused, reused.body === stored.body]).toEqual([true, true]);
      expect(lastingHeaders(reused.response)).toEqual(lastingHeaders(stored.response));
      expect([...reused.response.headers.keys()]).toEqual([...stored.response.headers.keys()]);
      expect(reused.response.headers.get("X-Request-Id")).not.toBe(
        stored.response.headers.get("X-Request-Id"),
      );
      const { symbols } = lastLogEntry();
      expect(lastLogEntry()).toMatchObject({ pages: { edge: symbols.length }, calls: 0, subrequests: 1 });
      expect((await other(path, headers)).isReused).toBe(true);
      expect(lastLogEntry()).toMatchObject({ pages: { edge: symbols.length }, symbols, subrequests: 0 });
    },
  );

  it("has the current Age, and the remaining ttl in Cache-Status", async () => {
    const { service, stored } = await startStored();
    const numbersOf = ({ headers }: Response) =>
      [headers.get("Age"), /; hit; ttl=(\d+)/.exec(headers.get("Cache-Status") ?? "")?.[1]].map(Number);
    const [age = 0, ttl = 0] = numbersOf(stored.response);
    vi.setSystemTime(Date.now() + 90 * SECOND);
    const { response, isReused } = await otherIsolate(service)(PATH);
    expect([isReused, numbersOf(response)]).toEqual([true, [age + 90, ttl - 90]]);
    expect(response.headers.get("Server-Timing")).toMatch(/^edge;dur=\d+$/);
  });

  it.each(["GET", "HEAD"])("is a 304 for If-None-Match of %s", async (method) => {
    const { service, isolate, stored } = await startStored();
    const ifNoneMatch = { "If-None-Match": stored.response.headers.get("ETag") ?? "" };
    const first = await isolate(PATH, ifNoneMatch);
    const { response, isReused, body } = await otherIsolate(service)(PATH, ifNoneMatch, method);
    expect([response.status, isReused, body]).toEqual([304, true, ""]);
    expect(lastingHeaders(response)).toEqual(lastingHeaders(first.response));
  });

  it("serves HEAD without a body, and then GET from memory", async () => {
    const { service, stored } = await startStored();
    const other = otherIsolate(service);
    const head = await other(PATH, {}, "HEAD");
    expect([head.response.status, head.isReused, head.body]).toEqual([200, true, ""]);
    expect(lastingHeaders(head.response)).toEqual(lastingHeaders(stored.response));
    expect((await other(PATH)).body).toBe(stored.body);
    expect(lastLogEntry()).toMatchObject({ subrequests: 0 });
  });

  it("is used until its page must be revalidated, although the cache still has it", async () => {
    const { service, url } = await startStored();
    vi.setSystemTime(Date.now() + TRUSTED_MS);
    expect((await otherIsolate(service)(PATH)).isReused).toBe(true);
    vi.setSystemTime(Date.now() + EDGE_TRUST_SPREAD_MS + 2 * SECOND);
    expect((await otherIsolate(service)(PATH)).isReused).toBe(false);
    expect(await caches.default.match(url)).toBeDefined();
  });

  it("of a purged page is used for an hour at most", async () => {
    const { service } = await startStored();
    for (const kind of ["page", "index", "lease"]) {
      for (const name of ["HK.00700/", "HK.00700"]) {
        await service.upstash.redis("DEL", `short-interest:${kind}:${name}`);
      }
    }
    vi.setSystemTime(Date.now() + EDGE_TRUST_MS + REVALIDATE_GRACE_MS);
    const { response, isReused } = await otherIsolate(service)(PATH);
    expect([response.status, isReused]).toEqual([200, false]);
    expect(response.headers.get("Cache-Status")).toBe("short-interest-edge; fwd=miss; stored");
  });
});

describe("response at the edge that differs by", () => {
  it.each([
    ["version", { CF_VERSION_METADATA: { id: "second" } }, PATH, {}],
    ["unknown version", { CF_VERSION_METADATA: undefined }, PATH, {}],
    ["Accept", {}, PATH, { Accept: "text/csv" }],
    ["num", {}, `${PATH}?num=1`, {}],
    ["spelling of the path", {}, "/v1/short-interest/HK%2E00700", {}],
    ["spelling of the query", {}, `${PATH}?`, {}],
    ["origin", { ALLOWED_ORIGINS: "https://a.example" }, PATH, { Origin: "https://a.example" }],
  ] as const)("%s is not reused", async (_, vars, path, headers: Headers) => {
    const { service } = await startStored({ ALLOWED_ORIGINS: "https://a.example" });
    const { response, isReused } = await otherIsolate(service, vars)(path, headers);
    expect([response.status, isReused]).toEqual([200, false]);
    const origin = headers.Origin ?? null;
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe(origin);
  });

  it("its key is not reused, although it has the same URL in the cache", async () => {
    const { service, isolate, url } = await startStored();
    const other = `${PATH}?num=1`;
    await isolate(other);
    const entry = await caches.default.match(url.replace("HK.00700", "HK.00700%3Fnum%3D1"));
    await caches.default.put(url, new Response(entry?.body, entry));
    const { body, isReused } = await otherIsolate(service)(PATH);
    expect([isReused, JSON.parse(body).items.length]).toEqual([false, 10]);
  });
});

describe("edge", () => {
  it.each([
    ["no metadata", undefined],
    ["metadata that is no JSON", "{"],
    ["metadata in another encoding", "%"],
    ["metadata of another shape", '{"name":"HK.00700"}'],
  ])("that has an entry with %s is ignored", async (_, metadata) => {
    const { service, stored, url } = await startStored();
    const headers = { "Cache-Control": "max-age=60", ...(metadata && { "x-response-metadata": metadata }) };
    await caches.default.put(url, new Response("{}", { headers }));
    const { response, body, isReused } = await otherIsolate(service)(PATH);
    expect([response.status, isReused, body]).toEqual([200, false, stored.body]);
  });

  it("that cannot be read or written fails no request", async () => {
    const { service, stored } = await startStored();
    vi.spyOn(caches.default, "match").mockRejectedValue(new Error("The cache is down"));
    vi.spyOn(caches.default, "put").mockRejectedValue(new Error("The cache is down"));
    const isolate = otherIsolate(service);
    for (const isReused of [false, true]) {
      const reply = await isolate(PATH);
      expect([reply.response.status, reply.body, reply.isReused]).toEqual([200, stored.body, isReused]);
    }
  });

  it("stores no response that ends within a minute", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const { service } = await startStored();
    vi.setSystemTime(Date.now() + TRUSTED_MS);
    const isolate = otherIsolate(service);
    const urls: string[] = [];
    vi.spyOn(caches.default, "put").mockImplementation(async (url) => void urls.push(String(url)));
    await isolate(`${PATH}?num=1`);
    expect(urls.filter((url) => url.includes("/response?"))).toEqual([]);
  });

  it.each(["/", "/healthz", "/openapi.json", "/problems/unauthorized", "/metrics", `${PATH}/history`])(
    "is not asked for a response of %s",
    async (path) => {
      const { isolate } = await startStored({ API_KEYS }, PATH, WITH_KEY);
      const match = vi.spyOn(caches.default, "match");
      await isolate(path, WITH_KEY);
      expect(match.mock.calls.filter(([url]) => String(url).includes("/response?"))).toEqual([]);
    },
  );

  it("is not asked for a refused client, whose refusal has CORS headers and a log line", async () => {
    const { service } = await startStored({ API_KEYS }, PATH, WITH_KEY);
    const isolate = otherIsolate(service);
    const match = vi.spyOn(caches.default, "match");
    const headers = { "X-API-Key": "wrong", Origin: "https://a.example" };
    const { response, body } = await isolate(PATH, headers);
    expect([response.status, JSON.parse(body).code]).toEqual([401, "unauthorized"]);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(lastLogEntry()).toMatchObject({ status: 401, code: "unauthorized", subrequests: 0 });
    expect(match).not.toHaveBeenCalled();
  });

  it("counts each request once, and refuses past the rate limit", async () => {
    const keys: string[] = [];
    const limit = async ({ key }: { key: string }) => ({ success: keys.push(key) <= 3 });
    const vars = { API_KEYS, REQUESTS_PER_KEY: { limit } };
    const { service } = await startStored(vars, PATH, WITH_KEY);
    const isolate = otherIsolate(service);
    expect((await isolate(PATH, WITH_KEY)).isReused).toBe(true);
    const { response } = await isolate(`${PATH}?num=2`, { ...WITH_KEY, Origin: "https://a.example" });
    expect([response.status, response.headers.get("Access-Control-Allow-Origin")]).toEqual([429, "*"]);
    expect(keys).toEqual(Array(4).fill("key:reader"));
    expect(lastLogEntry()).toMatchObject({ status: 429, code: "too_many_requests" });
  });

  it("keeps a list of 50 symbols within 50 subrequests", async () => {
    const service = await startService({ limit: 100 }, { ...VERSION, CLIENT_SHARE: "30" });
    const symbols = Array.from({ length: 50 }, (_, index) => `US.T${index}`);
    const filling = otherIsolate(service, { SUBREQUEST_LIMIT: "10000" });
    for (const part of [symbols.slice(0, 25), symbols.slice(25)]) {
      await filling(`/v1/short-interest?symbols=${part.join()}`);
      await service.upstash.redis("DEL", "short-interest:permits");
    }
    const path = `/v1/short-interest?symbols=${symbols.join()}`;
    // No page is in memory either.
    vi.resetModules();
    const { default: worker } = await import("../../functions/index.ts");
    const failures: number[] = [];
    const bodies: string[] = [];
    for (const _ of [1, 2]) {
      const counted = await countSubrequests(service, async () => {
        const context = createExecutionContext();
        const response = await worker.fetch(new Request(service.origin + path), service.env, context);
        await waitOnExecutionContext(context);
        const text = await response.text();
        const { items } = JSON.parse(text) as { items: { error: unknown }[] };
        failures.push(items.filter(({ error }) => error !== null).length);
        bodies.push(text);
      });
      expect(counted).toBeLessThanOrEqual(50);
    }
    expect(failures).toEqual([expect.any(Number), 0]);
    const reused = await otherIsolate(service)(path);
    expect([reused.isReused, reused.body === bodies[1]]).toEqual([true, true]);
  });
});
