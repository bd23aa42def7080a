import { describe, expect, it, vi } from "vitest";
import { isSliceable } from "../../functions/short-interest/page.ts";
import { Clock, DEADLINES, dataCentre } from "../support/data-centre.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LOG = "short-interest:opend";

const shares = { CLIENT_SHARE: "30" };

/** Several data centres on one clock. */
async function start(count: number, vars: Record<string, string> = shares) {
  const gateway = await startGateway({}, vars);
  const clock = new Clock();
  return { gateway, clock, centres: Array.from({ length: count }, () => dataCentre(gateway, clock)) };
}

/** Every permit in the log is a call that OpenD has seen. */
async function logAndCallsAgree(gateway: Gateway) {
  const { calls, connections } = await gateway.opend.stats();
  expect(await gateway.upstash.redis("ZCARD", LOG)).toBe(calls);
  expect(connections).toBe(0);
}

describe("several data centres", () => {
  it("fetch a cold page once between them, however many ask at once", async () => {
    const { gateway, centres } = await start(8);
    const asked = centres.flatMap((centre) => Array.from({ length: 25 }, () => centre.page("US.AAPL")));
    const answers = await Promise.all(asked);
    expect(answers.every(({ answer }) => answer?.page.rows.length === 10)).toBe(true);
    expect((await gateway.opend.stats()).calls).toBe(1);
    await logAndCallsAgree(gateway);
  });

  it("serve each other's pages, and any cursor within them, without a call", async () => {
    const { gateway, centres } = await start(3);
    const [first, second, third] = centres;
    const page = await first?.page("HK.00700", { num: 50 });
    const deeper = await first?.page("HK.00700", { num: 50, cursor: page?.answer?.page.next ?? "" });
    for (const row of [...(page?.answer?.page.rows ?? []), ...(deeper?.answer?.page.rows ?? [])].slice(
      0,
      99,
    )) {
      const { answer } = (await second?.page("HK.00700", { num: 1, cursor: String(row.timestamp) })) ?? {};
      expect(answer?.page.rows[0]?.timestamp).toBeLessThan(row.timestamp);
    }
    expect((await third?.page("HK.00700"))?.answer?.origin).toBe("global");
    expect((await gateway.opend.stats()).calls).toBe(2);
  });

  it("ask Upstash never for a page at the edge, once for one kept elsewhere, thrice for a cold one", async () => {
    const { gateway, centres } = await start(2);
    const [first, second] = centres;
    await first?.page("US.SPY"); // From here on Redis knows the scripts.
    const trips = async (centre: typeof first, symbol: string) => {
      const before = await gateway.upstash.requests();
      await centre?.page(symbol);
      return (await gateway.upstash.requests()) - before;
    };
    expect(await trips(first, "US.AAPL")).toBe(3);
    expect(await trips(first, "US.AAPL")).toBe(0);
    expect(await trips(second, "US.AAPL")).toBe(1);
    expect(await trips(second, "US.AAPL")).toBe(0);
  });

  it("begin to open the socket after one question to Upstash, without waiting for a second", async () => {
    const { gateway, centres } = await start(1);
    await centres[0]?.page("US.SPY");
    await gateway.upstash.fail("hang", 1);
    const before = (await gateway.opend.stats()).openings;
    const { failure } = (await centres[0]?.page("US.AAPL")) ?? {};
    expect(failure?.code).toBe("limiter_unavailable");
    expect((await gateway.opend.stats()).openings).toBe(before + 1);
  });
});

describe("a page past its freshness", () => {
  it("is served at once, marked, and renewed once for the world", async () => {
    const { gateway, clock, centres } = await start(4);
    await Promise.all(centres.map((centre) => centre.page("US.AAPL")));
    clock.forward(2 * HOUR);
    const answers = await Promise.all(centres.map((centre) => centre.page("US.AAPL")));
    for (const { answer } of answers) expect(answer?.stale).toBe("refreshing");
    expect((await gateway.opend.stats()).calls).toBe(2);
    // A stale copy is trusted for some seconds, and then served once more while the store is asked.
    clock.forward(10_000);
    for (const centre of centres) await centre.page("US.AAPL");
    for (const centre of centres) expect((await centre.page("US.AAPL")).answer?.stale).toBeUndefined();
    expect((await gateway.opend.stats()).calls).toBe(2);
  });

  it("is served for 7 days when OpenD is gone, and then no longer", async () => {
    const { gateway, clock, centres } = await start(2);
    const [first, second] = centres;
    await first?.page("US.AAPL");
    await gateway.opend.set({ fault: "not a WebSocket" });
    clock.forward(6 * DAY);
    for (const centre of [first, second])
      expect((await centre?.page("US.AAPL"))?.answer?.stale).toBeDefined();
    clock.forward(2 * DAY);
    // As Redis does after as long.
    for (const end of ["", ":claim"])
      await gateway.upstash.redis("DEL", `short-interest:page:US.AAPL/${end}`);
    expect((await first?.page("US.AAPL"))?.failure?.code).toBe("opend_unreachable");
  });

  it("is served where the quota is used up, and the refresh leaves permits to those who have nothing", async () => {
    const { gateway, clock, centres } = await start(1, { UPSTREAM_LIMIT: "7", CLIENT_SHARE: "30" });
    for (const symbol of ["US.AAPL", "US.TSLA"]) await centres[0]?.page(symbol);
    clock.forward(2 * HOUR);
    for (const symbol of ["US.AAPL", "US.TSLA"]) await centres[0]?.page(symbol);
    // Of seven permits four were taken, two by refreshes; three are left for others.
    expect((await gateway.opend.stats()).calls).toBe(4);
    clock.forward(2 * HOUR);
    expect((await centres[0]?.page("US.AAPL"))?.answer?.stale).toBe("refreshing");
    expect((await gateway.opend.stats()).calls).toBe(4);
    for (const symbol of ["US.T1", "US.T2", "US.T3"]) {
      expect((await centres[0]?.page(symbol))?.answer?.origin).toBe("fetched");
    }
    expect((await centres[0]?.page("US.T4"))?.failure?.code).toBe("upstream_quota_exceeded");
  });
});

describe("a symbol that does not exist", () => {
  it("is believed for ten minutes, here and elsewhere, and not a moment longer", async () => {
    const { gateway, clock, centres } = await start(2);
    for (const centre of [...centres, ...centres]) {
      expect((await centre.page("US.NOSUCH")).failure?.code).toBe("unknown_symbol");
    }
    expect((await gateway.opend.stats()).calls).toBe(1);
    clock.forward(11 * MINUTE);
    // Redis, which has a clock of its own, forgets by then.
    await gateway.upstash.redis("DEL", "short-interest:page:US.NOSUCH/");
    expect((await centres[0]?.page("US.NOSUCH"))?.failure?.code).toBe("unknown_symbol");
    expect((await gateway.opend.stats()).calls).toBe(2);
  });
});

describe("a call that is never answered", () => {
  it("holds its permit until it can no longer reach OpenD", async () => {
    const { gateway, centres } = await start(1);
    await gateway.opend.set({ fault: "silence" });
    const began = Date.now();
    await centres[0]?.page("US.AAPL");
    const [, until] = (await gateway.upstash.redis("ZRANGE", LOG, "0", "-1", "WITHSCORES")) as string[];
    // A second of guard, and the call's deadline.
    expect(Number(until) - began).toBeGreaterThanOrEqual(1_000 + DEADLINES.call);
    expect(Number(until) - began).toBeLessThan(1_000 + DEADLINES.call + 500);
  });
});

describe("the end of what is kept", () => {
  it("is answered with the rows there are when the next page cannot be had", async () => {
    const { gateway, centres } = await start(1);
    const { answer } = (await centres[0]?.page("HK.00700", { num: 50 })) ?? {};
    await gateway.upstash.fail("500");
    const cursor = String(answer?.page.rows[44]?.timestamp);
    const rest = (await centres[0]?.page("HK.00700", { num: 20, cursor }))?.answer;
    expect(rest?.page.rows).toHaveLength(5);
    expect(rest?.page.next).toBe(answer?.page.next);
  });
});

describe("an edge copy", () => {
  it("follows the global one: trusted, then served once more, then asked about first", async () => {
    const { gateway, clock, centres } = await start(1);
    const [centre] = centres;
    await centre?.page("US.AAPL");
    await gateway.upstash.redis("FLUSHALL"); // As a purge does.
    clock.forward(3 * MINUTE);
    expect((await centre?.page("US.AAPL"))?.answer?.origin).toBe("edge");
    expect((await gateway.opend.stats()).calls).toBe(1);
    clock.forward(1.5 * MINUTE);
    expect((await centre?.page("US.AAPL"))?.answer?.origin).toBe("edge");
    expect((await gateway.opend.stats()).calls).toBe(2);
    await gateway.upstash.redis("FLUSHALL");
    clock.forward(6 * MINUTE);
    expect((await centre?.page("US.AAPL"))?.answer?.origin).toBe("fetched");
  });

  it("is better than nothing when Upstash is gone, however old its trust", async () => {
    const { gateway, clock, centres } = await start(1);
    await centres[0]?.page("US.AAPL");
    await gateway.upstash.fail("500");
    clock.forward(30 * MINUTE);
    expect((await centres[0]?.page("US.AAPL"))?.answer).toMatchObject({
      origin: "edge",
      stale: "limiter_unavailable",
    });
    expect((await centres[0]?.page("US.TSLA"))?.failure?.code).toBe("limiter_unavailable");
  });
});

describe("a walk that straddles a publication", () => {
  it.each([7, 10, 50])("by %i neither skips nor repeats a row", async (num) => {
    const { gateway, clock, centres } = await start(2);
    await gateway.opend.set({ unpublished: 3 });
    const [walker, other] = centres;
    const dates: string[] = [];
    let cursor = "";
    for (let turn = 0; ; turn += 1) {
      if (turn === 1 || turn === 3) {
        // Meanwhile rows are published, and somebody else's first page shows them.
        await gateway.opend.set({ unpublished: turn === 1 ? 2 : 0 });
        clock.forward(2 * HOUR);
        await other?.page("HK.09988");
        await other?.page("HK.09988");
        clock.forward(10 * MINUTE);
      }
      const { answer } = (await walker?.page("HK.09988", { num, cursor })) ?? {};
      dates.push(...(answer?.page.rows.map((row) => row.timestampStr) ?? []));
      if (answer?.page.next == null) break;
      cursor = answer.page.next;
    }
    expect(dates).toHaveLength(117);
    expect(dates).toEqual([...new Set(dates)].sort().reverse());
  });
});

describe("a failing OpenD", () => {
  it("is left alone after five failures, and answers again when a probe gets through", async () => {
    const { gateway, centres } = await start(2);
    await gateway.opend.set({ fault: "login: drop" });
    for (let time = 0; time < 5; time += 1) {
      expect((await centres[time % 2]?.page(`US.T${time}`))?.failure?.code).toBe("opend_unreachable");
    }
    const { openings } = await gateway.opend.stats();
    for (const centre of centres) {
      const { failure } = await centre.page("US.T9");
      expect(failure).toMatchObject({ code: "opend_unreachable" });
      expect(failure?.retryAfterMs).toBeGreaterThan(5_000);
    }
    expect((await gateway.opend.stats()).openings).toBe(openings);
    await gateway.opend.set({ fault: "" });
    await gateway.upstash.redis("DEL", "short-interest:health:resting"); // The ten seconds are over.
    expect((await centres[0]?.page("US.T9"))?.answer?.origin).toBe("fetched");
    expect((await centres[1]?.page("US.T8"))?.answer?.origin).toBe("fetched");
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
    expect((await centre?.page("US.AAPL", { client: "guesser" }))?.answer?.origin).toBe("edge");
    expect((await centre?.page("US.TSLA", { client: "modest" }))?.answer?.origin).toBe("fetched");
  });

  it("that has used up its share does not spoil a page for one who asks for it meanwhile", async () => {
    const { centres } = await start(1, { CLIENT_SHARE: "1" });
    await centres[0]?.page("US.AAPL", { client: "greedy" });
    const [greedy, modest] = await Promise.all([
      centres[0]?.page("US.TSLA", { client: "greedy" }),
      centres[0]?.page("US.TSLA", { client: "modest" }),
    ]);
    expect(greedy?.failure?.code ?? greedy?.answer?.origin).toMatch(/client_quota_exceeded|joined/);
    expect(modest?.answer?.page.rows).toHaveLength(10);
  });
});

describe("a Redis that restarts empty", () => {
  it("costs at most a refusal of OpenD's own, which stops all calls for a window", async () => {
    const { gateway, centres } = await start(1);
    for (let at = 0; at < 30; at += 1) expect((await centres[0]?.page(`US.T${at}`))?.answer).toBeDefined();
    await gateway.upstash.redis("FLUSHALL");
    await gateway.upstash.redis("SCRIPT", "FLUSH");
    expect((await centres[0]?.page("US.T0"))?.answer?.origin).toBe("edge");
    const { failure } = (await centres[0]?.page("US.T40")) ?? {};
    expect(failure).toMatchObject({ code: "upstream_quota_exceeded", retryAfterMs: 30_000 });
    const { calls } = await gateway.opend.stats();
    for (let at = 50; at < 55; at += 1) {
      expect((await centres[0]?.page(`US.T${at}`))?.failure?.code).toBe("upstream_quota_exceeded");
    }
    expect((await gateway.opend.stats()).calls).toBe(calls);
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
      const { gateway, clock, centres } = await start(4);
      const kept = ["US.AAPL", "US.TSLA", "US.SPY"];
      for (const centre of centres) for (const symbol of kept) await centre.page(symbol);
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
          if (kept.includes(symbol)) expect(answer?.stale ?? failure).toEqual(expect.any(String));
          else expect(failure?.code).toMatch(/^(opend_timeout|limiter_unavailable|opend_unreachable)$/);
          expect(ms).toBeLessThan(3_500);
        }
      };
      await Promise.all(
        centres.flatMap((centre) => [...kept, "US.BRK.B"].map((symbol) => load(centre, symbol))),
      );
      expect(asked).toBeGreaterThan(50);

      await gateway.opend.set({ fault: "" });
      await gateway.upstash.fail(null);
      await vi.waitFor(
        async () => {
          for (const symbol of [...kept, "US.BRK.B"]) {
            const { answer, failure } = (await centres[0]?.page(symbol)) ?? {};
            expect(failure).toBeUndefined();
            expect(answer?.stale).toBeUndefined();
            expect(answer && isSliceable(answer.page)).toBe(true);
          }
        },
        { timeout: 15_000, interval: 200 },
      );
      const { refused, worstWindow } = await gateway.opend.stats();
      expect(refused).toBe(0);
      expect(worstWindow).toBeLessThanOrEqual(30);
    },
  );
});
