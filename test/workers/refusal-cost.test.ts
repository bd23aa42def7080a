import { afterAll, beforeAll, expect, it } from "vitest";
import { commandCount } from "../support/commandstats.ts";
import { type LocalService, startPlainService } from "../support/local-service.ts";

const SHARE = 4;
const REQUESTS = 40;

let running: LocalService;
beforeAll(async () => {
  running = await startPlainService({}, { CLIENT_SHARE: String(SHARE), SUBREQUEST_LIMIT: "10000" });
}, 60_000);
afterAll(() => running.close());

const get = (path: string, address: string) =>
  fetch(`${running.origin}/v1/short-interest${path}`, { headers: { "CF-Connecting-IP": address } });
const commands = () => commandCount(running.upstash, running.redisKind);

it("a refused request costs at most 2 Redis commands on average over 40 requests of one client", async () => {
  for (let index = 0; index < SHARE; index += 1)
    expect((await get(`/US.T${index}`, "192.0.2.1")).status).toBe(200);
  const before = await commands();
  for (let index = 0; index < REQUESTS; index += 1) {
    const response = await get(`/US.T${100 + index}`, "192.0.2.1");
    expect(response.status).toBe(429);
    expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(20);
    await response.arrayBuffer();
  }
  expect((await commands()) - before).toBeLessThanOrEqual(2 * REQUESTS);
});

it("a request for 50 symbols by a refused client costs at most 2 Redis commands per symbol", async () => {
  const before = await commands();
  const symbols = Array.from({ length: 50 }, (_, index) => `US.T${200 + index}`).join();
  const response = await get(`?symbols=${symbols}`, "192.0.2.1");
  const { items } = (await response.json()) as { items: { error: { code: string } | null }[] };
  expect(items.map(({ error }) => error?.code)).toEqual(Array(50).fill("client_quota_exceeded"));
  expect((await commands()) - before).toBeLessThanOrEqual(100);
});

it("a request for 50 symbols costs at most 5 Redis commands per symbol if its refusal is not yet cached", async () => {
  for (let index = 0; index < SHARE; index += 1)
    expect((await get(`/US.T${250 + index}`, "192.0.2.2")).status).toBe(200);
  const before = await commands();
  const symbols = Array.from({ length: 50 }, (_, index) => `US.T${300 + index}`).join();
  expect((await get(`?symbols=${symbols}`, "192.0.2.2")).status).toBe(200);
  expect((await commands()) - before).toBeLessThanOrEqual(250);
});
