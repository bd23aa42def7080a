import { describe, expect, it, vi } from "vitest";
import { isSliceable } from "../../functions/short-interest/page.ts";
import { LOG, logAndCallsAgree, SHORT, startDataCentres as start } from "../support/data-center.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe("a call that is never answered", () => {
  it("holds its permit until it can no longer reach OpenD", async () => {
    const { gateway, centres } = await start(1, { CLIENT_SHARE: "30" }, SHORT);
    await gateway.opend.set({ fault: "silence" });
    const began = Date.now();
    await centres[0]?.page("US.AAPL");
    const [, until] = (await gateway.upstash.redis("ZRANGE", LOG, "0", "-1", "WITHSCORES")) as string[];
    // A second of guard, and the call's deadline.
    expect(Number(until) - began).toBeGreaterThanOrEqual(1_000 + SHORT.call);
    expect(Number(until) - began).toBeLessThan(1_000 + SHORT.call + 500);
  });
});

describe("a refresh beside a permit that is booked ahead", () => {
  it("leaves the log its life, so that no permit is forgotten while it counts", async () => {
    const vars = { CLIENT_SHARE: "1", UPSTREAM_WINDOW_SECONDS: "2", UPSTREAM_WAIT_MS: "10000" };
    const { gateway, clock, centres } = await start(1, vars);
    const [centre] = centres;
    await centre?.page("US.SPY", { client: "first" });
    clock.forward(2 * HOUR);
    await centre?.page("US.AAPL", { client: "waiting" });
    const booked = centre?.page("US.TSLA", { client: "waiting" });
    await vi.waitFor(async () => expect(await gateway.upstash.redis("ZCARD", LOG)).toBe(3));
    const before = Number(await gateway.upstash.redis("PTTL", LOG));
    expect((await centre?.page("US.SPY", { client: "other" }))?.answer?.stale).toBe("revalidating");
    expect((await gateway.opend.stats()).calls).toBe(3);
    expect(Number(await gateway.upstash.redis("PTTL", LOG))).toBeGreaterThan(before - 1_000);
    expect((await booked)?.answer?.tier).toBe("opend");
  });
});

describe("a failing OpenD", () => {
  it("is left alone after five failures, and answers again when a probe gets through", async () => {
    const { gateway, centres } = await start(2);
    await gateway.opend.set({ fault: "login: drop" });
    for (let time = 0; time < 5; time += 1) {
      expect((await centres[time % 2]?.page(`US.T${time}`))?.failure?.code).toBe("opend_unreachable");
    }
    const { upgrades } = await gateway.opend.stats();
    for (const centre of centres) {
      const { failure } = await centre.page("US.T9");
      expect(failure).toMatchObject({ code: "opend_unreachable" });
      expect(failure?.retryAfterMs).toBeGreaterThan(5_000);
    }
    expect((await gateway.opend.stats()).upgrades).toBe(upgrades);
    await gateway.opend.set({ fault: "" });
    await gateway.upstash.redis("HSET", "short-interest:circuit", "open", "0"); // The ten seconds are over.
    expect((await centres[0]?.page("US.T9"))?.answer?.tier).toBe("opend");
    expect((await centres[1]?.page("US.T8"))?.answer?.tier).toBe("opend");
    await logAndCallsAgree(gateway);
  });
});

describe("a caller", () => {
  it("may cause its share of calls, then still gets what is kept, and keeps nobody else from theirs", async () => {
    const { gateway, centres } = await start(1, {});
    const [centre] = centres;
    await centre?.page("US.AAPL", { client: "modest" });
    const guesses = await Promise.all(
      Array.from({ length: 60 }, (_, at) => centre?.page(`US.NOSUCH${at}`, { client: "guesser" })),
    );
    const codes = guesses.map((guess) => guess?.failure?.code);
    expect(new Set(codes)).toEqual(new Set(["unknown_symbol", "client_quota_exceeded"]));
    expect((await gateway.opend.stats()).calls).toBeLessThanOrEqual(1 + 15);
    const again = await centre?.page("US.NOSUCH999", { client: "guesser" });
    expect(again?.failure?.code).toBe("client_quota_exceeded");
    expect(again?.failure?.retryAfterMs).toBeGreaterThan(20_000);
    expect((await centre?.page("US.AAPL", { client: "guesser" }))?.answer?.tier).toBe("edge");
    expect((await centre?.page("US.TSLA", { client: "modest" }))?.answer?.tier).toBe("opend");
  });

  it("that has used up its share keeps nobody from renewing a page, and asks Upstash once however often it asks", async () => {
    const { gateway, clock, centres } = await start(2, { CLIENT_SHARE: "2" });
    const [here, there] = centres;
    for (const symbol of ["US.AAPL", "US.TSLA"]) await here?.page(symbol, { client: "greedy" });
    clock.forward(2 * HOUR);
    expect((await here?.page("US.AAPL", { client: "greedy" }))?.answer?.stale).toBe("revalidating");
    expect((await gateway.opend.stats()).calls).toBe(2);
    await there?.page("US.AAPL", { client: "modest" });
    expect((await gateway.opend.stats()).calls).toBe(3);

    const before = await gateway.upstash.requests();
    const refused = await Promise.all(
      Array.from({ length: 50 }, () => here?.page("US.SPY", { client: "greedy" })),
    );
    for (const each of refused) expect(each?.failure?.code).toBe("client_quota_exceeded");
    expect((await gateway.upstash.requests()) - before).toBeLessThanOrEqual(4);
  });

  it("counts twice for each symbol that does not exist", async () => {
    const { gateway, centres } = await start(1, { CLIENT_SHARE: "6" });
    const codes = [];
    for (let at = 0; at < 5; at += 1) codes.push((await centres[0]?.page(`US.NOSUCH${at}`))?.failure?.code);
    expect(codes).toEqual([...Array(3).fill("unknown_symbol"), ...Array(2).fill("client_quota_exceeded")]);
    expect((await gateway.opend.stats()).calls).toBe(3);
  });

  it("is told that its own share is used up, also where that is as large as the quota", async () => {
    const { centres } = await start(1, { CLIENT_SHARE: "4", UPSTREAM_LIMIT: "4" });
    const first = await centres[0]?.page("HK.00700", { client: "other", num: 50 });
    for (const at of [1, 2]) await centres[0]?.page(`US.NOSUCH${at}`);
    expect((await centres[0]?.page("US.AAPL"))?.failure?.code).toBe("client_quota_exceeded");
    const known = { client: "other", cursor: first?.answer?.page.next ?? "" };
    expect((await centres[0]?.page("HK.00700", known))?.answer?.tier).toBe("opend");
  });

  it("that has used up its share does not spoil a page for one who asks for it meanwhile", async () => {
    const { centres } = await start(1, { CLIENT_SHARE: "1" });
    await centres[0]?.page("US.AAPL", { client: "greedy" });
    const [greedy, modest] = await Promise.all([
      centres[0]?.page("US.TSLA", { client: "greedy" }),
      centres[0]?.page("US.TSLA", { client: "modest" }),
    ]);
    expect(greedy?.failure?.code ?? greedy?.answer?.tier).toMatch(/client_quota_exceeded|collapsed/);
    expect(modest?.answer?.page.rows).toHaveLength(10);
  });
});

describe("a Redis that restarts empty", () => {
  it("costs at most a refusal of OpenD's own, which stops all calls for a window", async () => {
    const { gateway, centres } = await start(1);
    for (let at = 0; at < 30; at += 1) expect((await centres[0]?.page(`US.T${at}`))?.answer).toBeDefined();
    await gateway.upstash.redis("FLUSHALL");
    await gateway.upstash.redis("SCRIPT", "FLUSH");
    expect((await centres[0]?.page("US.T0"))?.answer?.tier).toBe("edge");
    const { failure } = (await centres[0]?.page("US.T40")) ?? {};
    expect(failure).toMatchObject({ code: "upstream_quota_exceeded", retryAfterMs: 30_000 });
    const { calls } = await gateway.opend.stats();
    for (let at = 50; at < 55; at += 1) {
      expect((await centres[0]?.page(`US.T${at}`))?.failure?.code).toBe("upstream_quota_exceeded");
    }
    expect((await gateway.opend.stats()).calls).toBe(calls);
  });
});

describe("a refresh that fails", () => {
  it("is not tried again for some seconds, by anybody", async () => {
    const { gateway, clock, centres } = await start(3);
    for (const centre of centres) await centre.page("US.AAPL");
    clock.forward(2 * HOUR);
    await gateway.opend.set({ fault: "no permission" });
    const stale = [];
    for (const centre of centres) stale.push((await centre.page("US.AAPL")).answer?.stale);
    expect(stale).toEqual(["revalidating", "opend_no_permission", "opend_no_permission"]);
    expect((await gateway.opend.stats()).calls).toBe(2);
  });
});

describe("a claim", () => {
  it("ends with the request's deadline, if its holder dies", async () => {
    const { gateway, centres } = await start(1, { CLIENT_SHARE: "30" }, SHORT);
    await gateway.opend.set({ fault: "silence" });
    const page = centres[0]?.page("US.AAPL");
    const claim = "short-interest:lease:US.AAPL/";
    await vi.waitFor(async () => expect(await gateway.upstash.redis("PTTL", claim)).toBeGreaterThan(0), {
      interval: 10,
    });
    expect(await gateway.upstash.redis("PTTL", claim)).toBeLessThanOrEqual(SHORT.request);
    await page;
    expect(await gateway.upstash.redis("EXISTS", claim)).toBe(0);
  });

  it("that comes late is still seen to its end, with nothing left behind", async () => {
    // The fetch alone takes nearly as long as a request may.
    const slow = { ...SHORT, request: 2_000, login: 2_000, call: 2_000 };
    const { gateway, centres } = await start(1, { CLIENT_SHARE: "30" }, slow);
    const claim = "short-interest:lease:US.AAPL/";
    await gateway.upstash.redis("SET", claim, "somebody", "PX", "300");
    await gateway.opend.set({ delayMs: [900, 900] });
    expect((await centres[0]?.page("US.AAPL"))?.failure?.code).toBe("request_timeout");
    expect(await gateway.upstash.redis("EXISTS", claim)).toBe(0);
    await logAndCallsAgree(gateway);
  });

  it("of somebody who does not answer leaves those who have a copy with it", async () => {
    const { gateway, clock, centres } = await start(6, { CLIENT_SHARE: "30" }, SHORT);
    for (const centre of centres) await centre.page("US.AAPL");
    clock.forward(HOUR / 2);
    await gateway.upstash.redis("FLUSHALL");
    await gateway.opend.set({ fault: "silence" });
    const answers = await Promise.all(centres.map((centre) => centre.page("US.AAPL")));
    for (const { answer, ms } of answers) {
      expect(answer?.stale).toBeDefined();
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
      const { gateway, clock, centres } = await start(4, { CLIENT_SHARE: "30" }, SHORT);
      const cached = ["US.AAPL", "US.TSLA", "US.SPY"];
      for (const centre of centres) for (const symbol of cached) await centre.page(symbol);
      clock.forward(2 * HOUR);
      if (opend) await gateway.opend.set({ fault: "silence" });
      if (upstash) await gateway.upstash.fail("hang");

      const end = Date.now() + 5_000;
      let asked = 0;
      const load = async (centre: (typeof centres)[number], symbol: string) => {
        while (Date.now() < end) {
          const { answer, failure, ms } = await centre.page(symbol);
          asked += 1;
          // The load shares its isolate with the Worker, whose timers a busy loop would starve.
          await scheduler.wait(10);
          if (cached.includes(symbol)) expect(answer?.stale ?? failure).toEqual(expect.any(String));
          else expect(failure?.code).toMatch(/^(opend_timeout|store_unavailable|opend_unreachable)$/);
          expect(ms).toBeLessThan(3_500);
        }
      };
      await Promise.all(
        centres.flatMap((centre) => [...cached, "US.BRK.B"].map((symbol) => load(centre, symbol))),
      );
      expect(asked).toBeGreaterThan(50);

      await gateway.opend.set({ fault: "" });
      await gateway.upstash.fail(null);
      await vi.waitFor(
        async () => {
          // A copy that is stale for hours is trusted for a minute, and served once more.
          clock.forward(MINUTE / 2);
          for (const symbol of [...cached, "US.BRK.B"]) {
            const { answer, failure } = (await centres[0]?.page(symbol)) ?? {};
            expect(failure).toBeUndefined();
            expect(answer?.stale).toBeUndefined();
            expect(answer && isSliceable(answer.page)).toBe(true);
          }
        },
        { timeout: 15_000, interval: 200 },
      );
      const { refused, maxCallsInWindow } = await gateway.opend.stats();
      expect(refused).toBe(0);
      expect(maxCallsInWindow).toBeLessThanOrEqual(30);
    },
  );
});
