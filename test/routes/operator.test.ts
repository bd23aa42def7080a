import { describe, expect, it, vi } from "vitest";
import { sha256 } from "../support/keys.ts";
import { type Gateway, startGateway } from "../support/page-source.ts";
import { control } from "../support/stand-ins.ts";

const KEY = "key";
const API_KEYS = `me:${await sha256(KEY)}`;
const headers = { "X-API-Key": KEY };

const started = (options = {}, vars = {}) =>
  startGateway(options, { API_KEYS, UPSTREAM_WAIT_MS: "0", ...vars });
const page = (gateway: Gateway, symbol: string) => gateway.get(`/v1/short-interest/${symbol}`, { headers });

/** The series at /metrics, by name and labels. */
async function metrics(gateway: Gateway): Promise<Record<string, number>> {
  const response = await gateway.get("/metrics", { headers });
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

/** Waits until OpenD has seen its last connection end. */
const closed = (gateway: Gateway) =>
  vi.waitFor(async () => expect((await gateway.opend.stats()).connections).toBe(0));

describe.each(["/readyz", "/metrics"])("%s", (path) => {
  it("is for the holders of keys", async () => {
    for (const [gateway, sent] of [
      [await started(), {}],
      [await started(), { "X-API-Key": "wrong" }],
      [await startGateway(), headers],
    ] as const) {
      const response = await gateway.get(path, { headers: sent });
      expect([response.status, await response.json()]).toMatchObject([401, { code: "unauthorized" }]);
      expect((await gateway.opend.stats()).upgrades).toBe(0);
    }
  });

  it("is not to be asked all the time", async () => {
    const what = path === "/readyz" ? "readiness checks" : "metrics requests";
    const limit = async ({ key }: { key: string }) => ({ success: key !== `${what} key:me` });
    const gateway = await started({}, { REQUESTS_PER_CLIENT: { limit } });
    const response = await gateway.get(path, { headers });
    expect(await response.json()).toMatchObject({ status: 429, code: "too_many_requests", retry_after: 60 });
    const { upgrades } = await gateway.opend.stats();
    expect([upgrades, await gateway.upstash.requests()]).toEqual([0, 0]);
  });

  it("is kept by no cache", async () => {
    const response = await (await started()).get(path, { headers });
    expect(response.headers.get("Cache-Control")).toBe("no-store");
  });
});

describe("/readyz", () => {
  const readiness = async (gateway: Gateway) => {
    const response = await gateway.get("/readyz", { headers });
    const { ready, checks } = await response.json<{
      ready: boolean;
      checks: { name: string; ok: boolean; code: string | null }[];
    }>();
    expect(response.status).toBe(ready ? 200 : 503);
    return Object.fromEntries(checks.map(({ name, ok, code }) => [name, ok ? "ok" : code]));
  };

  it("is ready where Upstash answers and OpenD lets it in, and makes no call", async () => {
    const gateway = await started({ key: "secret" });
    expect(await readiness(gateway)).toEqual({ upstash: "ok", opend: "ok" });
    expect((await gateway.opend.stats()).calls).toBe(0);
    await closed(gateway);
  });

  it("says that Upstash is lost", async () => {
    const gateway = await started();
    await gateway.upstash.fail("401");
    expect(await readiness(gateway)).toEqual({ upstash: "store_unavailable", opend: "ok" });
  });

  it.each([
    ["opend_unreachable", { fault: "not a WebSocket" }],
    ["opend_key_refused", { fault: "login: refused without text" }],
    ["opend_unreachable", { fault: "login: relay lost" }],
    ["opend_unreachable", { fault: "login: drop" }],
    ["opend_protocol_error", { fault: "login: not protobuf" }],
  ])("says %s for %j", async (code, options) => {
    const gateway = await started(options);
    expect(await readiness(gateway)).toEqual({ upstash: "ok", opend: code });
    await closed(gateway);
  });

  it("says that nothing is there", async () => {
    const gateway = await started({}, { OPEND_URL: `ws://127.0.0.1:${await control.unusedPort()}` });
    expect(await readiness(gateway)).toEqual({ upstash: "ok", opend: "opend_unreachable" });
  });
});

describe("/metrics", () => {
  it("begins with nothing", async () => {
    expect(await metrics(await started())).toEqual({
      upstream_calls_total: 0,
      permits_left: 30,
      circuit_open_seconds: 0,
      webhook_messages_pending: 0,
    });
  });

  it("has calls, refusals and what is left", async () => {
    const gateway = await started({}, { CLIENT_SHARE: "2", UPSTREAM_LIMIT: "3" });
    for (const symbol of ["US.T1", "US.T1", "US.T2", "US.T3"]) await page(gateway, symbol);
    expect(await metrics(gateway)).toMatchObject({
      upstream_calls_total: 2,
      'refusals_total{code="client_quota_exceeded"}': 1,
      permits_left: 1,
    });
  });

  it("has failures of fetches, and for how long OpenD is left alone", async () => {
    const gateway = await started({ fault: "drop" });
    for (const symbol of ["US.T1", "US.T2", "US.T3", "US.T4", "US.T5", "US.T6"]) await page(gateway, symbol);
    const { circuit_open_seconds, ...others } = await metrics(gateway);
    expect(others).toMatchObject({
      upstream_calls_total: 5,
      'fetch_failures_total{code="opend_unreachable"}': 5,
    });
    expect(circuit_open_seconds).toBeGreaterThan(5);
    expect(circuit_open_seconds).toBeLessThanOrEqual(10);
  });

  it("has a refusal of OpenD's own, and then no permits", async () => {
    const gateway = await started({ fault: "frequency" });
    await page(gateway, "US.T1");
    expect(await metrics(gateway)).toMatchObject({
      'fetch_failures_total{code="upstream_quota_exceeded"}': 1,
      'refusals_total{code="upstream_quota_exceeded"}': 1,
      permits_left: 0,
    });
  });

  it("counts stale answers, and the refresh behind them that fails", async () => {
    const open = await startGateway();
    const path = "/v1/short-interest/US.AAPL";
    await (await open.elsewhere(path)).text();
    const cached = "short-interest:page:US.AAPL/";
    await vi.waitFor(async () => expect(await open.upstash.redis("EXISTS", cached)).toBe(1));
    await open.upstash.redis("HSET", cached, "fresh", "1");
    await open.opend.set({ fault: "drop" });
    expect((await open.get(path)).status).toBe(200);
    const counted = (series: string) => open.upstash.redis("HGET", "short-interest:counts", series);
    await vi.waitFor(async () => {
      expect(await counted('stale_answers_total{reason="revalidating"}')).toBe("1");
      expect(await counted('fetch_failures_total{code="opend_unreachable"}')).toBe("1");
      expect(await counted("upstream_calls_total")).toBe("2");
    });
  });

  it("counts too many requests, which ask Upstash nothing, with what comes later", async () => {
    let success = false;
    const open = await startGateway({}, { REQUESTS_PER_CLIENT: { limit: async () => ({ success }) } });
    for (const symbol of ["US.T1", "US.T2"]) await open.get(`/v1/short-interest/${symbol}`);
    expect(await open.upstash.requests()).toBe(0);
    success = true;
    await open.get("/v1/short-interest/US.T3");
    const series = 'refusals_total{code="too_many_requests"}';
    expect(await open.upstash.redis("HGET", "short-interest:counts", series)).toBe("2");
  });

  it("cannot be had while Upstash is lost", async () => {
    const gateway = await started();
    await gateway.upstash.fail("500");
    const response = await gateway.get("/metrics", { headers });
    expect([response.status, await response.json()]).toMatchObject([503, { code: "store_unavailable" }]);
  });
});
