import { afterAll, beforeAll, expect, it } from "vitest";
import { commandCount } from "../support/command-count.ts";
import { type LocalService, startLocalService } from "../support/local-service.ts";

const SHARE = 4;
const REQUESTS = 40;

let running: LocalService;
beforeAll(async () => {
  running = await startLocalService({}, { CLIENT_SHARE: String(SHARE), SUBREQUEST_LIMIT: "10000" });
}, 60_000);
afterAll(() => running.close());

const client = (address: string) => ({ headers: { "CF-Connecting-IP": address } });
const get = (path: string, address: string) =>
  fetch(`${running.origin}/v1/short-interest${path}`, client(address));
const commands = () => commandCount(running.upstash, running.redisKind);

it("a refused request costs at most 2 Redis commands on average over 40 requests of one client", async () => {
  for (let at = 0; at < SHARE; at += 1) expect((await get(`/US.T${at}`, "192.0.2.1")).status).toBe(200);
  const before = await commands();
  for (let at = 0; at < REQUESTS; at += 1) {
    const response = await get(`/US.T${100 + at}`, "192.0.2.1");
    expect(response.status).toBe(429);
    expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(20);
    await response.arrayBuffer();
  }
  expect((await commands()) - before).toBeLessThanOrEqual(2 * REQUESTS);
});

it("a request for 50 symbols by a refused client costs at most 2 Redis commands a symbol", async () => {
  const before = await commands();
  const symbols = Array.from({ length: 50 }, (_, at) => `US.T${200 + at}`).join();
  const response = await get(`?symbols=${symbols}`, "192.0.2.1");
  const { items } = (await response.json()) as { items: { error: { code: string } | null }[] };
  expect(items.map(({ error }) => error?.code)).toEqual(Array(50).fill("client_quota_exceeded"));
  expect((await commands()) - before).toBeLessThanOrEqual(100);
});

it("a request for 50 symbols costs at most 5 Redis commands a symbol when its refusal is not yet known", async () => {
  for (let at = 0; at < SHARE; at += 1) expect((await get(`/US.T${250 + at}`, "192.0.2.2")).status).toBe(200);
  const before = await commands();
  const symbols = Array.from({ length: 50 }, (_, at) => `US.T${300 + at}`).join();
  expect((await get(`?symbols=${symbols}`, "192.0.2.2")).status).toBe(200);
  expect((await commands()) - before).toBeLessThanOrEqual(250);
});
