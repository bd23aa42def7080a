import { describe, expect, it, vi } from "vitest";
import { type Gateway, startGateway } from "../support/page-source.ts";
import { subrequests } from "../support/subrequests.ts";

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
const PAID = { SUBREQUEST_LIMIT: "10000", CLIENT_SHARE: "30" };
const path = (symbol: string, query = "") => `/v1/short-interest/${symbol}/history${query}`;

async function history(gateway: Gateway, symbol: string, query = ""): Promise<Body> {
  const response = await gateway.stream(path(symbol, query));
  expect(response.status).toBe(200);
  return response.json();
}

/** Every row, as pages give them. */
async function walk(gateway: Gateway, symbol: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const response = await gateway.get(`/v1/short-interest/${symbol}?num=50&next_key=${cursor}`);
    const page: { items: Row[]; next_key: string | null } = await response.json();
    rows.push(...page.items);
    cursor = page.next_key;
  }
  return rows;
}

/** What could be read of a body, and whether it ended as it should. */
async function readAll(response: Response): Promise<{ text: string; whole: boolean }> {
  const decoder = new TextDecoder();
  let text = "";
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) return { text, whole: true };
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    return { text, whole: false };
  }
}

describe("a history", () => {
  it.each(["HK.00700", "HK.02800", "US.AAPL", "US.NEWLY", "US.NONE"])(
    "has every row of %s",
    async (symbol) => {
      const gateway = await startGateway({}, PAID);
      const rows = await walk(gateway, symbol);
      expect(await history(gateway, symbol)).toEqual({
        symbol,
        market: symbol.slice(0, 2),
        items: rows,
        ...END,
      });
      expect((await history(gateway, symbol, "?order=asc")).items).toEqual(rows.toReversed());
      const lines = (await (await gateway.stream(path(symbol, "?format=ndjson"))).text()).split("\n");
      expect(lines.map((line) => line && JSON.parse(line))).toEqual([...rows, END, ""]);
      const csv = await (await gateway.stream(path(symbol, "?format=csv&order=asc"))).text();
      expect(csv.split("\r\n").slice(1, -1)).toEqual(
        rows.toReversed().map((row) => Object.values(row).join(",")),
      );
    },
  );

  it.each(["offset", "opaque"] as const)("is walked by cursors of the kind %s", async (cursors) => {
    const gateway = await startGateway({ cursors });
    expect((await history(gateway, "HK.00700")).items).toHaveLength(250);
  });

  it("is cut at the days asked for, in the market's time zone", async () => {
    const gateway = await startGateway();
    const dates = async (symbol: string, query: string) =>
      (await history(gateway, symbol, query)).items.map((row) => row.timestamp_str);
    expect(await dates("HK.00700", "?from=2026-04-02&to=2026-04-17")).toEqual([
      "2026-04-17",
      "2026-04-10",
      "2026-04-02",
    ]);
    expect(await dates("HK.00700", "?from=2026-04-18&to=2026-04-23")).toEqual([]);
    expect(await dates("US.AAPL", "?from=2026-02-28&to=2026-03-31&order=asc")).toEqual([
      "2026-02-28",
      "2026-03-15",
      "2026-03-31",
    ]);
    expect((await gateway.opend.stats()).calls).toBe(2);
    expect(await dates("HK.00700", "?from=2026-04-30&to=2026-04-30")).toEqual(["2026-04-30"]);
  });

  it("takes 20 calls over one connection for 1,000 rows, and none again", async () => {
    const gateway = await startGateway({}, PAID);
    expect((await history(gateway, "US.ROWS1000")).items).toHaveLength(1_000);
    expect(await gateway.opend.stats()).toMatchObject({ calls: 20, upgrades: 1, refused: 0 });
    await vi.waitFor(async () => expect((await gateway.opend.stats()).connections).toBe(0));
    const again = await history(gateway, "US.ROWS1000");
    expect(again).toMatchObject({ complete: true, error: null });
    expect(again.items).toHaveLength(1_000);
    expect((await gateway.opend.stats()).calls).toBe(20);
  });

  it("is asked for no faster than it is read, and let go of by who leaves", async () => {
    const gateway = await startGateway({}, PAID);
    const reader = (await gateway.stream(path("US.ROWS1000"))).body?.getReader();
    await reader?.read();
    await reader?.read();
    expect((await gateway.opend.stats()).calls).toBe(2);
    await reader?.cancel();
    await vi.waitFor(async () => expect((await gateway.opend.stats()).connections).toBe(0));
    expect((await gateway.opend.stats()).calls).toBe(2);
  });

  it("holds no connection for somebody who does not read on", async () => {
    const gateway = await startGateway({}, PAID);
    const reader = (await gateway.stream(path("US.ROWS1000"))).body?.getReader();
    await reader?.read();
    await vi.waitFor(async () => expect((await gateway.opend.stats()).connections).toBe(0), 5_000);
    const { done } = (await reader?.read()) ?? {};
    expect(done).toBe(false);
    expect((await gateway.opend.stats()).upgrades).toBe(2);
    await reader?.cancel();
  });

  it("has headers without a body for HEAD", async () => {
    const gateway = await startGateway();
    const response = await gateway.get(path("US.AAPL"), { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("application/json");
    expect(await response.text()).toBe("");
    await vi.waitFor(async () => expect((await gateway.opend.stats()).connections).toBe(0));
  });

  it("says that it is old, where it is", async () => {
    const gateway = await startGateway({ fault: "" }, PAID);
    await history(gateway, "US.NEWLY");
    const asked = Math.floor(Date.now() / 1_000) - 100_000;
    const page = "short-interest:page:US.NEWLY/";
    const old = String(asked * 1_000);
    await gateway.upstash.redis("HSET", page, "fresh", old, "fetched", old);
    await gateway.opend.set({ fault: "drop" });
    const response = await gateway.elsewhere(path("US.NEWLY"));
    expect(await response.json()).toMatchObject({ complete: true, stale: true, fetched_at: asked });
  });

  it("is kept by nobody, and measured by its headers", async () => {
    const response = await (await startGateway()).stream(path("US.NEWLY"));
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(response.headers.get("Vary")).toContain("Accept");
    expect(response.headers.get("Server-Timing")).toMatch(/connect;dur=\d+/);
    expect(response.headers.get("RateLimit")).toBe('"client";r=14, "upstream";r=29');
    await response.body?.cancel();
  });
});

describe("a history that the quota cuts short", () => {
  const spent = { UPSTREAM_LIMIT: "2", UPSTREAM_WINDOW_SECONDS: "60", UPSTREAM_WAIT_MS: "0" };

  it("says so at the end of JSON and NDJSON, and goes on from its cursor", async () => {
    const gateway = await startGateway({}, spent);
    const cut = await history(gateway, "HK.00700");
    expect(cut.items).toHaveLength(100);
    expect(cut).toMatchObject({ complete: false, error: { code: "upstream_quota_exceeded" } });
    expect(cut.error?.retry_after).toBeGreaterThan(50);
    const lines = (await (await gateway.stream(path("HK.00700", "?format=ndjson"))).text()).split("\n");
    expect(lines).toHaveLength(102);
    expect(JSON.parse(lines[100] ?? "")).toMatchObject({ complete: false, next_key: cut.next_key });

    // A minute later.
    await gateway.upstash.redis("DEL", "short-interest:opend", "short-interest:client:unknown");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    const rest = await history(gateway, "HK.00700", `?next_key=${cut.next_key}`).finally(vi.useRealTimers);
    expect(rest.items).toHaveLength(100);
    expect(new Set([...cut.items, ...rest.items].map((row) => row.timestamp)).size).toBe(200);
  });

  it("breaks CSV off", async () => {
    const { text, whole } = await readAll(
      await (await startGateway({}, spent)).stream(path("HK.00700", "?format=csv")),
    );
    expect(text.split("\r\n")).toHaveLength(102);
    expect(whole).toBe(false);
  });

  it("is a problem where the oldest rows come first", async () => {
    const response = await (await startGateway({}, spent)).stream(path("HK.00700", "?order=asc"));
    expect(response.status).toBe(429);
    expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(50);
    expect(await response.json()).toMatchObject({ code: "upstream_quota_exceeded" });
  });

  it.each([{ UPSTREAM_LIMIT: "3" }, { CLIENT_SHARE: "3" }])(
    "waits for a call that is coming soon: %j",
    async (limit) => {
      const gateway = await startGateway(
        { limit: 3, windowMs: 2_000 },
        { ...PAID, ...limit, UPSTREAM_WINDOW_SECONDS: "2", UPSTREAM_WAIT_MS: "0" },
      );
      expect(await history(gateway, "HK.00700")).toMatchObject({ complete: true, error: null });
      expect(await gateway.opend.stats()).toMatchObject({ calls: 5, refused: 0 });
    },
  );

  it("stops waiting when nobody waits for it", async () => {
    const gateway = await startGateway(
      {},
      { UPSTREAM_LIMIT: "1", UPSTREAM_WINDOW_SECONDS: "20", UPSTREAM_WAIT_MS: "0" },
    );
    const reader = (await gateway.stream(path("HK.00700"))).body?.getReader();
    await reader?.read();
    const waiting = reader?.read();
    await reader?.cancel();
    expect(await waiting).toMatchObject({ done: true });
    expect((await gateway.opend.stats()).calls).toBe(1);
  });
});

describe("a history that fails", () => {
  it("is a problem where its first page does", async () => {
    const gateway = await startGateway({ fault: "no permission" });
    for (const query of ["", "?order=asc", "?format=csv"]) {
      const response = await gateway.stream(path("US.AAPL", query));
      expect(response.status).toBe(502);
      expect(await response.json()).toMatchObject({ code: "opend_no_permission" });
    }
    expect((await gateway.stream(path("US.NOSUCH"))).status).toBe(502);
  });

  it("says at its end what happened later", async () => {
    const gateway = await startGateway({}, PAID);
    const reader = (await gateway.stream(path("HK.00700", "?format=ndjson"))).body?.getReader();
    await reader?.read();
    await gateway.opend.set({ fault: "drop" });
    const last = new TextDecoder().decode((await reader?.read())?.value);
    expect(JSON.parse(last)).toMatchObject({ complete: false, error: { code: "opend_unreachable" } });
    expect((await reader?.read())?.done).toBe(true);
  });

  it("does not walk in circles", async () => {
    const gateway = await startGateway({ cursors: "loop" });
    const walked = await history(gateway, "HK.00700");
    expect(walked.items).toHaveLength(150);
    expect(walked).toMatchObject({ complete: false, error: { code: "opend_protocol_error" } });
  });
});

describe("within the subrequests of the free plan", () => {
  it("ten years of a US security fit, cold and kept", async () => {
    const gateway = await startGateway();
    for (const _ of ["cold", "kept"]) {
      const counted = await subrequests(gateway, async () => {
        expect((await history(gateway, "US.ROWS240")).complete).toBe(true);
      });
      expect(counted).toBeLessThanOrEqual(50);
    }
  });

  it("a longer one comes in parts", async () => {
    const gateway = await startGateway({}, { CLIENT_SHARE: "30" });
    const rows: Row[] = [];
    let parts = 0;
    for (let cursor: string | null = ""; cursor !== null; parts += 1) {
      const query = `?next_key=${cursor}`;
      const counted = await subrequests(gateway, async () => {
        const part = await history(gateway, "US.ROWS1000", query);
        expect(part.error?.code).toBe(part.next_key === null ? undefined : "subrequest_limit");
        expect(part.complete).toBe(part.next_key === null);
        rows.push(...part.items);
        cursor = part.next_key;
      });
      expect(counted).toBeLessThanOrEqual(50);
    }
    expect(rows).toHaveLength(1_000);
    expect(parts).toBeLessThanOrEqual(6);
    const response = await gateway.stream(path("US.ROWS2000", "?order=asc"));
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("1");
    expect(await response.json()).toMatchObject({ code: "subrequest_limit" });
    const another = await startGateway({}, { CLIENT_SHARE: "30" });
    const csv = await readAll(await another.stream(path("US.ROWS1000", "?format=csv")));
    expect(csv.whole).toBe(false);
    expect(csv.text.split("\r\n").length).toBeGreaterThan(100);
  });
});
