import { describe, expect, it, vi } from "vitest";
import { isSliceable } from "../../functions/short-interest/page.ts";
import {
  expectOnePermitPerCall,
  PERMIT_LOG,
  SHORT_DEADLINES,
  startDataCenters as start,
} from "../support/data-center.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("a call that is never answered", () => {
  it("holds its permit until it can no longer reach OpenD", async () => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
    await service.opend.set({ fault: "silence" });
    const began = Date.now();
    await dataCenters[0]?.page("US.AAPL");
    const [, until] = (await service.upstash.redis(
      "ZRANGE",
      PERMIT_LOG,
      "0",
      "-1",
      "WITHSCORES",
    )) as string[];
    // A second of guard, and the call's deadline.
    expect(Number(until) - began).toBeGreaterThanOrEqual(1_000 + SHORT_DEADLINES.call);
    expect(Number(until) - began).toBeLessThan(1_000 + SHORT_DEADLINES.call + 500);
  });
});

describe("a refresh beside a permit that is booked ahead", () => {
  it("leaves the log its life, so that no permit is forgotten while it counts", async () => {
    const vars = { CLIENT_SHARE: "1", UPSTREAM_WINDOW_SECONDS: "2", UPSTREAM_WAIT_MS: "10000" };
    const { service, clock, dataCenters } = await start(1, vars);
    const [dataCenter] = dataCenters;
    await dataCenter?.page("US.SPY", { client: "first" });
    clock.forward(2 * HOUR);
    await dataCenter?.page("US.AAPL", { client: "waiting" });
    const booked = dataCenter?.page("US.TSLA", { client: "waiting" });
    await vi.waitFor(async () => expect(await service.upstash.redis("ZCARD", PERMIT_LOG)).toBe(3));
    const before = Number(await service.upstash.redis("PTTL", PERMIT_LOG));
    expect((await dataCenter?.page("US.SPY", { client: "other" }))?.result?.stale).toBe("revalidating");
    expect((await service.opend.stats()).calls).toBe(3);
    expect(Number(await service.upstash.redis("PTTL", PERMIT_LOG))).toBeGreaterThan(before - 1_000);
    expect((await booked)?.result?.tier).toBe("opend");
  });
});

describe("a failing OpenD", () => {
  it("is left alone after five failures, and answers again when a probe gets through", async () => {
    const { service, dataCenters } = await start(2);
    await service.opend.set({ fault: "login: drop" });
    for (let time = 0; time < 5; time += 1) {
      expect((await dataCenters[time % 2]?.page(`US.T${time}`))?.failure?.code).toBe("opend_unreachable");
    }
    const { openings } = await service.opend.stats();
    for (const dataCenter of dataCenters) {
      const { failure } = await dataCenter.page("US.T9");
      expect(failure).toMatchObject({ code: "opend_unreachable" });
      expect(failure?.retryAfterMs).toBeGreaterThan(5_000);
    }
    expect((await service.opend.stats()).openings).toBe(openings);
    await service.opend.set({ fault: "" });
    await service.upstash.redis("HSET", "short-interest:circuit", "open", "0"); // The ten seconds are over.
    expect((await dataCenters[0]?.page("US.T9"))?.result?.tier).toBe("opend");
    expect((await dataCenters[1]?.page("US.T8"))?.result?.tier).toBe("opend");
    await expectOnePermitPerCall(service);
  });
});

describe("a caller", () => {
  it("may cause its share of calls, then still gets what is kept, and keeps nobody else from theirs", async () => {
    const { service, dataCenters } = await start(1, {});
    const [dataCenter] = dataCenters;
    await dataCenter?.page("US.AAPL", { client: "modest" });
    const guesses = await Promise.all(
      Array.from({ length: 60 }, (_, at) => dataCenter?.page(`US.NOSUCH${at}`, { client: "guesser" })),
    );
    const codes = guesses.map((guess) => guess?.failure?.code);
    expect(new Set(codes)).toEqual(new Set(["unknown_symbol", "client_quota_exceeded"]));
    expect((await service.opend.stats()).calls).toBeLessThanOrEqual(1 + 15);
    const again = await dataCenter?.page("US.NOSUCH999", { client: "guesser" });
    expect(again?.failure?.code).toBe("client_quota_exceeded");
    expect(again?.failure?.retryAfterMs).toBeGreaterThan(20_000);
    expect((await dataCenter?.page("US.AAPL", { client: "guesser" }))?.result?.tier).toBe("edge");
    expect((await dataCenter?.page("US.TSLA", { client: "modest" }))?.result?.tier).toBe("opend");
  });

  it("that has used up its share keeps nobody from renewing a page, and asks Upstash once however often it asks", async () => {
    const { service, clock, dataCenters } = await start(2, { CLIENT_SHARE: "2" });
    const [here, there] = dataCenters;
    for (const symbol of ["US.AAPL", "US.TSLA"]) await here?.page(symbol, { client: "greedy" });
    clock.forward(2 * HOUR);
    expect((await here?.page("US.AAPL", { client: "greedy" }))?.result?.stale).toBe("revalidating");
    expect((await service.opend.stats()).calls).toBe(2);
    await there?.page("US.AAPL", { client: "modest" });
    expect((await service.opend.stats()).calls).toBe(3);

    const before = await service.upstash.requests();
    const refused = await Promise.all(
      Array.from({ length: 50 }, () => here?.page("US.SPY", { client: "greedy" })),
    );
    for (const each of refused) expect(each?.failure?.code).toBe("client_quota_exceeded");
    expect((await service.upstash.requests()) - before).toBeLessThanOrEqual(4);
  });

  it("counts twice for each symbol that does not exist", async () => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "6" });
    const codes = [];
    for (let at = 0; at < 5; at += 1)
      codes.push((await dataCenters[0]?.page(`US.NOSUCH${at}`))?.failure?.code);
    expect(codes).toEqual([...Array(3).fill("unknown_symbol"), ...Array(2).fill("client_quota_exceeded")]);
    expect((await service.opend.stats()).calls).toBe(3);
  });

  it("is told that its own share is used up, also where that is as large as the quota", async () => {
    const { dataCenters } = await start(1, { CLIENT_SHARE: "4", UPSTREAM_LIMIT: "4" });
    const first = await dataCenters[0]?.page("HK.00700", { client: "other", num: 50 });
    for (const at of [1, 2]) await dataCenters[0]?.page(`US.NOSUCH${at}`);
    expect((await dataCenters[0]?.page("US.AAPL"))?.failure?.code).toBe("client_quota_exceeded");
    const known = { client: "other", cursor: first?.result?.page.next ?? "" };
    expect((await dataCenters[0]?.page("HK.00700", known))?.result?.tier).toBe("opend");
  });

  it("that has used up its share does not spoil a page for one who asks for it meanwhile", async () => {
    const { dataCenters } = await start(1, { CLIENT_SHARE: "1" });
    await dataCenters[0]?.page("US.AAPL", { client: "greedy" });
    const [greedy, modest] = await Promise.all([
      dataCenters[0]?.page("US.TSLA", { client: "greedy" }),
      dataCenters[0]?.page("US.TSLA", { client: "modest" }),
    ]);
    expect(greedy?.failure?.code ?? greedy?.result?.tier).toMatch(/client_quota_exceeded|collapsed/);
    expect(modest?.result?.page.rows).toHaveLength(10);
  });
});

describe("a Redis that restarts empty", () => {
  it("costs at most a refusal of OpenD's own, which stops all calls for a window", async () => {
    const { service, dataCenters } = await start(1);
    for (let at = 0; at < 30; at += 1)
      expect((await dataCenters[0]?.page(`US.T${at}`))?.result).toBeDefined();
    await service.upstash.redis("FLUSHALL");
    await service.upstash.redis("SCRIPT", "FLUSH");
    expect((await dataCenters[0]?.page("US.T0"))?.result?.tier).toBe("edge");
    const { failure } = (await dataCenters[0]?.page("US.T40")) ?? {};
    expect(failure).toMatchObject({ code: "upstream_quota_exceeded", retryAfterMs: 30_000 });
    const { calls } = await service.opend.stats();
    for (let at = 50; at < 55; at += 1) {
      expect((await dataCenters[0]?.page(`US.T${at}`))?.failure?.code).toBe("upstream_quota_exceeded");
    }
    expect((await service.opend.stats()).calls).toBe(calls);
  });
});

describe("a refresh that fails", () => {
  it("is not tried again for some seconds, by anybody", async () => {
    const { service, clock, dataCenters } = await start(3);
    for (const dataCenter of dataCenters) await dataCenter.page("US.AAPL");
    clock.forward(2 * HOUR);
    await service.opend.set({ fault: "no permission" });
    const stale = [];
    for (const dataCenter of dataCenters) stale.push((await dataCenter.page("US.AAPL")).result?.stale);
    expect(stale).toEqual(["revalidating", "opend_no_permission", "opend_no_permission"]);
    expect((await service.opend.stats()).calls).toBe(2);
  });
});

describe("a claim", () => {
  it("ends with the request's deadline, if its holder dies", async () => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
    await service.opend.set({ fault: "silence" });
    const page = dataCenters[0]?.page("US.AAPL");
    const claim = "short-interest:lease:US.AAPL/";
    await vi.waitFor(async () => expect(await service.upstash.redis("PTTL", claim)).toBeGreaterThan(0), {
      interval: 10,
    });
    expect(await service.upstash.redis("PTTL", claim)).toBeLessThanOrEqual(SHORT_DEADLINES.request);
    await page;
    expect(await service.upstash.redis("EXISTS", claim)).toBe(0);
  });

  it("that comes late is still seen to its end, with nothing left behind", async () => {
    // The fetch alone takes nearly as long as a request may.
    const slow = { ...SHORT_DEADLINES, request: 2_000, login: 2_000, call: 2_000 };
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, slow);
    const claim = "short-interest:lease:US.AAPL/";
    await service.upstash.redis("SET", claim, "somebody", "PX", "300");
    await service.opend.set({ delayMs: [900, 900] });
    expect((await dataCenters[0]?.page("US.AAPL"))?.failure?.code).toBe("request_timeout");
    expect(await service.upstash.redis("EXISTS", claim)).toBe(0);
    await expectOnePermitPerCall(service);
  });

  it("of somebody who does not answer leaves those who have a copy with it", async () => {
    const { service, clock, dataCenters } = await start(6, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
    for (const dataCenter of dataCenters) await dataCenter.page("US.AAPL");
    clock.forward(HOUR / 2);
    await service.upstash.redis("FLUSHALL");
    await service.opend.set({ fault: "silence" });
    const results = await Promise.all(dataCenters.map((dataCenter) => dataCenter.page("US.AAPL")));
    for (const { result, ms } of results) {
      expect(result?.stale).toBeDefined();
      expect(ms).toBeLessThan(2_000);
    }
  });
});

describe("under load, with faults", () => {
  it.each([
    ["OpenD", true, false],
    ["Upstash", false, true],
    ["both", true, true],
  ])(
    "losing %s leaves every kept page answered, and everything as before after it",
    async (_, opend, upstash) => {
      const { service, clock, dataCenters } = await start(4, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
      const cached = ["US.AAPL", "US.TSLA", "US.SPY"];
      for (const dataCenter of dataCenters) for (const symbol of cached) await dataCenter.page(symbol);
      clock.forward(2 * HOUR);
      if (opend) await service.opend.set({ fault: "silence" });
      if (upstash) await service.upstash.fail("hang");

      const end = Date.now() + 5_000;
      let asked = 0;
      const load = async (dataCenter: (typeof dataCenters)[number], symbol: string) => {
        while (Date.now() < end) {
          const { result, failure, ms } = await dataCenter.page(symbol);
          asked += 1;
          // The load shares its isolate with the Worker, whose timers a busy loop would starve.
          await scheduler.wait(10);
          if (cached.includes(symbol)) expect(result?.stale ?? failure).toEqual(expect.any(String));
          else expect(failure?.code).toMatch(/^(opend_timeout|store_unavailable|opend_unreachable)$/);
          expect(ms).toBeLessThan(3_500);
        }
      };
      await Promise.all(
        dataCenters.flatMap((dataCenter) =>
          [...cached, "US.BRK.B"].map((symbol) => load(dataCenter, symbol)),
        ),
      );
      expect(asked).toBeGreaterThan(50);

      await service.opend.set({ fault: "" });
      await service.upstash.fail(null);
      await vi.waitFor(
        async () => {
          // A copy that is stale for hours is trusted for a minute, and served once more.
          clock.forward(MINUTE / 2);
          for (const symbol of [...cached, "US.BRK.B"]) {
            const { result, failure } = (await dataCenters[0]?.page(symbol)) ?? {};
            expect(failure).toBeUndefined();
            expect(result?.stale).toBeUndefined();
            expect(result && isSliceable(result.page)).toBe(true);
          }
        },
        { timeout: 15_000, interval: 200 },
      );
      const { refused, worstWindow } = await service.opend.stats();
      expect(refused).toBe(0);
      expect(worstWindow).toBeLessThanOrEqual(30);
    },
  );
});
