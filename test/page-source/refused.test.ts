import { describe, expect, it } from "vitest";
import { STALE_AFTER_MS, startDataCenters as start } from "../support/data-center.ts";
import { readPermits } from "../support/permit-log.ts";
import type { Service } from "../support/service.ts";
import { agePage } from "../support/stored-page.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const calls = async (service: Service) => (await service.opend.stats()).calls;

describe("refusal by OpenD", () => {
  it.each([
    ["no permission", "", "opend_no_permission"],
    ["", "no-such-cursor", "opend_failed"],
    ["wrong kind", "", "unknown_symbol"],
  ])("'%s' of the cursor '%s' is cached for minutes in every data center", async (fault, cursor, code) => {
    const { service, clock, dataCenters } = await start(2);
    await service.opend.set({ fault });
    const readPages = async () => {
      for (const dataCenter of dataCenters)
        expect((await dataCenter.page("US.AAPL", { cursor })).failure?.code).toBe(code);
    };
    for (let index = 0; index < 5; index += 1) await readPages();
    expect(await calls(service)).toBe(1);
    clock.forward(4 * MINUTE);
    await readPages();
    expect(await calls(service)).toBe(1);
    clock.forward(11 * MINUTE);
    await readPages();
    expect(await calls(service)).toBe(2);
  });

  it.each([
    ["no permission", ""],
    ["", "no-such-cursor"],
  ])("'%s' of the cursor '%s' counts twice for its client", async (fault, cursor) => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "6" });
    await service.opend.set({ fault });
    const codes = [];
    for (let index = 0; index < 4; index += 1)
      codes.push((await dataCenters[0]?.page(`US.T${index}`, { cursor }))?.failure?.code);
    expect(codes.slice(0, 3)).not.toContain("client_quota_exceeded");
    expect(codes[3]).toBe("client_quota_exceeded");
    expect(await calls(service)).toBe(3);
  });

  it("of a known next page for an unknown reason is cached for 30 s", async () => {
    const { service, clock, dataCenters } = await start(2);
    const first = await dataCenters[0]?.page("HK.00700", { num: 50 });
    const next = { num: 50, cursor: first?.result?.page.next ?? "" };
    await service.opend.set({ fault: "other refusal" });
    expect((await dataCenters[0]?.page("HK.00700", next))?.failure?.code).toBe("opend_failed");
    await service.opend.set({ fault: "" });
    clock.forward(MINUTE / 2);
    expect((await dataCenters[1]?.page("HK.00700", next))?.result?.tier).toBe("opend");
  });

  it("for an unknown reason, or of a refresh, does not count as a wasted call", async () => {
    const { service, clock, dataCenters } = await start(1, { CLIENT_SHARE: "8" });
    await service.opend.set({ fault: "other refusal" });
    for (const index of [1, 2]) await dataCenters[0]?.page(`US.T${index}`);
    await service.opend.set({ fault: "" });
    await dataCenters[0]?.page("US.AAPL");
    clock.forward(STALE_AFTER_MS);
    await service.opend.set({ fault: "no permission" });
    await dataCenters[0]?.page("US.AAPL");
    expect((await readPermits(service.upstash.redis)).map(({ weight }) => weight)).toEqual([1, 1, 1, 1]);
  });

  it("of a first page for an unknown reason is cached for 30 s", async () => {
    const { service, clock, dataCenters } = await start(1);
    await service.opend.set({ fault: "other refusal" });
    for (let index = 0; index < 3; index += 1) {
      expect((await dataCenters[0]?.page("US.AAPL"))?.failure?.code).toBe("opend_failed");
    }
    expect(await calls(service)).toBe(1);
    await service.opend.set({ fault: "" });
    clock.forward(MINUTE / 2);
    expect((await dataCenters[0]?.page("US.AAPL"))?.result?.tier).toBe("opend");
  });
});

describe("refused client", () => {
  it("is served from the shared cache without a lease or a permit", async () => {
    const { service, dataCenters } = await start(3, { CLIENT_SHARE: "2" });
    const [first, second] = dataCenters;
    await second?.page("US.SPY", { client: "other" });
    for (const symbol of ["US.AAPL", "US.TSLA", "US.BRK.B"]) await first?.page(symbol, { client: "greedy" });
    const before = await service.upstash.requests();
    for (let index = 0; index < 20; index += 1) {
      const { failure } = (await first?.page("US.NEW", { client: "greedy" })) ?? {};
      expect(failure?.code).toBe("client_quota_exceeded");
      expect(failure?.retryAfterMs).toBeGreaterThan(20_000);
    }
    expect((await service.upstash.requests()) - before).toBe(20);
    expect(await service.upstash.redis("KEYS", "short-interest:lease:*")).toEqual([]);
    const cached = await first?.page("US.SPY", { client: "greedy" });
    expect(cached?.result).toMatchObject({ tier: "shared", staleReason: undefined });
    await agePage(service.upstash.redis, "short-interest:page:US.SPY/", DAY);
    const stale = (await dataCenters[2]?.page("US.SPY", { client: "greedy" }))?.result;
    expect(stale).toMatchObject({ tier: "shared", staleReason: "client_quota_exceeded" });
    expect(await calls(service)).toBe(3);
  });

  it("does not block the refresh of a stale page by another client", async () => {
    const { service, dataCenters } = await start(2, { CLIENT_SHARE: "2" });
    const [first, second] = dataCenters;
    await second?.page("US.SPY", { client: "other" });
    for (const symbol of ["US.AAPL", "US.TSLA", "US.BRK.B"]) await first?.page(symbol, { client: "greedy" });
    await agePage(service.upstash.redis, "short-interest:page:US.SPY/", DAY);
    expect((await first?.page("US.SPY", { client: "greedy" }))?.result?.staleReason).toBe(
      "client_quota_exceeded",
    );
    await first?.page("US.SPY", { client: "other" });
    expect((await first?.page("US.SPY", { client: "other" }))?.result?.staleReason).toBeUndefined();
    expect(await calls(service)).toBe(4);
  });

  it("does not block a permit for another client", async () => {
    const { dataCenters } = await start(1, { CLIENT_SHARE: "1" });
    for (const symbol of ["US.AAPL", "US.TSLA"]) await dataCenters[0]?.page(symbol, { client: "greedy" });
    expect((await dataCenters[0]?.page("US.TSLA", { client: "other" }))?.result?.tier).toBe("opend");
  });

  it("gets a permit again when one of its own is released", async () => {
    const { service, dataCenters } = await start(1, { CLIENT_SHARE: "1" });
    await service.opend.set({ delayMs: [300, 300], fault: "login: drop" });
    const failing = dataCenters[0]?.page("US.AAPL");
    const refused = await dataCenters[0]?.page("US.TSLA");
    expect((await failing)?.failure?.code).toBe("opend_unreachable");
    expect(refused?.failure?.code).toBe("client_quota_exceeded");
    await service.opend.set({ delayMs: [0, 0], fault: "" });
    expect((await dataCenters[0]?.page("US.TSLA"))?.result?.tier).toBe("opend");
  });
});

describe("used-up quota", () => {
  it("refuses every client of the isolate with one command each", async () => {
    const { service, dataCenters } = await start(1, { UPSTREAM_LIMIT: "2", CLIENT_SHARE: "30" });
    for (const symbol of ["US.AAPL", "US.TSLA", "US.SPY"]) await dataCenters[0]?.page(symbol);
    const before = await service.upstash.requests();
    for (let index = 0; index < 10; index += 1) {
      const { failure } = (await dataCenters[0]?.page(`US.T${index}`, { client: `client ${index}` })) ?? {};
      expect(failure?.code).toBe("upstream_quota_exceeded");
    }
    expect((await service.upstash.requests()) - before).toBe(10);
  });
});
