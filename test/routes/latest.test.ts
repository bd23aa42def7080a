import { describe, expect, it } from "vitest";
import { startService } from "../support/service.ts";
import { sha256 } from "../support/sha256.ts";
import { countSubrequests } from "../support/subrequests.ts";

interface Item {
  symbol: string;
  latest: { timestamp_str: string } | null;
  change: { shares: number; percent: number | null } | null;
  error: { code: string; retry_after?: number } | null;
}

const path = (symbols: string) => `/v1/short-interest?symbols=${symbols}`;

/** `max-age` of a response, in seconds. */
function maxAgeOf(headers: Headers): number {
  return Number(/max-age=(\d+)/.exec(headers.get("Cache-Control") ?? "")?.[1]);
}

describe("latest rows of several symbols", () => {
  it("have the newest row of each symbol, and its change from the row before", async () => {
    const service = await startService();
    const response = await service.get(path("HK.700,us.aapl,US.NONE"));
    expect(response.status).toBe(200);
    const { items } = await response.json<{ items: Item[] }>();
    expect(items[0]).toEqual({
      symbol: "HK.00700",
      market: "HK",
      latest: {
        timestamp: 1777478400,
        timestamp_str: "2026-04-30",
        aggregated_short: 51480638,
        aggregated_short_ratio: 0.56,
        close_price: 467.8,
        last_close_price: 479.2,
      },
      // 51480638 after 51888755.
      change: { shares: -408117, percent: -0.79 },
      stale: false,
      error: null,
    });
    expect(items[1]?.symbol).toBe("US.AAPL");
    expect(items[2]).toMatchObject({ symbol: "US.NONE", latest: null, change: null, error: null });
    // US.NONE and US.AAPL do not have the newest row of their market.
    expect(maxAgeOf(response.headers)).toBeGreaterThan(0);
  });

  it("have every digit of a change", async () => {
    const { items } = await (await (await startService()).get(path("US.HUGE"))).json<{ items: Item[] }>();
    expect(items[0]?.change).toEqual({ shares: -1, percent: 0 });
  });

  it("have an error at the symbols that fail, and rows of the others", async () => {
    const service = await startService({}, { UPSTREAM_LIMIT: "2" });
    const response = await service.get(path("US.AAPL,nonsense,SH.600000,US.NOSUCH,US.TSLA"));
    expect(response.status).toBe(200);
    const { items } = await response.json<{ items: Item[] }>();
    const codes = items.map(({ error }) => error?.code ?? null);
    expect(codes.slice(1, 3)).toEqual(["invalid_symbol", "unsupported_market"]);
    const rest = [codes[0], codes[3], codes[4]];
    expect(rest.filter((code) => code === "upstream_quota_exceeded")).toHaveLength(1);
    expect(
      items.find(({ error }) => error?.code === "upstream_quota_exceeded")?.error?.retry_after,
    ).toBeGreaterThan(25);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
  });

  it("cause one call per symbol, and none the second time", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" });
    const symbols = Array.from({ length: 25 }, (_, index) => `US.T${index}`).join();
    for (const _ of [1, 2]) {
      const { items } = await (await service.get(path(symbols))).json<{ items: Item[] }>();
      expect(items.every(({ error }) => error === null)).toBe(true);
    }
    expect((await service.opend.stats()).calls).toBe(25);
  });

  it("stay within 50 subrequests, and have the remaining symbols in later requests", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30" });
    const symbols = Array.from({ length: 20 }, (_, index) => `US.T${index}`).join();
    let missing = 20;
    for (let requests = 0; missing > 0; requests += 1) {
      expect(requests).toBeLessThan(10);
      const counted = await countSubrequests(service, async () => {
        const { items } = await (await service.get(path(symbols))).json<{ items: Item[] }>();
        const errors = items.flatMap(({ error }) => (error ? [error] : []));
        expect(errors.every((error) => error.code === "subrequest_limit" && error.retry_after === 1)).toBe(
          true,
        );
        expect(errors.length).toBeLessThan(missing);
        missing = errors.length;
      });
      expect(counted).toBeLessThanOrEqual(50);
    }
    expect((await service.opend.stats()).calls).toBe(20);
  });

  it("are fresh until the first page becomes stale", async () => {
    const service = await startService();
    await service.get(path("US.NONE,US.NEWLY"));
    const { headers } = await service.getFromOtherDataCenter(path("US.NONE,US.NEWLY"));
    // NONE has no rows, so it is fresh for 6 h. Both symbols have different newest rows.
    const maxAges = [];
    for (const symbol of ["US.NONE", "US.NEWLY"]) {
      const page = await service.getFromOtherDataCenter(`/v1/short-interest/${symbol}`);
      maxAges.push(maxAgeOf(page.headers));
    }
    expect(Math.abs(maxAgeOf(headers) - Math.min(...maxAges))).toBeLessThanOrEqual(2);
  });

  it("are JSON only, and private with API_KEYS", async () => {
    const service = await startService();
    const csv = await service.get(path("US.NONE"), { headers: { Accept: "text/csv" } });
    expect(csv.status).toBe(406);
    const keyed = await startService({}, { API_KEYS: `me:${await sha256("key")}` });
    const response = await keyed.get(path("US.NONE"), { headers: { "X-API-Key": "key" } });
    expect(response.headers.get("Cache-Control")).toMatch(/^private,/);
    expect(response.headers.get("Vary")).toContain("X-API-Key");
  });

  it("accept several symbols parameters", async () => {
    const service = await startService();
    const response = await service.get(path("US.NONE,US.NEWLY&symbols=US.NONE&symbols=HK.2800"));
    const { items } = await response.json<{ items: Item[] }>();
    expect(items.map(({ symbol }) => symbol)).toEqual(["US.NONE", "US.NEWLY", "HK.02800"]);
  });
});
