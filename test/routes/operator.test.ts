import { createExecutionContext } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import worker from "../../functions/index.ts";
import { type Service, startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";
import { control } from "../support/stand-ins.ts";
import { agePage } from "../support/stored-page.ts";

const KEY = "key";
const API_KEYS = `me:${await sha256(KEY)}`;
const headers = { "X-API-Key": KEY };

const startWithKey = (options = {}, vars = {}) =>
  startService(options, { API_KEYS, UPSTREAM_WAIT_MS: "0", ...vars });
const page = (service: Service, symbol: string) => service.get(`/v1/short-interest/${symbol}`, { headers });

/** The series at /metrics, by name and labels. */
async function metrics(service: Service): Promise<Record<string, number>> {
  const response = await service.get("/metrics", { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(
    series.map((line) => {
      const [, name = "", value] = /^short_interest_(\S+) (\S+)$/.exec(line) ?? [];
      return [name, Number(value)];
    }),
  );
}

/** Waits until OpenD has no open connection. */
const closed = (service: Service) =>
  vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0));

afterEach(() => {
  vi.useRealTimers();
});

describe.each(["/readyz", "/metrics"])("%s", (path) => {
  it("requires an API key", async () => {
    for (const [service, sent] of [
      [await startWithKey(), {}],
      [await startWithKey(), { "X-API-Key": "wrong" }],
      [await startService(), headers],
    ] as const) {
      const response = await service.get(path, { headers: sent });
      expect([response.status, await response.json()]).toMatchObject([401, { code: "unauthorized" }]);
      expect((await service.opend.stats()).upgrades).toBe(0);
    }
  });

  it("is rate-limited per key", async () => {
    const operation = path === "/readyz" ? "readiness checks" : "metrics requests";
    const limit = async ({ key }: { key: string }) => ({ success: key !== `${operation} key:me` });
    const service = await startWithKey({}, { REQUESTS_PER_CLIENT: { limit } });
    const response = await service.get(path, { headers });
    expect(await response.json()).toMatchObject({ status: 429, code: "too_many_requests", retry_after: 60 });
    const { upgrades } = await service.opend.stats();
    expect([upgrades, await service.upstash.requests()]).toEqual([0, 0]);
  });

  it("is not cacheable", async () => {
    const response = await (await startWithKey()).get(path, { headers });
    expect(response.headers.get("Cache-Control")).toBe("no-store");
  });
});

describe("/readyz", () => {
  const readiness = async (service: Service) => {
    const response = await service.get("/readyz", { headers });
    const { ready, checks } = await response.json<{
      ready: boolean;
      checks: { name: string; ok: boolean; code: string | null }[];
    }>();
    expect(response.status).toBe(ready ? 200 : 503);
    return Object.fromEntries(checks.map(({ name, ok, code }) => [name, ok ? "ok" : code]));
  };

  it("is ready if Upstash answers and OpenD accepts the login, and makes no call", async () => {
    const service = await startWithKey({ key: "secret" });
    expect(await readiness(service)).toEqual({ upstash: "ok", opend: "ok" });
    expect((await service.opend.stats()).calls).toBe(0);
    await closed(service);
  });

  it("has store_unavailable if Upstash fails", async () => {
    const service = await startWithKey();
    await service.upstash.fail("401");
    expect(await readiness(service)).toEqual({ upstash: "store_unavailable", opend: "ok" });
  });

  it.each([
    ["opend_unreachable", { fault: "not a WebSocket" }],
    ["opend_key_refused", { fault: "login: refused without text" }],
    ["opend_unreachable", { fault: "login: relay lost" }],
    ["opend_unreachable", { fault: "login: drop" }],
    ["opend_protocol_error", { fault: "login: not protobuf" }],
  ])("has %s for %j", async (code, options) => {
    const service = await startWithKey(options);
    expect(await readiness(service)).toEqual({ upstash: "ok", opend: code });
    await closed(service);
  });

  it("has opend_unreachable for an unused port", async () => {
    const service = await startWithKey({}, { OPEND_URL: `ws://127.0.0.1:${await control.unusedPort()}` });
    expect(await readiness(service)).toEqual({ upstash: "ok", opend: "opend_unreachable" });
  });
});

describe("/metrics", () => {
  it("has zero counts at first", async () => {
    expect(await metrics(await startWithKey())).toEqual({
      upstream_calls_total: 0,
      permits_available: 30,
      circuit_open_seconds: 0,
      webhook_messages_pending: 0,
    });
  });

  it("has calls, refusals and remaining permits", async () => {
    const service = await startWithKey({}, { CLIENT_SHARE: "2", UPSTREAM_LIMIT: "3" });
    for (const symbol of ["US.T1", "US.T1", "US.T2", "US.T3"]) await page(service, symbol);
    expect(await metrics(service)).toMatchObject({
      upstream_calls_total: 2,
      'refusals_total{code="client_quota_exceeded"}': 1,
      permits_available: 1,
    });
  });

  it("has fetch failures, and the seconds for which the circuit is open", async () => {
    const service = await startWithKey({ fault: "drop" });
    for (const symbol of ["US.T1", "US.T2", "US.T3", "US.T4", "US.T5", "US.T6"]) await page(service, symbol);
    const { circuit_open_seconds, ...others } = await metrics(service);
    expect(others).toMatchObject({
      upstream_calls_total: 5,
      'fetch_failures_total{code="opend_unreachable"}': 5,
    });
    expect(circuit_open_seconds).toBeGreaterThan(5);
    expect(circuit_open_seconds).toBeLessThanOrEqual(10);
  });

  it("has a refusal by OpenD, and then no permits", async () => {
    const service = await startWithKey({ fault: "frequency" });
    await page(service, "US.T1");
    expect(await metrics(service)).toMatchObject({
      'fetch_failures_total{code="upstream_quota_exceeded"}': 1,
      'refusals_total{code="upstream_quota_exceeded"}': 1,
      permits_available: 0,
    });
  });

  it("counts stale responses, and the failed refresh in the background", async () => {
    const service = await startWithKey();
    const path = "/v1/short-interest/US.AAPL";
    const elsewhere = new Request(`https://${crypto.randomUUID()}.test${path}`, { headers });
    await (await worker.fetch(elsewhere, service.env, createExecutionContext())).text();
    const cached = "short-interest:page:US.AAPL/";
    await vi.waitFor(async () => expect(await service.upstash.redis("EXISTS", cached)).toBe(1));
    await agePage(service.upstash.redis, cached, 100_000_000);
    await service.opend.set({ fault: "drop" });
    expect((await page(service, "US.AAPL")).status).toBe(200);
    await vi.waitFor(async () =>
      expect(await metrics(service)).toMatchObject({
        'stale_pages_total{reason="revalidating"}': 1,
        'fetch_failures_total{code="opend_unreachable"}': 1,
        upstream_calls_total: 2,
      }),
    );
  });

  it("counts too_many_requests without a Redis command", async () => {
    const limit = async () => ({ success: false });
    const open = await startService({}, { REQUESTS_PER_CLIENT: { limit } });
    for (const symbol of ["US.T1", "US.T2"]) await open.get(`/v1/short-interest/${symbol}`);
    expect(await open.upstash.requests()).toBe(0);
  });

  it("has a count that waited for 30 minutes after the next call", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    let success = true;
    const open = await startService({}, { REQUESTS_PER_CLIENT: { limit: async () => ({ success }) } });
    await open.get("/v1/short-interest/US.T1");
    success = false;
    await open.get("/v1/short-interest/US.T2");
    success = true;
    const counted = () =>
      open.upstash.redis("HGET", "short-interest:counts", 'refusals_total{code="too_many_requests"}');
    await open.get("/v1/short-interest/US.T1");
    expect(await counted()).toBe(null);
    vi.setSystemTime(Date.now() + 30 * 60_000);
    await open.get("/v1/short-interest/US.T1");
    expect(await counted()).toBe(null);
    await open.get("/v1/short-interest/US.T3");
    expect(await counted()).toBe("1");
  });

  it("is a 503 while Upstash fails", async () => {
    const service = await startWithKey();
    await service.upstash.fail("500");
    const response = await service.get("/metrics", { headers });
    expect([response.status, await response.json()]).toMatchObject([503, { code: "store_unavailable" }]);
  });
});
