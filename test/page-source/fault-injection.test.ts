import { describe, expect, it, vi } from "vitest";
import { isSliceable } from "../../functions/short-interest/page.ts";
import {
  createDataCenter,
  expectOnePermitPerCall,
  SHORT_DEADLINES,
  STALE_AFTER_MS,
  startDataCenters as start,
} from "../support/data-center.ts";
import { PERMIT_LOG, readPermits } from "../support/permit-log.ts";
import { startService } from "../support/service.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("call without a reply", () => {
  it("keeps its permit until it can no longer reach OpenD", async () => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
    await service.opend.set({ fault: "silence" });
    const began = Date.now();
    await dataCenters[0]?.page("US.AAPL");
    const [{ score: until = 0 } = {}] = await readPermits(service.upstash.redis);
    // A second of tolerance, and the deadline of the call.
    expect(until - began).toBeGreaterThanOrEqual(1_000 + SHORT_DEADLINES.call);
    expect(until - began).toBeLessThan(1_000 + SHORT_DEADLINES.call + 500);
  });
});

describe.concurrent("permit log", () => {
  it("keeps its expiry for a permit booked ahead when a refresh takes another one", async () => {
    const vars = { CLIENT_SHARE: "1", UPSTREAM_WINDOW_SECONDS: "2", UPSTREAM_WAIT_MS: "10000" };
    const { service, clock, dataCenters } = await start(1, vars);
    const [dataCenter] = dataCenters;
    await dataCenter?.page("US.SPY", { client: "first" });
    clock.forward(25 * HOUR);
    await dataCenter?.page("US.AAPL", { client: "waiting" });
    const booked = dataCenter?.page("US.TSLA", { client: "waiting" });
    await vi.waitFor(async () => expect(await readPermits(service.upstash.redis)).toHaveLength(3));
    const before = Number(await service.upstash.redis("PTTL", PERMIT_LOG));
    expect((await dataCenter?.page("US.SPY", { client: "other" }))?.result?.staleReason).toBe("revalidating");
    expect((await service.opend.stats()).calls).toBe(3);
    expect(Number(await service.upstash.redis("PTTL", PERMIT_LOG))).toBeGreaterThan(before - 1_000);
    expect((await booked)?.result?.tier).toBe("opend");
  });
});

describe.concurrent("lease", () => {
  it("expires at the request's deadline if its holder crashes", async () => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
    await service.opend.set({ fault: "silence" });
    const page = dataCenters[0]?.page("US.AAPL");
    const lease = "short-interest:lease:US.AAPL/";
    await vi.waitFor(async () => expect(await service.upstash.redis("PTTL", lease)).toBeGreaterThan(0), {
      interval: 10,
    });
    expect(await service.upstash.redis("PTTL", lease)).toBeLessThanOrEqual(SHORT_DEADLINES.request);
    await page;
    expect(await service.upstash.redis("EXISTS", lease)).toBe(0);
  });

  it("acquired late is released at the deadline, and leaves no permit and no connection", async () => {
    // The fetch alone takes almost as long as the deadline of a request.
    const slow = { ...SHORT_DEADLINES, request: 2_000, login: 2_000, call: 2_000 };
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, slow);
    const lease = "short-interest:lease:US.AAPL/";
    await service.upstash.redis("SET", lease, "other", "PX", "300");
    await service.opend.set({ delayMs: [900, 900] });
    expect((await dataCenters[0]?.page("US.AAPL"))?.failure?.code).toBe("request_timeout");
    expect(await service.upstash.redis("EXISTS", lease)).toBe(0);
    await expectOnePermitPerCall(service);
  });

  it("whose holder does not finish leaves the other data centers their copies", async () => {
    const { service, clock, dataCenters } = await start(6, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
    for (const dataCenter of dataCenters) await dataCenter.page("US.AAPL");
    clock.forward(HOUR);
    await service.upstash.redis("FLUSHDB");
    await service.opend.set({ fault: "silence" });
    const results = await Promise.all(dataCenters.map((dataCenter) => dataCenter.page("US.AAPL")));
    for (const { result, ms } of results) {
      expect(result?.staleReason).toBeDefined();
      expect(ms).toBeLessThan(2_000);
    }
  });
});

describe("circuit breaker across data centers", () => {
  it("opens after five failures, and closes after a successful probe", async () => {
    const { service, clock, dataCenters } = await start(2);
    await service.opend.set({ fault: "login: drop" });
    for (let call = 0; call < 5; call += 1) {
      expect((await dataCenters[call % 2]?.page(`US.T${call}`))?.failure?.code).toBe("opend_unreachable");
    }
    const { upgrades } = await service.opend.stats();
    for (const dataCenter of dataCenters) {
      const { failure } = await dataCenter.page("US.T9");
      expect(failure).toMatchObject({ code: "opend_unreachable" });
      expect(failure?.retryAfterMs).toBeGreaterThan(5_000);
    }
    expect((await service.opend.stats()).upgrades).toBe(upgrades);
    await service.opend.set({ fault: "" });
    clock.forward(10_000);
    expect((await dataCenters[0]?.page("US.T9"))?.result?.tier).toBe("opend");
    expect((await dataCenters[1]?.page("US.T8"))?.result?.tier).toBe("opend");
    await expectOnePermitPerCall(service);
  });
});

describe("client", () => {
  it("is limited to its share of calls, then gets cached pages only, and leaves other clients their share", async () => {
    const { service, dataCenters } = await start(1, {});
    const [dataCenter] = dataCenters;
    await dataCenter?.page("US.AAPL", { client: "other" });
    const guesses = await Promise.all(
      Array.from({ length: 60 }, (_, index) => dataCenter?.page(`US.NOSUCH${index}`, { client: "greedy" })),
    );
    const codes = guesses.map((guess) => guess?.failure?.code);
    expect(new Set(codes)).toEqual(new Set(["unknown_symbol", "client_quota_exceeded"]));
    expect((await service.opend.stats()).calls).toBeLessThanOrEqual(1 + 15);
    const again = await dataCenter?.page("US.NOSUCH999", { client: "greedy" });
    expect(again?.failure?.code).toBe("client_quota_exceeded");
    expect(again?.failure?.retryAfterMs).toBeGreaterThan(20_000);
    expect((await dataCenter?.page("US.AAPL", { client: "greedy" }))?.result?.tier).toBe("edge");
    expect((await dataCenter?.page("US.TSLA", { client: "other" }))?.result?.tier).toBe("opend");
  });

  it("whose share is used up does not block refreshes by other clients, and 50 of its requests cost at most 4 commands", async () => {
    const { service, clock, dataCenters } = await start(2, { CLIENT_SHARE: "2" });
    const [first, second] = dataCenters;
    for (const symbol of ["US.AAPL", "US.TSLA"]) await first?.page(symbol, { client: "greedy" });
    clock.forward(STALE_AFTER_MS);
    expect((await first?.page("US.AAPL", { client: "greedy" }))?.result?.staleReason).toBe("revalidating");
    expect((await service.opend.stats()).calls).toBe(2);
    await second?.page("US.AAPL", { client: "other" });
    expect((await service.opend.stats()).calls).toBe(3);

    const before = await service.upstash.requests();
    const refused = await Promise.all(
      Array.from({ length: 50 }, () => first?.page("US.SPY", { client: "greedy" })),
    );
    for (const response of refused) expect(response?.failure?.code).toBe("client_quota_exceeded");
    expect((await service.upstash.requests()) - before).toBeLessThanOrEqual(4);
  });

  it("is charged twice for an unknown symbol", async () => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "6" });
    const codes = [];
    for (let index = 0; index < 5; index += 1)
      codes.push((await dataCenters[0]?.page(`US.NOSUCH${index}`))?.failure?.code);
    expect(codes).toEqual([...Array(3).fill("unknown_symbol"), ...Array(2).fill("client_quota_exceeded")]);
    expect((await service.opend.stats()).calls).toBe(3);
  });

  it("gets client_quota_exceeded even if its share is as large as the quota", async () => {
    const { dataCenters } = await start(1, { CLIENT_SHARE: "4", UPSTREAM_LIMIT: "4" });
    const first = await dataCenters[0]?.page("HK.00700", { client: "other", num: 50 });
    for (const index of [1, 2]) await dataCenters[0]?.page(`US.NOSUCH${index}`);
    expect((await dataCenters[0]?.page("US.AAPL"))?.failure?.code).toBe("client_quota_exceeded");
    const known = { client: "other", cursor: first?.result?.page.next ?? "" };
    expect((await dataCenters[0]?.page("HK.00700", known))?.result?.tier).toBe("opend");
  });

  it("whose share is used up does not fail a concurrent request of another client for the same page", async () => {
    const { dataCenters } = await start(1, { CLIENT_SHARE: "1" });
    await dataCenters[0]?.page("US.AAPL", { client: "greedy" });
    const [greedy, other] = await Promise.all([
      dataCenters[0]?.page("US.TSLA", { client: "greedy" }),
      dataCenters[0]?.page("US.TSLA", { client: "other" }),
    ]);
    expect(greedy?.failure?.code ?? greedy?.result?.tier).toMatch(/client_quota_exceeded|collapsed/);
    expect(other?.result?.page.rows).toHaveLength(10);
  });
});

describe("Redis without its data", () => {
  it("causes at most one refusal by OpenD, which stops all calls for a window", async () => {
    // Scripts belong to the whole server.
    const service = await startService({}, { CLIENT_SHARE: "30" }, { ownServer: true });
    const dataCenter = createDataCenter(service);
    for (let index = 0; index < 30; index += 1)
      expect((await dataCenter.page(`US.T${index}`)).result).toBeDefined();
    await service.upstash.redis("FLUSHDB");
    await service.upstash.redis("SCRIPT", "FLUSH");
    expect((await dataCenter.page("US.T0")).result?.tier).toBe("edge");
    const { failure } = await dataCenter.page("US.T40");
    expect(failure).toMatchObject({ code: "upstream_quota_exceeded", retryAfterMs: 30_000 });
    const { calls } = await service.opend.stats();
    for (let index = 50; index < 55; index += 1) {
      expect((await dataCenter.page(`US.T${index}`)).failure?.code).toBe("upstream_quota_exceeded");
    }
    expect((await service.opend.stats()).calls).toBe(calls);
  });
});

describe("failed refresh", () => {
  it("is not repeated for some seconds in any data center", async () => {
    const { service, clock, dataCenters } = await start(3);
    for (const dataCenter of dataCenters) await dataCenter.page("US.AAPL");
    clock.forward(STALE_AFTER_MS);
    await service.opend.set({ fault: "no permission" });
    const stale = [];
    for (const dataCenter of dataCenters) stale.push((await dataCenter.page("US.AAPL")).result?.staleReason);
    expect(stale).toEqual(["revalidating", "opend_no_permission", "opend_no_permission"]);
    expect((await service.opend.stats()).calls).toBe(2);
  });
});

describe("cached pages under load", () => {
  /** Longer than a request with a copy waits for its revalidation. */
  const deadlines = { ...SHORT_DEADLINES, request: 1_500 };

  it.each([
    ["OpenD", true, false],
    ["Upstash", false, true],
    ["both", true, true],
  ])("are served while %s hangs, and refreshed afterwards", async (_, opend, upstash) => {
    const { service, clock, dataCenters } = await start(4, { CLIENT_SHARE: "30" }, deadlines);
    const cached = ["US.AAPL", "US.TSLA", "US.SPY"];
    for (const dataCenter of dataCenters) for (const symbol of cached) await dataCenter.page(symbol);
    clock.forward(STALE_AFTER_MS);
    if (opend) await service.opend.set({ fault: "silence" });
    if (upstash) await service.upstash.fail("hang");

    // Longer than the deadline of a request.
    const end = Date.now() + deadlines.request + 500;
    let requests = 0;
    const load = async (dataCenter: (typeof dataCenters)[number], symbol: string) => {
      while (Date.now() < end) {
        const { result, failure, ms } = await dataCenter.page(symbol);
        requests += 1;
        // The load shares its isolate with the Worker, whose timers a busy loop would starve.
        await scheduler.wait(10);
        if (cached.includes(symbol)) expect(result?.staleReason ?? failure).toEqual(expect.any(String));
        else
          expect(failure?.code).toMatch(
            /^(opend_timeout|request_timeout|store_unavailable|opend_unreachable)$/,
          );
        expect(ms).toBeLessThan(deadlines.request + 500);
      }
    };
    await Promise.all(
      dataCenters.flatMap((dataCenter) => [...cached, "US.BRK.B"].map((symbol) => load(dataCenter, symbol))),
    );
    expect(requests).toBeGreaterThan(50);

    await service.opend.set({ fault: "" });
    await service.upstash.fail(null);
    await vi.waitFor(
      async () => {
        // A copy that has been stale for an hour is revalidated after six minutes, and served once meanwhile.
        clock.forward(4 * MINUTE);
        for (const symbol of [...cached, "US.BRK.B"]) {
          const { result, failure } = (await dataCenters[0]?.page(symbol)) ?? {};
          expect(failure).toBeUndefined();
          expect(result?.staleReason).toBeUndefined();
          expect(result && isSliceable(result.page)).toBe(true);
        }
      },
      { timeout: 15_000, interval: 200 },
    );
    const { refused, maxCallsInWindow } = await service.opend.stats();
    expect(refused).toBe(0);
    expect(maxCallsInWindow).toBeLessThanOrEqual(30);
  });
});
