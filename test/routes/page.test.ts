import { describe, expect, it } from "vitest";
import { type Gateway, startGateway } from "../support/page-source.ts";

interface Body {
  symbol: string;
  market: string;
  items: { timestamp: number; timestamp_str: string; [column: string]: unknown }[];
  next_key: string | null;
}

const page = async (gateway: Gateway, path: string) => {
  const response = await gateway.get(`/v1/short-interest/${path}`);
  expect(response.status).toBe(200);
  return { response, body: (await response.json()) as Body };
};

/** Follows next_key to the end. */
async function walk(gateway: Gateway, symbol: string, num: number) {
  const dates: string[] = [];
  const sizes: number[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { body }: { body: Body } = await page(gateway, `${symbol}?num=${num}&next_key=${cursor}`);
    dates.push(...body.items.map((item) => item.timestamp_str));
    sizes.push(body.items.length);
    cursor = body.next_key;
  }
  return { dates, sizes };
}

describe("a page", () => {
  it("is the documented example", async () => {
    const gateway = await startGateway();
    const { response, body } = await page(gateway, "HK.00700");
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

  it("has the documented US columns in their order, and null for what OpenD left out", async () => {
    const gateway = await startGateway();
    const { body } = await page(gateway, "us.aapl?num=1");
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
    const { body: old } = await page(
      gateway,
      `US.AAPL?num=50&next_key=${await cursorAt(gateway, "US.AAPL", 2)}`,
    );
    expect(old.items.at(-1)).toMatchObject({ days_to_cover: null, last_close_price: null });
    expect(old.next_key).toBeNull();
  });

  it("keeps every digit of a count", async () => {
    const gateway = await startGateway();
    const response = await gateway.get("/v1/short-interest/US.HUGE");
    expect(await response.text()).toContain('"shares_short":9007199254740993,');
  });

  it("may be empty, for a security without any history", async () => {
    const { body } = await page(await startGateway(), "US.NONE");
    expect(body).toEqual({ symbol: "US.NONE", market: "US", items: [], next_key: null });
  });

  it.each(["HK.700", "hk.00700", "Hk.0700"])("is found for %s", async (symbol) => {
    const { body } = await page(await startGateway(), `${symbol}?num=1`);
    expect(body.symbol).toBe("HK.00700");
  });

  it.each(["US.SPY", "HK.02800", "US.BRK.B"])("is found for %s", async (symbol) => {
    const { body } = await page(await startGateway(), symbol);
    expect(body.items).toHaveLength(10);
  });

  it("after the last one is empty, and asks nobody", async () => {
    const gateway = await startGateway();
    const { body } = await page(gateway, "US.AAPL?next_key=-1");
    expect(body).toEqual({ symbol: "US.AAPL", market: "US", items: [], next_key: null });
    expect((await gateway.opend.stats()).calls).toBe(0);
    expect(await gateway.upstash.requests()).toBe(0);
  });
});

describe("a walk", () => {
  it.each([1, 7, 10, 50])("by %i passes every row once, for one call in fifty rows", async (num) => {
    const gateway = await startGateway();
    const { dates, sizes } = await walk(gateway, "HK.00700", num);
    expect(dates).toHaveLength(250);
    expect(dates).toEqual([...new Set(dates)].sort().reverse());
    expect(sizes.slice(0, -1).every((size) => size === num)).toBe(true);
    expect((await gateway.opend.stats()).calls).toBe(5);
  });

  it.each(["offset", "opaque"] as const)("passes every row once where cursors are a %s", async (cursors) => {
    const gateway = await startGateway(
      { cursors, limit: 1_000 },
      { UPSTREAM_WINDOW_SECONDS: "1", UPSTREAM_WAIT_MS: "3000" },
    );
    const { dates, sizes } = await walk(gateway, "HK.09988", 20);
    expect(dates).toEqual([...new Set(dates)].sort().reverse());
    expect(sizes).toEqual([20, 20, 20, 20, 20, 20]);
    // What was passed through is kept as well.
    const { calls } = await gateway.opend.stats();
    await walk(gateway, "HK.09988", 20);
    expect((await gateway.opend.stats()).calls).toBe(calls);
  });
});

describe("a kept page", () => {
  it("is fetched once, whoever asks at the same time or later", async () => {
    const gateway = await startGateway();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => gateway.get("/v1/short-interest/US.TSLA")),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const later = await gateway.get("/v1/short-interest/US.TSLA");
    expect(later.headers.get("Cache-Status")).toMatch(/^short-interest-edge; hit; ttl=\d+$/);
    expect((await gateway.opend.stats()).calls).toBe(1);
  });

  it("serves every cursor and num within it, the first page as well as a deeper one", async () => {
    const gateway = await startGateway();
    const first = (await page(gateway, "HK.00700?num=50")).body;
    const second = (await page(gateway, `HK.00700?num=50&next_key=${first.next_key}`)).body;
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
      const { body } = await page(gateway, `HK.00700?num=${num}&next_key=${rows[from]?.timestamp}`);
      expect(body.items).toEqual(rows.slice(from + 1, from + 1 + num));
      expect(body.next_key).toBe(String(rows[from + num]?.timestamp));
    }
    expect((await gateway.opend.stats()).calls).toBe(2);
  });

  it("says how it was come by, and how long it is fresh", async () => {
    const gateway = await startGateway();
    const { response, body } = await page(gateway, "HK.00700?num=50");
    expect(response.headers.get("Cache-Status")).toBe("short-interest-edge; fwd=miss; stored");
    expect(response.headers.get("Cache-Control")).toBe(
      "public, max-age=3600, stale-while-revalidate=3600, stale-if-error=604800",
    );
    expect(response.headers.get("Age")).toBe("0");
    const deeper = await page(gateway, `HK.00700?next_key=${body.next_key}`);
    expect(deeper.response.headers.get("Cache-Control")).toBe(
      "public, max-age=86400, stale-while-revalidate=3600, stale-if-error=604800",
    );
  });

  it("can be a refusal that lasts, but no failure that may pass", async () => {
    const gateway = await startGateway();
    for (const _ of [1, 2]) expect((await gateway.get("/v1/short-interest/US.NOSUCH")).status).toBe(404);
    expect((await gateway.opend.stats()).calls).toBe(1);
    await gateway.opend.set({ fault: "no permission" });
    for (const _ of [1, 2]) expect((await gateway.get("/v1/short-interest/US.TSLA")).status).toBe(502);
    expect((await gateway.opend.stats()).calls).toBe(2);
    await gateway.opend.set({ fault: "not protobuf" });
    for (const _ of [1, 2]) expect((await gateway.get("/v1/short-interest/US.SPY")).status).toBe(502);
    expect((await gateway.opend.stats()).calls).toBe(4);
  });

  it.each(["..", ".", "%2e%2e", "%252e%252e", "%2E", "..%2FUS.TSLA", "..%2f..%2fkept%2FUS.TSLA"])(
    "of one symbol never answers another one: next_key=%s",
    async (cursor) => {
      const gateway = await startGateway();
      expect((await gateway.get(`/v1/short-interest/US.NOSUCH?next_key=${cursor}`)).status).toBe(404);
      const response = await gateway.get(`/v1/short-interest/US.AAPL?next_key=${cursor}`);
      expect([response.status, (await response.json<{ code: string }>()).code]).toEqual([
        502,
        "opend_failed",
      ]);
      expect((await gateway.get("/v1/short-interest/US.TSLA")).status).toBe(200);
    },
  );

  it("of a call that failed says what the limits have left", async () => {
    const gateway = await startGateway();
    const missing = await gateway.get("/v1/short-interest/US.NOSUCH");
    expect([missing.status, missing.headers.get("RateLimit")]).toEqual([
      404,
      '"client";r=14, "upstream";r=29',
    ]);
    await gateway.opend.set({ fault: "not protobuf" });
    const unreadable = await gateway.get("/v1/short-interest/US.AAPL");
    expect([unreadable.status, unreadable.headers.get("RateLimit")]).toEqual([
      502,
      '"client";r=12, "upstream";r=28',
    ]);
    const cached = await gateway.get("/v1/short-interest/US.NOSUCH");
    expect([cached.status, cached.headers.get("RateLimit")]).toEqual([404, null]);
  });
});

/** The cursor of the page with this number, in fifties. */
async function cursorAt(gateway: Gateway, symbol: string, number: number): Promise<string | null> {
  let cursor: string | null = "";
  for (let at = 0; at < number; at += 1) {
    cursor = (await page(gateway, `${symbol}?num=50&next_key=${cursor}`)).body.next_key;
  }
  return cursor;
}
