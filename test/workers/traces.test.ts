import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type StandInOpend, startOpend } from "../stand-ins/opend.ts";
import { type RedisHost, startRedis } from "../stand-ins/redis.ts";
import { type StandInUpstash, startUpstash } from "../stand-ins/upstash.ts";
import { sha256 } from "../support/sha256.ts";
import { collectedSpans, collectedText, SPAN_COLLECTOR } from "../support/span-collector.ts";
import { control } from "../support/stand-ins.ts";
import { startWorkerd, type Workerd } from "../support/workerd.ts";

/** The spans of the deployed script, as the tracing of the platform's runtime collects them. */

const KEY = "key-of-a-client";
const ADDRESS = "203.0.113.7";
const OPEND_KEY = "key-of-opend";
const TOKEN = "token-of-upstash";
const OWN = ["edge_cache", "shared_cache", "permit", "connect", "call"];

let redis: RedisHost;
let opend: StandInOpend;
let upstash: StandInUpstash;
let workerd: Workerd;

beforeAll(async () => {
  redis = await startRedis();
  opend = await startOpend({ key: OPEND_KEY });
  upstash = await startUpstash(await redis.open(), TOKEN);
  const vars = {
    API_KEYS: `me:${await sha256(KEY)}`,
    OPEND_URL: opend.url,
    OPEND_KEY,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: TOKEN,
    UPSTREAM_WAIT_MS: "0",
  };
  const script = await control.bundle("worker");
  workerd = await startWorkerd({
    worker: { script, vars, tail: "collector" },
    untraced: { script, vars },
    collector: { script: SPAN_COLLECTOR },
  });
}, 60_000);

afterAll(async () => {
  await workerd?.close();
  for (const server of [upstash, opend, redis]) await server?.close();
});

const get = (name: string, path: string) =>
  fetch(workerd.originOf(name) + path, {
    headers: { "X-API-Key": KEY, "CF-Connecting-IP": ADDRESS, "X-Forwarded-For": ADDRESS },
  });

/** The events of the collector when the log line of the last of `requests` is written. */
async function collected(requests: number): Promise<string> {
  return vi.waitFor(
    async () => {
      const text = await collectedText(workerd.originOf("collector"));
      expect(text.split('\\"route\\":')).toHaveLength(requests + 1);
      return text;
    },
    { timeout: 10_000 },
  );
}

describe("traces", () => {
  let text: string;

  beforeAll(async () => {
    expect((await get("worker", "/v1/short-interest/US.AAPL")).status).toBe(200);
    opend.set({ fault: "reset" });
    expect((await get("worker", "/v1/short-interest/US.MSFT")).status).toBe(502);
    text = await collected(2);
  }, 60_000);

  it("have a span for each phase of a request", () => {
    const names = collectedSpans(text).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(OWN));
  });

  it("have the subrequests of a phase as children of its span", () => {
    const parents = (child: string) =>
      collectedSpans(text).flatMap(({ name, parent }) => (name === child ? [parent] : []));
    expect(parents("cache_match")).toContain("edge_cache");
    for (const parent of ["shared_cache", "permit", "connect"]) expect(parents("fetch")).toContain(parent);
  });

  it("have the ID that the log line of the request has", () => {
    const [first, second] = [...text.matchAll(/\\"trace_id\\":\\"(\w+)\\"/g)].map(([, id]) => id);
    expect(first).toMatch(/^[\da-f]{32}$/);
    expect(second).not.toBe(first);
    const ids = new Set(collectedSpans(text).map(({ traceId }) => traceId));
    expect(ids).toEqual(new Set([first, second]));
  });

  it("have no key, token, digest and client address", async () => {
    for (const secret of [KEY, ADDRESS, OPEND_KEY, TOKEN, await sha256(KEY)])
      expect(text).not.toContain(secret);
  });

  it("have no attribute of the service's own spans but the type of an error", () => {
    const own = collectedSpans(text).filter(({ name }) => OWN.includes(name));
    const attributes = own.flatMap((span) => Object.entries(span.attributes));
    expect(attributes).toContainEqual(["error.type", "opend_unreachable"]);
    for (const [name, value] of attributes) {
      expect(name).toBe("error.type");
      expect(value).toMatch(/^[a-z_]+$/);
    }
  });
});

describe("a request that is not traced", () => {
  it("succeeds and has no trace ID", async () => {
    const before = await collected(2);
    const response = await get("untraced", "/v1/short-interest/US.AAPL");
    expect(response.status).toBe(200);
    await response.text();
    expect(await collectedText(workerd.originOf("collector"))).toBe(before);
  });
});
