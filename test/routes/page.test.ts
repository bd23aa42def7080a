import { describe, expect, it } from "vitest";
import { type Service, startService } from "../support/service.ts";

interface Body {
  symbol: string;
  market: string;
  items: { timestamp: number; timestamp_str: string; [column: string]: unknown }[];
  next_key: string | null;
}

const page = async (service: Service, path: string) => {
  const response = await service.get(`/v1/short-interest/${path}`);
  expect(response.status).toBe(200);
  return { response, body: (await response.json()) as Body };
};

/** Follows next_key to the end. */
async function walk(service: Service, symbol: string, num: number) {
  const dates: string[] = [];
  const sizes: number[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { body }: { body: Body } = await page(service, `${symbol}?num=${num}&next_key=${cursor}`);
    dates.push(...body.items.map((item) => item.timestamp_str));
    sizes.push(body.items.length);
    cursor = body.next_key;
  }
  return { dates, sizes };
}

describe("page", () => {
  it("is the documented example", async () => {
    const service = await startService();
    const { response, body } = await page(service, "HK.00700");
    expect(body.items[0]).toEqual({
      timestamp: 1777478400,
      timestamp_str: "2026-04-30",
      aggregated_short: 51480638,
      aggregated_short_ratio: 0.56,
      close_price: 467.8,
      last_close_price: 479.2,
    });
    expect(body.items.map((item) => [item.timestamp_str, item.aggregated_short])).toEqual([
      ["2026-04-30", 51480638],
      ["2026-04-24", 51888755],
      ["2026-04-17", 47974208],
      ["2026-04-10", 48424833],
      ["2026-04-02", 49982828],
      ["2026-03-27", 52744147],
      ["2026-03-20", 51710854],
      ["2026-03-13", 48105325],
      ["2026-03-06", 42404275],
      ["2026-02-27", 36037870],
    ]);
    expect(body).toMatchObject({ symbol: "HK.00700", market: "HK", next_key: "1772121600" });
    expect(response.headers.get("Content-Type")).toBe("application/json");
  });

  it("has the documented US columns in order, and null for missing fields", async () => {
    const service = await startService();
    const { body } = await page(service, "us.aapl?num=1");
    expect(Object.keys(body.items[0] ?? {})).toEqual([
      "timestamp",
      "timestamp_str",
      "shares_short",
      "short_percent",
      "avg_daily_share_volume",
      "days_to_cover",
      "close_price",
      "last_close_price",
    ]);
    const { body: last } = await page(
      service,
      `US.AAPL?num=50&next_key=${await cursorAt(service, "US.AAPL", 2)}`,
    );
    expect(last.items.at(-1)).toMatchObject({ days_to_cover: null, last_close_price: null });
    expect(last.next_key).toBeNull();
  });

  it("has every digit of a count", async () => {
    const service = await startService();
    const response = await service.get("/v1/short-interest/US.HUGE");
    expect(await response.text()).toContain('"shares_short":9007199254740993,');
  });

  it("is empty for a security without rows", async () => {
    const { body } = await page(await startService(), "US.NONE");
    expect(body).toEqual({ symbol: "US.NONE", market: "US", items: [], next_key: null });
  });

  it.each(["HK.700", "hk.00700", "Hk.0700"])("of %s is that of HK.00700", async (symbol) => {
    const { body } = await page(await startService(), `${symbol}?num=1`);
    expect(body.symbol).toBe("HK.00700");
  });

  it.each(["US.SPY", "HK.02800", "US.BRK.B"])("of %s has 10 rows", async (symbol) => {
    const { body } = await page(await startService(), symbol);
    expect(body.items).toHaveLength(10);
  });

  it("after the last one is empty, without a call or a Redis command", async () => {
    const service = await startService();
    const { body } = await page(service, "US.AAPL?next_key=-1");
    expect(body).toEqual({ symbol: "US.AAPL", market: "US", items: [], next_key: null });
    expect((await service.opend.stats()).calls).toBe(0);
    expect(await service.upstash.requests()).toBe(0);
  });
});

describe("walk by next_key", () => {
  it.each([
    [1, 5],
    // 49 rows of each reply: the rows of a page come from one reply.
    [7, 6],
    [10, 5],
    [50, 5],
  ])("with num=%i has every row once, with %i calls", async (num, calls) => {
    const service = await startService();
    const { dates, sizes } = await walk(service, "HK.00700", num);
    expect(dates).toHaveLength(250);
    expect(dates).toEqual([...new Set(dates)].sort().reverse());
    expect(sizes.slice(0, -1).every((size) => size === num)).toBe(true);
    expect((await service.opend.stats()).calls).toBe(calls);
  });

  it.each(["offset", "opaque", "bound", "page number"] as const)(
    "has every row once with cursors of the kind %s, one call for 50 rows",
    async (cursors) => {
      const service = await startService(
        { cursors, limit: 1_000 },
        { UPSTREAM_WINDOW_SECONDS: "1", UPSTREAM_WAIT_MS: "3000" },
      );
      const { dates, sizes } = await walk(service, "HK.09988", 20);
      expect(dates).toEqual([...new Set(dates)].sort().reverse());
      // A page ends with the reply of OpenD that has its rows.
      expect(sizes).toEqual([20, 20, 10, 20, 20, 10, 20]);
      const { calls } = await service.opend.stats();
      expect(calls).toBe(3);
      await walk(service, "HK.09988", 20);
      expect((await service.opend.stats()).calls).toBe(calls);
    },
  );
});

describe("cached page", () => {
  it("is fetched once for concurrent and later requests", async () => {
    const service = await startService();
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => service.get("/v1/short-interest/US.TSLA")),
    );
    expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const later = await service.get("/v1/short-interest/US.TSLA");
    expect(later.headers.get("Cache-Status")).toMatch(/^short-interest-edge; hit; ttl=\d+$/);
    expect((await service.opend.stats()).calls).toBe(1);
  });

  it("serves every cursor and num within it, as first page or later page", async () => {
    const service = await startService();
    const first = (await page(service, "HK.00700?num=50")).body;
    const second = (await page(service, `HK.00700?num=50&next_key=${first.next_key}`)).body;
    const rows = [...first.items, ...second.items];
    for (const [from, num] of [
      [0, 3],
      [12, 5],
      [48, 2],
      [49, 1],
      [44, 20],
      [50, 13],
      [80, 19],
      [98, 1],
    ] as const) {
      const { body } = await page(service, `HK.00700?num=${num}&next_key=${rows[from]?.timestamp}`);
      expect(body.items).toEqual(rows.slice(from + 1, from + 1 + num));
      expect(body.next_key).toBe(String(rows[from + num]?.timestamp));
    }
    // Two for the slices that begin in the first page and end in the second one.
    expect((await service.opend.stats()).calls).toBe(2 + 2);
  });

  it("has Cache-Status, Cache-Control and Age", async () => {
    const service = await startService();
    const { response, body } = await page(service, "HK.00700?num=50");
    expect(response.headers.get("Cache-Status")).toBe("short-interest-edge; fwd=miss; stored");
    expect(response.headers.get("Cache-Control")).toBe(
      "public, max-age=21600, stale-while-revalidate=3600, stale-if-error=604800",
    );
    expect(response.headers.get("Age")).toBe("0");
    const deeper = await page(service, `HK.00700?next_key=${body.next_key}`);
    expect(deeper.response.headers.get("Cache-Control")).toBe(
      "public, max-age=86400, stale-while-revalidate=3600, stale-if-error=604800",
    );
  });

  it("can be a lasting refusal, but not a temporary failure", async () => {
    const service = await startService();
    for (const _ of [1, 2]) expect((await service.get("/v1/short-interest/US.NOSUCH")).status).toBe(404);
    expect((await service.opend.stats()).calls).toBe(1);
    await service.opend.set({ fault: "no permission" });
    for (const _ of [1, 2]) expect((await service.get("/v1/short-interest/US.TSLA")).status).toBe(502);
    expect((await service.opend.stats()).calls).toBe(2);
    await service.opend.set({ fault: "not protobuf" });
    for (const _ of [1, 2]) expect((await service.get("/v1/short-interest/US.SPY")).status).toBe(502);
    expect((await service.opend.stats()).calls).toBe(4);
  });

  it.each(["..", ".", "%2e%2e", "%252e%252e", "%2E", "..%2FUS.TSLA", "..%2f..%2fkept%2FUS.TSLA"])(
    "of one symbol is never served for another one with next_key=%s",
    async (cursor) => {
      const service = await startService();
      expect((await service.get(`/v1/short-interest/US.NOSUCH?next_key=${cursor}`)).status).toBe(404);
      const response = await service.get(`/v1/short-interest/US.AAPL?next_key=${cursor}`);
      expect([response.status, (await response.json<{ code: string }>()).code]).toEqual([
        502,
        "opend_failed",
      ]);
      expect((await service.get("/v1/short-interest/US.TSLA")).status).toBe(200);
    },
  );

  it("has no RateLimit header, unlike a failed call", async () => {
    const service = await startService();
    const missing = await service.get("/v1/short-interest/US.NOSUCH");
    expect([missing.status, missing.headers.get("RateLimit")]).toEqual([
      404,
      '"client";r=14, "upstream";r=29',
    ]);
    await service.opend.set({ fault: "not protobuf" });
    const unreadable = await service.get("/v1/short-interest/US.AAPL");
    expect([unreadable.status, unreadable.headers.get("RateLimit")]).toEqual([
      502,
      '"client";r=12, "upstream";r=28',
    ]);
    const cached = await service.get("/v1/short-interest/US.NOSUCH");
    expect([cached.status, cached.headers.get("RateLimit")]).toEqual([404, null]);
  });
});

/** The cursor of the page with this index, at 50 rows a page. */
async function cursorAt(service: Service, symbol: string, pageIndex: number): Promise<string | null> {
  let cursor: string | null = "";
  for (let index = 0; index < pageIndex; index += 1) {
    cursor = (await page(service, `${symbol}?num=50&next_key=${cursor}`)).body.next_key;
  }
  return cursor;
}
