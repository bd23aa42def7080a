import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type StandInOpend, startOpend } from "../stand-ins/opend.ts";
import { type RedisHost, startRedis } from "../stand-ins/redis.ts";
import { type StandInUpstash, startUpstash } from "../stand-ins/upstash.ts";
import { startPlainWorkerd } from "../support/plain-workerd.ts";
import { PUBLIC } from "../support/public-access.ts";

const WORKERS = 8;
const CLIENTS = 100;

let redis: RedisHost;
let opend: StandInOpend;
let upstash: StandInUpstash;
let workers: Awaited<ReturnType<typeof startPlainWorkerd>>;

beforeAll(async () => {
  redis = await startRedis();
  opend = await startOpend();
  upstash = await startUpstash(await redis.open());
  const vars = {
    ...PUBLIC,
    OPEND_URL: opend.url,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: upstash.token,
    CLIENT_SHARE: "30",
  };
  workers = await startPlainWorkerd(vars, { workers: WORKERS });
  await Promise.all(workers.origins.map((origin) => fetch(`${origin}/healthz`)));
}, 120_000);

afterAll(async () => {
  await workers.close();
  await upstash.close();
  await opend.close();
  await redis.close();
});

const get = (origin: string | undefined, symbol: string, init?: RequestInit) =>
  fetch(`${origin}/v1/short-interest/${symbol}`, init);

describe(`${WORKERS} Workers with one shared cache`, () => {
  it(`make one call for an uncached page that ${CLIENTS} clients per Worker request at once`, async () => {
    const { calls } = opend.stats();
    const requests = workers.origins.flatMap((origin) =>
      Array.from({ length: CLIENTS }, () => get(origin, "US.AAPL")),
    );
    const bodies = await Promise.all(requests.map(async (response) => (await response).text()));
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).toContain('"symbol":"US.AAPL"');
    expect(opend.stats().calls - calls).toBe(1);
  });

  it("make 20 calls for 20 uncached pages", async () => {
    const { calls } = opend.stats();
    const symbols = Array.from({ length: 20 }, (_, index) => `US.T${index}`);
    const requests = symbols.flatMap((symbol) =>
      workers.origins.flatMap((origin) => [get(origin, symbol), get(origin, symbol)]),
    );
    const statuses = await Promise.all(requests.map(async (response) => (await response).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(opend.stats().calls - calls).toBe(20);
  });

  it("store a page whose client has disconnected during the fetch", async () => {
    opend.set({ delayMs: [100, 150] });
    const { calls } = opend.stats();
    const controller = new AbortController();
    const aborted = get(workers.origins[0], "US.TSLA", { signal: controller.signal });
    await vi.waitFor(() => expect(opend.stats().connections).toBeGreaterThan(0));
    controller.abort();
    await expect(aborted).rejects.toThrow();
    await vi.waitFor(async () => {
      expect(opend.stats().calls).toBe(calls + 1);
      expect((await get(workers.origins[1], "US.TSLA")).headers.get("Cache-Status")).toContain("hit");
    });
    expect(opend.stats().calls).toBe(calls + 1);
    opend.set({ delayMs: [0, 0] });
  });

  it("purge deletes the cached pages of one symbol or of all", async () => {
    const run = (...args: string[]) =>
      promisify(execFile)(process.execPath, ["scripts/purge.ts", ...args], {
        env: { ...process.env, UPSTASH_REDIS_REST_URL: upstash.url, UPSTASH_REDIS_REST_TOKEN: upstash.token },
      });
    expect((await run("us.aapl")).stdout).toBe("US.AAPL: 1 cached page deleted\n");
    // The record of first sights outlives a purge.
    expect(await upstash.redis.call("KEYS", "short-interest:*US.AAPL*")).toEqual([
      "short-interest:first-seen:US.AAPL",
    ]);
    expect((await run("--all")).stdout).toBe("all pages: 21 cached pages deleted\n");
    expect(await upstash.redis.call("KEYS", "short-interest:page:*")).toEqual([]);
    await expect(run("nonsense")).rejects.toThrow("nonsense: A symbol must be");
    await expect(run()).rejects.toThrow("usage");
  });
});
