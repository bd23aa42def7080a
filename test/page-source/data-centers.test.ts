import { describe, expect, it } from "vitest";
import { logAndCallsAgree, SHORT, startDataCentres as start } from "../support/data-center.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("several data centres", () => {
  it("fetch a cold page once between them, however many ask at once", async () => {
    const { gateway, centres } = await start(8);
    const asked = centres.flatMap((centre) => Array.from({ length: 25 }, () => centre.page("US.AAPL")));
    const answers = await Promise.all(asked);
    // Each asks once, or looks again now and then; not each request.
    expect(await gateway.upstash.requests()).toBeLessThan(60);
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
    expect((await third?.page("HK.00700"))?.answer?.tier).toBe("shared");
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
    const { gateway, centres } = await start(1, { CLIENT_SHARE: "30" }, SHORT);
    await centres[0]?.page("US.SPY");
    await gateway.upstash.fail("hang", 1);
    const before = (await gateway.opend.stats()).upgrades;
    const { failure } = (await centres[0]?.page("US.AAPL")) ?? {};
    expect(failure?.code).toBe("store_unavailable");
    expect((await gateway.opend.stats()).upgrades).toBe(before + 1);
  });
});

describe("a page past its freshness", () => {
  it("is served at once, marked, and renewed once for the world", async () => {
    const { gateway, clock, centres } = await start(4);
    await Promise.all(centres.map((centre) => centre.page("US.AAPL")));
    clock.forward(2 * HOUR);
    const answers = await Promise.all(centres.map((centre) => centre.page("US.AAPL")));
    for (const { answer } of answers) expect(answer?.stale).toBe("revalidating");
    expect((await gateway.opend.stats()).calls).toBe(2);
    // A copy that is stale for an hour is trusted for a minute, and then served once more while the store is asked.
    clock.forward(MINUTE);
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
    for (const kind of ["page", "lease"])
      await gateway.upstash.redis("DEL", `short-interest:${kind}:US.AAPL/`);
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
    expect((await centres[0]?.page("US.AAPL"))?.answer?.stale).toBe("revalidating");
    expect((await gateway.opend.stats()).calls).toBe(4);
    for (const symbol of ["US.T1", "US.T2", "US.T3"]) {
      expect((await centres[0]?.page(symbol))?.answer?.tier).toBe("opend");
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

describe("the end of what is kept", () => {
  it("is answered with the rows there are when the next page cannot be had", async () => {
    const { gateway, centres } = await start(1);
    const { answer } = (await centres[0]?.page("HK.00700", { num: 50 })) ?? {};
    await gateway.upstash.fail("500");
    const cursor = String(answer?.page.rows[44]?.timestamp);
    const rest = (await centres[0]?.page("HK.00700", { num: 20, cursor }))?.answer;
    expect(rest?.page.rows).toHaveLength(5);
    expect(rest?.page.next).toBe(answer?.page.next);
    // Nobody is to keep it for whole.
    expect(rest?.freshUntil).toBe(rest?.fetchedAt);
  });
});

describe("an edge copy", () => {
  it("follows the global one: trusted, then served once more, then asked about first", async () => {
    const { gateway, clock, centres } = await start(1);
    const [centre] = centres;
    await centre?.page("US.AAPL");
    await gateway.upstash.redis("FLUSHALL"); // As a purge does.
    clock.forward(3 * MINUTE);
    expect((await centre?.page("US.AAPL"))?.answer?.tier).toBe("edge");
    expect((await gateway.opend.stats()).calls).toBe(1);
    clock.forward(1.5 * MINUTE);
    expect((await centre?.page("US.AAPL"))?.answer?.tier).toBe("edge");
    expect((await gateway.opend.stats()).calls).toBe(2);
    await gateway.upstash.redis("FLUSHALL");
    clock.forward(6 * MINUTE);
    expect((await centre?.page("US.AAPL"))?.answer?.tier).toBe("opend");
  });

  it("is served at once for 5 s after one lookup that hung, and the cause is Upstash", async () => {
    const { gateway, clock, centres } = await start(1);
    await centres[0]?.page("US.AAPL");
    clock.forward(30 * MINUTE);
    await gateway.upstash.fail("hang");
    const { answer, ms = 0 } = (await centres[0]?.page("US.AAPL")) ?? {};
    expect(answer).toMatchObject({ tier: "edge", stale: "store_unavailable" });
    expect(ms).toBeGreaterThanOrEqual(990);
    const before = await gateway.upstash.requests();
    for (let time = 0; time < 5; time += 1) {
      const again = await centres[0]?.page("US.AAPL");
      expect(again?.answer?.tier).toBe("edge");
      expect(again?.ms).toBeLessThan(500);
    }
    expect(await gateway.upstash.requests()).toBe(before);
    await gateway.upstash.fail(null);
    clock.forward(2 * MINUTE);
    expect((await centres[0]?.page("US.AAPL"))?.answer?.tier).toBe("shared");
  });

  it("that is stale is looked up once a minute at most while OpenD is down for an hour", async () => {
    const { gateway, clock, centres } = await start(1);
    await centres[0]?.page("US.AAPL");
    clock.forward(2 * HOUR);
    await gateway.opend.set({ fault: "not a WebSocket" });
    const before = await gateway.upstash.requests();
    for (let at = 0; at < 720; at += 1) {
      clock.forward(5_000);
      expect((await centres[0]?.page("US.AAPL"))?.answer?.stale).toBeDefined();
    }
    const commands = (await gateway.upstash.requests()) - before;
    // A lookup, and where it may fetch a permit, its return and the release of the lease.
    expect(commands).toBeLessThanOrEqual(60 * 4);
  });

  it("is better than nothing when Upstash is gone, however old its trust", async () => {
    const { gateway, clock, centres } = await start(1);
    await centres[0]?.page("US.AAPL");
    await gateway.upstash.fail("500");
    clock.forward(30 * MINUTE);
    expect((await centres[0]?.page("US.AAPL"))?.answer).toMatchObject({
      tier: "edge",
      stale: "store_unavailable",
    });
    expect((await centres[0]?.page("US.TSLA"))?.failure?.code).toBe("store_unavailable");
  });
});

describe("a cursor between two rows", () => {
  it("is OpenD's to answer, and its page is nobody else's", async () => {
    const { gateway, clock, centres } = await start(3);
    const rows = (await centres[0]?.page("HK.00700", { num: 50 }))?.answer?.page.rows ?? [];
    const between = String((rows[0]?.timestamp ?? 0n) - 1n);
    const { answer } = (await centres[0]?.page("HK.00700", { cursor: between })) ?? {};
    expect(answer?.page.rows[0]?.timestamp).toBe(rows[1]?.timestamp);
    clock.forward(26 * HOUR);
    const calls = (await gateway.opend.stats()).calls;
    const cursor = String(rows[49]?.timestamp);
    for (const centre of [...centres, ...centres]) {
      const { answer } = await centre.page("HK.00700", { num: 1, cursor });
      expect(answer?.stale).toBeUndefined();
    }
    expect((await gateway.opend.stats()).calls).toBe(calls + 1);
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
