import { describe, expect, it, vi } from "vitest";
import { startDataCentres as start } from "../support/data-center.ts";
import { type Gateway, startGateway } from "../support/page-source.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const calls = async (gateway: Gateway) => (await gateway.opend.stats()).calls;
const pagesIn = async (gateway: Gateway) =>
  ((await gateway.upstash.redis("KEYS", "short-interest:page:*")) as string[]).length;

describe("lasting refusal", () => {
  it.each([
    ["no permission", "", "opend_no_permission"],
    ["", "no-such-cursor", "opend_failed"],
    ["wrong kind", "", "unknown_symbol"],
  ])("'%s' of the cursor '%s' is cached for minutes, in every data center", async (fault, cursor, code) => {
    const { gateway, clock, centres } = await start(2);
    await gateway.opend.set({ fault });
    const ask = async () => {
      for (const centre of centres)
        expect((await centre.page("US.AAPL", { cursor })).failure?.code).toBe(code);
    };
    for (let time = 0; time < 5; time += 1) await ask();
    expect(await calls(gateway)).toBe(1);
    clock.forward(4 * MINUTE);
    await ask();
    expect(await calls(gateway)).toBe(1);
    clock.forward(11 * MINUTE);
    await ask();
    expect(await calls(gateway)).toBe(2);
  });

  it.each([
    ["no permission", ""],
    ["", "no-such-cursor"],
  ])("'%s' of the cursor '%s' counts twice for its client", async (fault, cursor) => {
    const { gateway, centres } = await start(1, { CLIENT_SHARE: "6" });
    await gateway.opend.set({ fault });
    const codes = [];
    for (let at = 0; at < 4; at += 1)
      codes.push((await centres[0]?.page(`US.T${at}`, { cursor }))?.failure?.code);
    expect(codes.slice(0, 3)).not.toContain("client_quota_exceeded");
    expect(codes[3]).toBe("client_quota_exceeded");
    expect(await calls(gateway)).toBe(3);
  });

  it("of a known next page for an unknown reason is asked about again after half a minute", async () => {
    const { gateway, clock, centres } = await start(2);
    const first = await centres[0]?.page("HK.00700", { num: 50 });
    const next = { num: 50, cursor: first?.answer?.page.next ?? "" };
    await gateway.opend.set({ fault: "other refusal" });
    expect((await centres[0]?.page("HK.00700", next))?.failure?.code).toBe("opend_failed");
    await gateway.opend.set({ fault: "" });
    clock.forward(MINUTE / 2);
    expect((await centres[1]?.page("HK.00700", next))?.answer?.tier).toBe("opend");
  });

  it("for an unknown reason, or of a refresh, is no wasted call", async () => {
    const { gateway, clock, centres } = await start(1, { CLIENT_SHARE: "8" });
    await gateway.opend.set({ fault: "other refusal" });
    for (const at of [1, 2]) await centres[0]?.page(`US.T${at}`);
    await gateway.opend.set({ fault: "" });
    await centres[0]?.page("US.AAPL");
    clock.forward(2 * HOUR);
    await gateway.opend.set({ fault: "no permission" });
    await centres[0]?.page("US.AAPL");
    expect(await gateway.upstash.redis("ZCARD", "short-interest:client:me")).toBe(4);
    expect(await gateway.upstash.redis("EXISTS", "short-interest:opend:wasted")).toBe(0);
  });

  it("of a first page for an unknown reason is asked about again after half a minute", async () => {
    const { gateway, clock, centres } = await start(1);
    await gateway.opend.set({ fault: "other refusal" });
    for (let time = 0; time < 3; time += 1) {
      expect((await centres[0]?.page("US.AAPL"))?.failure?.code).toBe("opend_failed");
    }
    expect(await calls(gateway)).toBe(1);
    await gateway.opend.set({ fault: "" });
    clock.forward(MINUTE / 2);
    expect((await centres[0]?.page("US.AAPL"))?.answer?.tier).toBe("opend");
  });
});

describe("refused client", () => {
  it("is answered from the shared store without a lease or a permit", async () => {
    const { gateway, clock, centres } = await start(3, { CLIENT_SHARE: "2" });
    const [here, there] = centres;
    await there?.page("US.SPY", { client: "other" });
    for (const symbol of ["US.AAPL", "US.TSLA", "US.BRK.B"]) await here?.page(symbol, { client: "greedy" });
    const before = await gateway.upstash.requests();
    for (let time = 0; time < 20; time += 1) {
      const { failure } = (await here?.page("US.NEW", { client: "greedy" })) ?? {};
      expect(failure?.code).toBe("client_quota_exceeded");
      expect(failure?.retryAfterMs).toBeGreaterThan(20_000);
    }
    expect((await gateway.upstash.requests()) - before).toBe(20);
    expect(await gateway.upstash.redis("KEYS", "short-interest:lease:*")).toEqual([]);
    const found = await here?.page("US.SPY", { client: "greedy" });
    expect(found?.answer).toMatchObject({ tier: "shared", stale: undefined });
    await gateway.upstash.redis("HSET", "short-interest:page:US.SPY/", "fresh", String(clock.now() - 1));
    const old = (await centres[2]?.page("US.SPY", { client: "greedy" }))?.answer;
    expect(old).toMatchObject({ tier: "shared", stale: "client_quota_exceeded" });
    expect(await calls(gateway)).toBe(3);
  });

  it("does not keep a stale page from a refresh by another client", async () => {
    const { gateway, clock, centres } = await start(2, { CLIENT_SHARE: "2" });
    const [here, there] = centres;
    await there?.page("US.SPY", { client: "other" });
    for (const symbol of ["US.AAPL", "US.TSLA", "US.BRK.B"]) await here?.page(symbol, { client: "greedy" });
    await gateway.upstash.redis("HSET", "short-interest:page:US.SPY/", "fresh", String(clock.now() - 1));
    expect((await here?.page("US.SPY", { client: "greedy" }))?.answer?.stale).toBe("client_quota_exceeded");
    await here?.page("US.SPY", { client: "other" });
    expect((await here?.page("US.SPY", { client: "other" }))?.answer?.stale).toBeUndefined();
    expect(await calls(gateway)).toBe(4);
  });

  it("does not keep another client from a permit", async () => {
    const { centres } = await start(1, { CLIENT_SHARE: "1" });
    for (const symbol of ["US.AAPL", "US.TSLA"]) await centres[0]?.page(symbol, { client: "greedy" });
    expect((await centres[0]?.page("US.TSLA", { client: "other" }))?.answer?.tier).toBe("opend");
  });

  it("gets a permit again when one of its own is released", async () => {
    const { gateway, centres } = await start(1, { CLIENT_SHARE: "1" });
    await gateway.opend.set({ delayMs: [300, 300], fault: "login: drop" });
    const failing = centres[0]?.page("US.AAPL");
    const refused = await centres[0]?.page("US.TSLA");
    expect((await failing)?.failure?.code).toBe("opend_unreachable");
    expect(refused?.failure?.code).toBe("client_quota_exceeded");
    await gateway.opend.set({ delayMs: [0, 0], fault: "" });
    expect((await centres[0]?.page("US.TSLA"))?.answer?.tier).toBe("opend");
  });
});

describe("account without permits", () => {
  it("refuses every client in this isolate with one command each", async () => {
    const { gateway, centres } = await start(1, { UPSTREAM_LIMIT: "2", CLIENT_SHARE: "30" });
    for (const symbol of ["US.AAPL", "US.TSLA", "US.SPY"]) await centres[0]?.page(symbol);
    const before = await gateway.upstash.requests();
    for (let at = 0; at < 10; at += 1) {
      const { failure } = (await centres[0]?.page(`US.T${at}`, { client: `client ${at}` })) ?? {};
      expect(failure?.code).toBe("upstream_quota_exceeded");
    }
    expect((await gateway.upstash.requests()) - before).toBe(10);
  });
});

describe("unknown cursor", () => {
  /** Cursors between the rows of the first page, and beyond them, that no page leads to. */
  async function invented(gateway: Gateway, count: number) {
    const response = await gateway.get("/v1/short-interest/HK.00700?num=50");
    const { items } = await response.json<{ items: { timestamp: number }[] }>();
    return Array.from({ length: count }, (_, at) => String((items[at % 40]?.timestamp ?? 0) - 1 - at));
  }

  it("becomes known during its call if the page that leads to it is stored then", async () => {
    const { gateway, centres } = await start(2);
    const first = await centres[0]?.page("HK.00700", { num: 50 });
    const cursor = first?.answer?.page.next ?? "";
    const index = "short-interest:index:HK.00700";
    await gateway.upstash.redis("DEL", index);
    await gateway.opend.set({ delayMs: [200, 200] });
    const second = centres[1]?.page("HK.00700", { num: 50, cursor });
    await vi.waitFor(async () => expect((await gateway.opend.stats()).connections).toBe(1));
    await gateway.upstash.redis("ZADD", index, String(Date.now()), `next ${cursor}`);
    expect((await second)?.answer?.page.rows).toHaveLength(50);
    expect(await pagesIn(gateway)).toBe(2);
    expect(await gateway.upstash.redis("EXISTS", "short-interest:opend:wasted")).toBe(0);
  });

  it("costs a refused client at most 2 commands", async () => {
    const { gateway, centres } = await start(1, { CLIENT_SHARE: "2" });
    for (const symbol of ["US.AAPL", "US.TSLA", "US.SPY"]) await centres[0]?.page(symbol);
    const before = await gateway.upstash.requests();
    for (let at = 0; at < 40; at += 1) {
      const { failure } = (await centres[0]?.page("US.AAPL", { cursor: String(1_900_000_000 + at) })) ?? {};
      expect(failure?.code).toBe("client_quota_exceeded");
    }
    expect((await gateway.upstash.requests()) - before).toBeLessThanOrEqual(80);
  });

  it("is cached for minutes in its data center, and never in the shared store", async () => {
    const gateway = await startGateway({}, { CLIENT_SHARE: "30" });
    const cursors = await invented(gateway, 6);
    for (const cursor of [...cursors, ...cursors]) {
      expect((await gateway.get(`/v1/short-interest/HK.00700?next_key=${cursor}`)).status).toBe(200);
    }
    expect(await calls(gateway)).toBe(7);
    expect(await pagesIn(gateway)).toBe(1);
    expect(await gateway.upstash.redis("KEYS", "short-interest:lease:*")).toEqual([]);
  });

  it("expires after five minutes, fresh or not", async () => {
    const { gateway, clock, centres } = await start(1);
    const rows = (await centres[0]?.page("HK.00700", { num: 50 }))?.answer?.page.rows ?? [];
    const cursor = String((rows[3]?.timestamp ?? 0n) - 1n);
    await centres[0]?.page("HK.00700", { cursor });
    clock.forward(4 * MINUTE);
    await centres[0]?.page("HK.00700", { cursor });
    expect(await calls(gateway)).toBe(2);
    clock.forward(2 * MINUTE);
    await centres[0]?.page("HK.00700", { cursor });
    expect(await calls(gateway)).toBe(3);
  });

  it("leads nowhere: the page after it is unknown as well", async () => {
    const gateway = await startGateway({}, { CLIENT_SHARE: "30" });
    const future = "2000000000";
    const first = await gateway.get(`/v1/short-interest/US.AAPL?num=50&next_key=${future}`);
    const { next_key } = await first.json<{ next_key: string }>();
    expect((await gateway.get(`/v1/short-interest/US.AAPL?num=50&next_key=${next_key}`)).status).toBe(200);
    expect(await pagesIn(gateway)).toBe(0);
  });

  it.each(["timestamp", "offset", "opaque"] as const)(
    "is not what a walk by '%s' cursors follows: its pages are shared",
    async (cursors) => {
      const { gateway, centres } = await start(2);
      await gateway.opend.set({ cursors });
      const walk = async (centre: (typeof centres)[number] | undefined) => {
        let [cursor, pages] = ["", 0];
        for (;;) {
          const { answer } = (await centre?.page("HK.00700", { num: 50, cursor })) ?? {};
          pages += 1;
          if (answer?.page.next == null) return pages;
          cursor = answer.page.next;
        }
      };
      const pages = await walk(centres[0]);
      expect(pages).toBeGreaterThan(2);
      const before = await calls(gateway);
      expect(await walk(centres[1])).toBe(pages);
      expect(await calls(gateway)).toBe(before);
    },
  );
});

describe("wasted calls", () => {
  const windowMs = 2_000;
  const vars = { UPSTREAM_WINDOW_SECONDS: String(windowMs / 1_000), UPSTREAM_WAIT_MS: "300" };
  const ADDRESSES = 6;
  const headers = (at: number) => ({ headers: { "CF-Connecting-IP": `2001:db8:0:${at % ADDRESSES}::1` } });

  it("on 90 invented cursors from 6 addresses leave the next page of a known symbol its permit, in every window", async () => {
    const gateway = await startGateway({ windowMs }, vars);
    const known = ["US.T1", "US.T2", "US.T3", "US.T4", "US.T5"];
    const nextKeys = new Map<string, string>();
    for (const symbol of known) {
      const response = await gateway.get(`/v1/short-interest/${symbol}?num=50`);
      nextKeys.set(symbol, (await response.json<{ next_key: string }>()).next_key);
    }
    let made = 0;
    for (const symbol of known) {
      const ends = Date.now() + windowMs;
      const attack = Array.from({ length: 90 }, (_, at) => {
        made += 1;
        return gateway.get(`/v1/short-interest/US.T1?next_key=${1_900_000_000 + made}`, headers(at));
      });
      const statuses = (await Promise.all(attack)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(75);
      const next = await gateway.get(`/v1/short-interest/${symbol}?num=50&next_key=${nextKeys.get(symbol)}`);
      expect(next.status).toBe(200);
      await scheduler.wait(Math.max(0, ends - Date.now()));
    }
    expect((await gateway.opend.stats()).refused).toBe(0);
  });

  it("on made-up symbols leave half of the next windows to known symbols", async () => {
    const gateway = await startGateway({ windowMs: 5_000 }, { ...vars, UPSTREAM_WINDOW_SECONDS: "5" });
    const first = await gateway.get("/v1/short-interest/US.T1?num=50");
    const { next_key } = await first.json<{ next_key: string }>();
    let made = 0;
    const attack = async (count: number) => {
      const before = await calls(gateway);
      await Promise.all(
        Array.from({ length: count }, () => {
          made += 1;
          return gateway.get(`/v1/short-interest/US.NOSUCH${made}`, headers(made));
        }),
      );
      return (await calls(gateway)) - before;
    };
    // Each of the addresses wastes one call at a time, until that is enough for the rest of the test.
    while (((await gateway.upstash.redis("ZCARD", "short-interest:opend:wasted")) as number) < 15)
      await attack(2);
    expect(await gateway.upstash.redis("DEL", "short-interest:opend")).toBe(1);
    // The isolate remembers that it was refused; another one does not.
    expect(await attack(60)).toBeLessThanOrEqual(15);
    const next = await gateway.get(`/v1/short-interest/US.T1?num=50&next_key=${next_key}`);
    expect(next.status).toBe(200);
  });

  it("are none at a cold start: 200 real symbols at once use at least 29 of 30 permits", async () => {
    const gateway = await startGateway({}, { CLIENT_SHARE: "30" });
    await Promise.all(Array.from({ length: 200 }, (_, at) => gateway.get(`/v1/short-interest/US.T${at}`)));
    expect(await calls(gateway)).toBeGreaterThanOrEqual(29);
  });
});
