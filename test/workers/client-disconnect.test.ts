import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type StandInOpend, startOpend } from "../stand-ins/opend.ts";
import { type RedisHost, startRedis } from "../stand-ins/redis.ts";
import { type StandInUpstash, startUpstash } from "../stand-ins/upstash.ts";
import { startPlainWorkerd } from "../support/plain-workerd.ts";
import { PUBLIC } from "../support/public-access.ts";

let redis: RedisHost;
let opend: StandInOpend;
let upstash: StandInUpstash;
let worker: Awaited<ReturnType<typeof startPlainWorkerd>>;

beforeAll(async () => {
  redis = await startRedis();
  opend = await startOpend({ delayMs: [150, 150] });
  upstash = await startUpstash(await redis.open());
  worker = await startPlainWorkerd({
    ...PUBLIC,
    OPEND_URL: opend.url,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: upstash.token,
    CLIENT_SHARE: "30",
    SUBREQUEST_LIMIT: "10000",
  });
}, 60_000);

afterAll(async () => {
  for (const resource of [worker, upstash, opend, redis]) await resource?.close();
});

it("a history makes no further calls to OpenD after its client disconnects", {
  timeout: 60_000,
}, async () => {
  const controller = new AbortController();
  const url = `${worker.origin}/v1/short-interest/US.ROWS1000/history`;
  const response = fetch(url, { signal: controller.signal }).then((result) => result.text());
  response.catch(() => undefined);
  await vi.waitFor(() => expect(opend.stats().calls).toBeGreaterThanOrEqual(3), 10_000);
  controller.abort();
  // The call in flight may still succeed. The next one would follow within a second.
  await vi.waitFor(() => expect(opend.stats().connections).toBe(0), 10_000);
  expect(opend.stats().calls).toBeLessThan(6);
});
