import { describe, expect, it } from "vitest";
import {
  expectOnePermitPerCall,
  REVALIDATED_AFTER_MS,
  SHORT_DEADLINES,
  STALE_AFTER_MS,
  startDataCenters as start,
} from "../support/data-center.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("data centers", () => {
  it("fetch a missing page once for 200 concurrent requests", async () => {
    const { service, dataCenters } = await start(8);
    const requests = dataCenters.flatMap((dataCenter) =>
      Array.from({ length: 25 }, () => dataCenter.page("US.AAPL")),
    );
    const results = await Promise.all(requests);
    // Each data center reads once and polls the lease; coalesced requests send nothing.
    expect(await service.upstash.requests()).toBeLessThan(60);
    expect(results.every(({ result }) => result?.page.rows.length === 10)).toBe(true);
    expect((await service.opend.stats()).calls).toBe(1);
    await expectOnePermitPerCall(service);
  });

  it("share their pages, and serve every cursor within them without a call", async () => {
    const { service, dataCenters } = await start(3);
    const [first, second, third] = dataCenters;
    const page = await first?.page("HK.00700", { num: 50 });
    const deeper = await first?.page("HK.00700", { num: 50, cursor: page?.result?.page.next ?? "" });
    for (const row of [...(page?.result?.page.rows ?? []), ...(deeper?.result?.page.rows ?? [])].slice(
      0,
      99,
    )) {
      const { result } = (await second?.page("HK.00700", { num: 1, cursor: String(row.timestamp) })) ?? {};
      expect(result?.page.rows[0]?.timestamp).toBeLessThan(row.timestamp);
    }
    expect((await third?.page("HK.00700"))?.result?.tier).toBe("shared");
    expect((await service.opend.stats()).calls).toBe(2);
  });

  it("send Upstash 0 requests for a page in the edge cache, 1 for one in the shared cache, 3 for a missing one", async () => {
    const { service, dataCenters } = await start(2);
    const [first, second] = dataCenters;
    await first?.page("US.SPY"); // Loads the scripts into Redis.
    const requestsFor = async (dataCenter: typeof first, symbol: string) => {
      const before = await service.upstash.requests();
      await dataCenter?.page(symbol);
      return (await service.upstash.requests()) - before;
    };
    expect(await requestsFor(first, "US.AAPL")).toBe(3);
    expect(await requestsFor(first, "US.AAPL")).toBe(0);
    expect(await requestsFor(second, "US.AAPL")).toBe(1);
    expect(await requestsFor(second, "US.AAPL")).toBe(0);
  });

  it("open the OpenD connection after one Upstash request, without waiting for the second", async () => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, SHORT_DEADLINES);
    await dataCenters[0]?.page("US.SPY");
    await service.upstash.fail("hang", 1);
    const before = (await service.opend.stats()).upgrades;
    const { failure } = (await dataCenters[0]?.page("US.AAPL")) ?? {};
    expect(failure?.code).toBe("store_unavailable");
    expect((await service.opend.stats()).upgrades).toBe(before + 1);
  });
});

describe("stale page", () => {
  it("is served at once as revalidating, and refreshed once for all data centers", async () => {
    const { service, clock, dataCenters } = await start(4);
    await Promise.all(dataCenters.map((dataCenter) => dataCenter.page("US.AAPL")));
    clock.forward(STALE_AFTER_MS);
    const results = await Promise.all(dataCenters.map((dataCenter) => dataCenter.page("US.AAPL")));
    for (const { result } of results) expect(result?.staleReason).toBe("revalidating");
    expect((await service.opend.stats()).calls).toBe(2);
    clock.forward(REVALIDATED_AFTER_MS);
    for (const dataCenter of dataCenters) await dataCenter.page("US.AAPL");
    for (const dataCenter of dataCenters)
      expect((await dataCenter.page("US.AAPL")).result?.staleReason).toBeUndefined();
    expect((await service.opend.stats()).calls).toBe(2);
  });

  it("is served for 8 days after its fetch while OpenD is unreachable, then fails", async () => {
    const { service, clock, dataCenters } = await start(2);
    const [first, second] = dataCenters;
    await first?.page("US.AAPL");
    await service.opend.set({ fault: "not a WebSocket" });
    clock.forward(8 * DAY - HOUR);
    for (const dataCenter of [first, second])
      expect((await dataCenter?.page("US.AAPL"))?.result?.staleReason).toBeDefined();
    clock.forward(2 * HOUR);
    // Redis runs on real time: the keys that would have expired are deleted.
    for (const kind of ["page", "lease"])
      await service.upstash.redis("DEL", `short-interest:${kind}:US.AAPL/`);
    expect((await first?.page("US.AAPL"))?.failure?.code).toBe("opend_unreachable");
  });

  it("is served when the quota is used up, and its refresh leaves permits for missing pages", async () => {
    const { service, clock, dataCenters } = await start(1, { UPSTREAM_LIMIT: "7", CLIENT_SHARE: "30" });
    for (const symbol of ["US.AAPL", "US.TSLA"]) await dataCenters[0]?.page(symbol);
    clock.forward(25 * HOUR);
    for (const symbol of ["US.AAPL", "US.TSLA"]) await dataCenters[0]?.page(symbol);
    // Four of seven permits are used, two of them by refreshes. Three remain for missing pages.
    expect((await service.opend.stats()).calls).toBe(4);
    clock.forward(25 * HOUR);
    expect((await dataCenters[0]?.page("US.AAPL"))?.result?.staleReason).toBe("revalidating");
    expect((await service.opend.stats()).calls).toBe(4);
    for (const symbol of ["US.T1", "US.T2", "US.T3"]) {
      expect((await dataCenters[0]?.page(symbol))?.result?.tier).toBe("opend");
    }
    expect((await dataCenters[0]?.page("US.T4"))?.failure?.code).toBe("upstream_quota_exceeded");
  });
});

describe("unknown symbol", () => {
  it("is cached for 10 min in every data center", async () => {
    const { service, clock, dataCenters } = await start(2);
    for (const dataCenter of [...dataCenters, ...dataCenters]) {
      expect((await dataCenter.page("US.NOSUCH")).failure?.code).toBe("unknown_symbol");
    }
    expect((await service.opend.stats()).calls).toBe(1);
    clock.forward(11 * MINUTE);
    // Redis runs on real time, so the key that would have expired is deleted.
    await service.upstash.redis("DEL", "short-interest:page:US.NOSUCH/");
    expect((await dataCenters[0]?.page("US.NOSUCH"))?.failure?.code).toBe("unknown_symbol");
    expect((await service.opend.stats()).calls).toBe(2);
  });
});

describe("slice at the end of a cached page", () => {
  it("has the remaining rows if the next page cannot be fetched", async () => {
    const { service, dataCenters } = await start(1);
    const { result } = (await dataCenters[0]?.page("HK.00700", { num: 50 })) ?? {};
    await service.upstash.fail("500");
    const cursor = String(result?.page.rows[44]?.timestamp);
    const rest = (await dataCenters[0]?.page("HK.00700", { num: 20, cursor }))?.result;
    expect(rest?.page.rows).toHaveLength(5);
    expect(rest?.page.next).toBe(result?.page.next);
    // Clients must not cache it.
    expect(rest?.freshUntil).toBe(rest?.fetchedAt);
  });
});

describe("edge cache entry", () => {
  it("is served without a lookup for 50 min, once more while it is revalidated, and after an hour only after a lookup", async () => {
    const { service, clock, dataCenters } = await start(1);
    const [dataCenter] = dataCenters;
    await dataCenter?.page("US.AAPL");
    await service.upstash.redis("FLUSHDB"); // Like a purge.
    clock.forward(50 * MINUTE - 1);
    expect((await dataCenter?.page("US.AAPL"))?.result?.tier).toBe("edge");
    expect((await service.opend.stats()).calls).toBe(1);
    clock.forward(5 * MINUTE);
    expect((await dataCenter?.page("US.AAPL"))?.result?.tier).toBe("edge");
    expect((await service.opend.stats()).calls).toBe(2);
    await service.upstash.redis("FLUSHDB");
    clock.forward(HOUR);
    expect((await dataCenter?.page("US.AAPL"))?.result?.tier).toBe("opend");
  });

  it("of a refusal is looked up again 5 min after it was stored, before it is served", async () => {
    const { service, clock, dataCenters } = await start(1);
    await service.opend.set({ fault: "unknown stock" });
    expect((await dataCenters[0]?.page("US.AAPL"))?.failure?.code).toBe("unknown_symbol");
    await service.opend.set({ fault: "" });
    await service.upstash.redis("FLUSHDB"); // Like a purge.
    clock.forward(5.5 * MINUTE);
    expect((await dataCenters[0]?.page("US.AAPL"))?.result?.tier).toBe("opend");
  });

  it("is served at once with store_unavailable for 30 s after a lookup that hung", async () => {
    // A lookup delays a request that has a copy by a second.
    const deadlines = { ...SHORT_DEADLINES, upstash: 1_200 };
    const { service, clock, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, deadlines);
    await dataCenters[0]?.page("US.AAPL");
    clock.forward(HOUR);
    await service.upstash.fail("hang");
    const { result, ms = 0 } = (await dataCenters[0]?.page("US.AAPL")) ?? {};
    expect(result).toMatchObject({ tier: "edge", staleReason: "store_unavailable" });
    expect(ms).toBeGreaterThanOrEqual(990);
    const before = await service.upstash.requests();
    for (let request = 0; request < 5; request += 1) {
      const again = await dataCenters[0]?.page("US.AAPL");
      expect(again?.result?.tier).toBe("edge");
      expect(again?.ms).toBeLessThan(500);
    }
    expect(await service.upstash.requests()).toBe(before);
    await service.upstash.fail(null);
    clock.forward(2 * MINUTE);
    expect((await dataCenters[0]?.page("US.AAPL"))?.result?.tier).toBe("shared");
  });

  it("is served with opend_timeout after 1 s while another lease holder fetches the page", async () => {
    const deadlines = { ...SHORT_DEADLINES, request: 1_500 };
    const { service, clock, dataCenters } = await start(1, { CLIENT_SHARE: "30" }, deadlines);
    await dataCenters[0]?.page("US.AAPL");
    clock.forward(HOUR);
    await service.upstash.redis("FLUSHDB");
    await service.upstash.redis("SET", "short-interest:lease:US.AAPL/", "another", "PX", "60000");
    const { result } = (await dataCenters[0]?.page("US.AAPL")) ?? {};
    expect(result).toMatchObject({ tier: "edge", staleReason: "opend_timeout" });
  });

  it("that is stale causes at most 40 requests in an hour while OpenD is down", async () => {
    const { service, clock, dataCenters } = await start(1);
    await dataCenters[0]?.page("US.AAPL");
    clock.forward(STALE_AFTER_MS);
    await service.opend.set({ fault: "not a WebSocket" });
    const before = await service.upstash.requests();
    for (let request = 0; request < 720; request += 1) {
      clock.forward(5_000);
      expect((await dataCenters[0]?.page("US.AAPL"))?.result?.staleReason).toBeDefined();
    }
    // A copy that is stale for an hour is served for six minutes. A failed fetch needs four requests: the look, lease and
    // permit, the release of the permit, and that of the lease.
    expect((await service.upstash.requests()) - before).toBeLessThanOrEqual(10 * 4);
  });

  it("is served while Upstash is down, even if it should be revalidated first", async () => {
    const { service, clock, dataCenters } = await start(1);
    await dataCenters[0]?.page("US.AAPL");
    await service.upstash.fail("500");
    clock.forward(HOUR);
    expect((await dataCenters[0]?.page("US.AAPL"))?.result).toMatchObject({
      tier: "edge",
      staleReason: "store_unavailable",
    });
    expect((await dataCenters[0]?.page("US.TSLA"))?.failure?.code).toBe("store_unavailable");
  });
});

describe("cursor between two rows", () => {
  it("is sent to OpenD, and its page is served for no other cursor", async () => {
    const { service, clock, dataCenters } = await start(3);
    const rows = (await dataCenters[0]?.page("HK.00700", { num: 50 }))?.result?.page.rows ?? [];
    const between = String((rows[0]?.timestamp ?? 0n) - 1n);
    const { result } = (await dataCenters[0]?.page("HK.00700", { cursor: between })) ?? {};
    expect(result?.page.rows[0]?.timestamp).toBe(rows[1]?.timestamp);
    clock.forward(26 * HOUR);
    const calls = (await service.opend.stats()).calls;
    const cursor = String(rows[49]?.timestamp);
    for (const dataCenter of [...dataCenters, ...dataCenters]) {
      const { result } = await dataCenter.page("HK.00700", { num: 1, cursor });
      expect(result?.staleReason).toBeUndefined();
    }
    expect((await service.opend.stats()).calls).toBe(calls + 1);
  });
});

describe("walk by cursors during a publication", () => {
  it.each([7, 10, 50])("with %i rows a page neither skips nor repeats a row", async (num) => {
    const { service, clock, dataCenters } = await start(2);
    await service.opend.set({ unpublished: 3 });
    const [walker, other] = dataCenters;
    const dates: string[] = [];
    let cursor = "";
    for (let step = 0; ; step += 1) {
      if (step === 1 || step === 3) {
        // Rows are published, and the first page of another data center has them.
        await service.opend.set({ unpublished: step === 1 ? 2 : 0 });
        clock.forward(STALE_AFTER_MS);
        await other?.page("HK.09988");
        await other?.page("HK.09988");
        clock.forward(HOUR);
      }
      const { result } = (await walker?.page("HK.09988", { num, cursor })) ?? {};
      dates.push(...(result?.page.rows.map((row) => row.timestampStr) ?? []));
      if (result?.page.next == null) break;
      cursor = result.page.next;
    }
    expect(dates).toHaveLength(117);
    expect(dates).toEqual([...new Set(dates)].sort().reverse());
  });
});
