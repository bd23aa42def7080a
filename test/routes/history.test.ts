import { describe, expect, it, vi } from "vitest";
import { PERMIT_LOG } from "../support/permit-log.ts";
import { type Service, startService } from "../support/service.ts";
import { agePage } from "../support/stored-page.ts";
import { countSubrequests } from "../support/subrequests.ts";

interface Row {
  timestamp: number;
  timestamp_str: string;
}
interface Ending {
  complete: boolean;
  next_key: string | null;
  error: { code: string; retry_after?: number } | null;
}
interface Body extends Ending {
  symbol: string;
  items: Row[];
}

const END = { complete: true, next_key: null, error: null, fetched_at: expect.any(Number), stale: false };
const PAID_PLAN = { SUBREQUEST_LIMIT: "10000", CLIENT_SHARE: "30" };
const path = (symbol: string, query = "") => `/v1/short-interest/${symbol}/history${query}`;

async function history(service: Service, symbol: string, query = ""): Promise<Body> {
  const response = await service.stream(path(symbol, query));
  expect(response.status).toBe(200);
  return response.json();
}

/** All rows, read page by page. */
async function walk(service: Service, symbol: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const response = await service.get(`/v1/short-interest/${symbol}?num=50&next_key=${cursor}`);
    const page: { items: Row[]; next_key: string | null } = await response.json();
    rows.push(...page.items);
    cursor = page.next_key;
  }
  return rows;
}

/** The text that could be read of a body, and whether the body is complete. */
async function readAll(response: Response): Promise<{ text: string; isComplete: boolean }> {
  const decoder = new TextDecoder();
  let text = "";
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) return { text, isComplete: true };
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    return { text, isComplete: false };
  }
}

describe("history", () => {
  it.each(["HK.00700", "HK.02800", "US.AAPL", "US.NEWLY", "US.NONE"])(
    "has every row of %s",
    async (symbol) => {
      const service = await startService({}, PAID_PLAN);
      const rows = await walk(service, symbol);
      expect(await history(service, symbol)).toEqual({
        symbol,
        market: symbol.slice(0, 2),
        items: rows,
        ...END,
      });
      expect((await history(service, symbol, "?order=asc")).items).toEqual(rows.toReversed());
      const lines = (await (await service.stream(path(symbol, "?format=ndjson"))).text()).split("\n");
      expect(lines.map((line) => line && JSON.parse(line))).toEqual([...rows, END, ""]);
      const csv = await (await service.stream(path(symbol, "?format=csv&order=asc"))).text();
      expect(csv.split("\r\n").slice(1, -1)).toEqual(
        rows.toReversed().map((row) => Object.values(row).join(",")),
      );
    },
  );

  it.each(["offset", "opaque"] as const)("has every row with cursors of the kind %s", async (cursors) => {
    const service = await startService({ cursors });
    expect((await history(service, "HK.00700")).items).toHaveLength(250);
  });

  it("is limited by from and to, in the market's time zone", async () => {
    const service = await startService();
    const dates = async (symbol: string, query: string) =>
      (await history(service, symbol, query)).items.map((row) => row.timestamp_str);
    expect(await dates("HK.00700", "?from=2026-04-02&to=2026-04-17")).toEqual([
      "2026-04-17",
      "2026-04-10",
      "2026-04-02",
    ]);
    expect(await dates("HK.00700", "?from=2026-04-18&to=2026-04-23")).toEqual([]);
    expect(await dates("US.AAPL", "?from=2026-02-27&to=2026-03-31&order=asc")).toEqual([
      "2026-02-27",
      "2026-03-13",
      "2026-03-31",
    ]);
    expect((await service.opend.stats()).calls).toBe(2);
    expect(await dates("HK.00700", "?from=2026-04-30&to=2026-04-30")).toEqual(["2026-04-30"]);
  });

  it("causes 20 calls over one connection for 1,000 rows, and none the second time", async () => {
    const service = await startService({}, PAID_PLAN);
    expect((await history(service, "US.ROWS1000")).items).toHaveLength(1_000);
    expect(await service.opend.stats()).toMatchObject({ calls: 20, upgrades: 1, refused: 0 });
    await vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0));
    const again = await history(service, "US.ROWS1000");
    expect(again).toMatchObject({ complete: true, error: null });
    expect(again.items).toHaveLength(1_000);
    expect((await service.opend.stats()).calls).toBe(20);
  });

  it("is fetched no faster than it is read, and stops when the client disconnects", async () => {
    const service = await startService({}, PAID_PLAN);
    const reader = (await service.stream(path("US.ROWS1000"))).body?.getReader();
    await reader?.read();
    await reader?.read();
    expect((await service.opend.stats()).calls).toBe(2);
    await reader?.cancel();
    await vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0));
    expect((await service.opend.stats()).calls).toBe(2);
  });

  it("closes the OpenD connection while the client does not read", async () => {
    const service = await startService({}, PAID_PLAN);
    const reader = (await service.stream(path("US.ROWS1000"))).body?.getReader();
    await reader?.read();
    await vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0), 5_000);
    const { done } = (await reader?.read()) ?? {};
    expect(done).toBe(false);
    expect((await service.opend.stats()).upgrades).toBe(2);
    await reader?.cancel();
  });

  it("has headers and no body for HEAD", async () => {
    const service = await startService();
    const response = await service.get(path("US.AAPL"), { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("application/json");
    expect(await response.text()).toBe("");
    await vi.waitFor(async () => expect((await service.opend.stats()).connections).toBe(0));
  });

  it("has stale and fetched_at of a stale page", async () => {
    const service = await startService({ fault: "" }, PAID_PLAN);
    await history(service, "US.NEWLY");
    await agePage(service.upstash.redis, "short-interest:page:US.NEWLY/", 100_000_000);
    await service.opend.set({ fault: "drop" });
    const response = await service.getFromOtherDataCenter(path("US.NEWLY"));
    const body: { fetched_at: number } = await response.json();
    expect(body).toMatchObject({ complete: true, stale: true });
    const ageS = Date.now() / 1_000 - body.fetched_at;
    expect(ageS).toBeGreaterThanOrEqual(100_000);
    expect(ageS).toBeLessThan(100_060);
  });

  it("has no-store, Server-Timing and RateLimit headers", async () => {
    const response = await (await startService()).stream(path("US.NEWLY"));
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("Vary")).toContain("Accept");
    expect(response.headers.get("Server-Timing")).toMatch(/connect;dur=\d+/);
    expect(response.headers.get("RateLimit")).toBe('"client";r=14, "upstream";r=29');
    await response.body?.cancel();
  });
});

describe("history beyond the quota", () => {
  const usedUp = { UPSTREAM_LIMIT: "2", UPSTREAM_WINDOW_SECONDS: "60", UPSTREAM_WAIT_MS: "0" };

  it("ends with the error in JSON and NDJSON, and continues from its cursor", async () => {
    const service = await startService({}, usedUp);
    const first = await history(service, "HK.00700");
    expect(first.items).toHaveLength(100);
    expect(first).toMatchObject({ complete: false, error: { code: "upstream_quota_exceeded" } });
    expect(first.error?.retry_after).toBeGreaterThan(50);
    const lines = (await (await service.stream(path("HK.00700", "?format=ndjson"))).text()).split("\n");
    expect(lines).toHaveLength(102);
    expect(JSON.parse(lines[100] ?? "")).toMatchObject({ complete: false, next_key: first.next_key });

    // Passes a minute.
    await service.upstash.redis("DEL", PERMIT_LOG);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    const rest = await history(service, "HK.00700", `?next_key=${first.next_key}`).finally(vi.useRealTimers);
    expect(rest.items).toHaveLength(100);
    expect(new Set([...first.items, ...rest.items].map((row) => row.timestamp)).size).toBe(200);
  });

  it("aborts the CSV body", async () => {
    const { text, isComplete } = await readAll(
      await (await startService({}, usedUp)).stream(path("HK.00700", "?format=csv")),
    );
    expect(text.split("\r\n")).toHaveLength(102);
    expect(isComplete).toBe(false);
  });

  it("is a problem with order=asc", async () => {
    const response = await (await startService({}, usedUp)).stream(path("HK.00700", "?order=asc"));
    expect(response.status).toBe(429);
    expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(50);
    expect(await response.json()).toMatchObject({ code: "upstream_quota_exceeded" });
  });

  it.concurrent.each([{ UPSTREAM_LIMIT: "3" }, { CLIENT_SHARE: "3" }])(
    "waits for a permit that becomes free soon: %j",
    async (limit) => {
      const service = await startService(
        { limit: 3, windowMs: 2_000 },
        { ...PAID_PLAN, ...limit, UPSTREAM_WINDOW_SECONDS: "2", UPSTREAM_WAIT_MS: "0" },
      );
      expect(await history(service, "HK.00700")).toMatchObject({ complete: true, error: null });
      expect(await service.opend.stats()).toMatchObject({ calls: 5, refused: 0 });
    },
  );

  it("stops waiting for a permit when the client disconnects", async () => {
    const service = await startService(
      {},
      { UPSTREAM_LIMIT: "1", UPSTREAM_WINDOW_SECONDS: "20", UPSTREAM_WAIT_MS: "0" },
    );
    const reader = (await service.stream(path("HK.00700"))).body?.getReader();
    await reader?.read();
    const waiting = reader?.read();
    await reader?.cancel();
    expect(await waiting).toMatchObject({ done: true });
    expect((await service.opend.stats()).calls).toBe(1);
  });
});

describe("history that fails", () => {
  it("is a problem if its first page fails", async () => {
    const service = await startService({ fault: "no permission" });
    for (const query of ["", "?order=asc", "?format=csv"]) {
      const response = await service.stream(path("US.AAPL", query));
      expect(response.status).toBe(502);
      expect(await response.json()).toMatchObject({ code: "opend_no_permission" });
    }
    expect((await service.stream(path("US.NOSUCH"))).status).toBe(502);
  });

  it("ends with the error of a later page", async () => {
    const service = await startService({}, PAID_PLAN);
    const reader = (await service.stream(path("HK.00700", "?format=ndjson"))).body?.getReader();
    await reader?.read();
    await service.opend.set({ fault: "drop" });
    const last = new TextDecoder().decode((await reader?.read())?.value);
    expect(JSON.parse(last)).toMatchObject({ complete: false, error: { code: "opend_unreachable" } });
    expect((await reader?.read())?.done).toBe(true);
  });

  it("ends when cursors form a cycle", async () => {
    const service = await startService({ cursors: "loop" });
    const walked = await history(service, "HK.00700");
    expect(walked.items).toHaveLength(150);
    expect(walked).toMatchObject({ complete: false, error: { code: "opend_protocol_error" } });
  });
});

describe("history within the 50 subrequests of the free plan", () => {
  it("has 240 rows, uncached and cached", async () => {
    const service = await startService();
    for (const _ of ["uncached", "cached"]) {
      const counted = await countSubrequests(service, async () => {
        expect((await history(service, "US.ROWS240")).complete).toBe(true);
      });
      expect(counted).toBeLessThanOrEqual(50);
    }
  });

  it("of 1,000 rows is read in parts", async () => {
    const service = await startService({}, { CLIENT_SHARE: "30" });
    const rows: Row[] = [];
    let parts = 0;
    for (let cursor: string | null = ""; cursor !== null; parts += 1) {
      const query = `?next_key=${cursor}`;
      const counted = await countSubrequests(service, async () => {
        const part = await history(service, "US.ROWS1000", query);
        expect(part.error?.code).toBe(part.next_key === null ? undefined : "subrequest_limit");
        expect(part.complete).toBe(part.next_key === null);
        rows.push(...part.items);
        cursor = part.next_key;
      });
      expect(counted).toBeLessThanOrEqual(50);
    }
    expect(rows).toHaveLength(1_000);
    expect(parts).toBeLessThanOrEqual(6);
    const response = await service.stream(path("US.ROWS2000", "?order=asc"));
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("1");
    expect(await response.json()).toMatchObject({ code: "subrequest_limit" });
    const another = await startService({}, { CLIENT_SHARE: "30" });
    const csv = await readAll(await another.stream(path("US.ROWS1000", "?format=csv")));
    expect(csv.isComplete).toBe(false);
    expect(csv.text.split("\r\n").length).toBeGreaterThan(100);
  });
});
