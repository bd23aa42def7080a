import { describe, expect, it } from "vitest";
import { connectAndLogIn } from "../opend-server/support.ts";
import { CURSOR_KINDS } from "../stand-ins/opend-cursors.ts";
import { hkHistory } from "../stand-ins/sample-data.ts";
import {
  type createDataCenter,
  REVALIDATED_AFTER_MS,
  STALE_AFTER_MS,
  startDataCenters,
} from "../support/data-center.ts";
import { agePermits } from "../support/permit-log.ts";
import { startService } from "../support/service.ts";

/** 120 rows: three pages. */
const SYMBOL = "HK.09988";
const HISTORY = (hkHistory("09988") ?? []).map(({ timestamp }) => Number(timestamp));
const MINUTE = 60_000;

type DataCenter = ReturnType<typeof createDataCenter>;

/** Data centers on an OpenD with one kind of cursors. `publish` adds rows to the history. */
async function start(cursors: (typeof CURSOR_KINDS)[number], count = 1) {
  const started = await startDataCenters(count);
  const { service, clock, dataCenters } = started;
  await service.opend.set({ cursors, limit: 10_000, unpublished: 3 });
  const [dataCenter] = dataCenters;
  if (!dataCenter) throw new Error("There is a data center");

  /** Reads pages from a cursor to the end. The limit is no subject of these tests. */
  async function walk(reader: DataCenter, num: number | (() => number), from = ""): Promise<number[]> {
    const rows: number[] = [];
    await agePermits(service.upstash.redis, 10 * MINUTE);
    for (let cursor: string | null = from; cursor !== null; ) {
      const rowsWanted = typeof num === "number" ? num : num();
      const { result, failure } = await reader.page(SYMBOL, { cursor, num: rowsWanted });
      if (!result) throw failure;
      const { page } = result;
      expect(page.rows.length).toBeLessThanOrEqual(rowsWanted);
      if (page.next !== null) expect(page.rows.length).toBeGreaterThan(0);
      rows.push(...page.rows.map(({ timestamp }) => Number(timestamp)));
      cursor = page.next;
    }
    return rows;
  }

  return {
    service,
    dataCenter,
    dataCenters,
    walk,
    publish: (rows: number) => service.opend.set({ unpublished: 3 - rows }),
    /** Passes time until the first page is stale, and refreshes it. */
    async refreshFirstPage(num: number) {
      clock.forward(STALE_AFTER_MS);
      await agePermits(service.upstash.redis, 10 * MINUTE);
      await dataCenter.page(SYMBOL, { num });
      clock.forward(REVALIDATED_AFTER_MS);
    },
  };
}

describe.each(CURSOR_KINDS)("walk by '%s' cursors", (cursors) => {
  it.each([1, 7, 10, 50])("by %i rows has each row once", async (num) => {
    const { dataCenter, walk } = await start(cursors);
    expect(await walk(dataCenter, num)).toEqual(HISTORY.slice(3));
  });

  it("with another num for each page has each row once", async () => {
    const { dataCenter, walk } = await start(cursors);
    const nums = [7, 50, 1, 10, 33];
    let page = 0;
    const next = () => {
      page += 1;
      return nums[page % nums.length] ?? 1;
    };
    expect(await walk(dataCenter, next)).toEqual(HISTORY.slice(3));
  });

  it.each([1, 7, 10, 50])("by %i rows has each row once if rows are published meanwhile", async (num) => {
    for (const published of [1, 3]) {
      const { dataCenter, walk, publish } = await start(cursors);
      const { result } = await dataCenter.page(SYMBOL, { num });
      await publish(published);
      const rows = result?.page.rows.map(({ timestamp }) => Number(timestamp)) ?? [];
      const rest = await walk(dataCenter, num, result?.page.next ?? "");
      expect([...rows, ...rest]).toEqual(HISTORY.slice(3));
    }
  });

  it.each([1, 7, 10, 50])(
    "by %i rows has each row once after its older pages were cached before a publication",
    async (num) => {
      const { dataCenter, walk, publish, refreshFirstPage } = await start(cursors);
      expect(await walk(dataCenter, num)).toEqual(HISTORY.slice(3));
      for (const published of [1, 3]) {
        await publish(published);
        await refreshFirstPage(num);
        expect(await walk(dataCenter, num)).toEqual(HISTORY.slice(3 - published));
      }
    },
  );

  it("started before the first page was refreshed has each row once", async () => {
    for (const num of [7, 50]) {
      const { dataCenter, walk, publish, refreshFirstPage } = await start(cursors);
      const { result } = await dataCenter.page(SYMBOL, { num });
      await publish(3);
      await refreshFirstPage(num);
      const rows = result?.page.rows.map(({ timestamp }) => Number(timestamp)) ?? [];
      const rest = await walk(dataCenter, num, result?.page.next ?? "");
      expect([...rows, ...rest]).toEqual(HISTORY.slice(3));
    }
  });

  it("through a history and through OpenD's protocol has each row once", async () => {
    const service = await startService({ cursors, limit: 1_000 }, { SUBREQUEST_LIMIT: "10000" });
    const { items } = await (await service.get(`/v1/short-interest/${SYMBOL}/history`)).json<{
      items: readonly { timestamp: number }[];
    }>();
    expect(items.map(({ timestamp }) => timestamp)).toEqual(HISTORY);
    const client = await connectAndLogIn(service);
    const rows: number[] = [];
    for (let nextKey = ""; nextKey !== "-1"; ) {
      const request = { market: 1, num: 10, ...(nextKey !== "" && { nextKey }) };
      const { s2c } = await client.page(client.sendCall("09988", request));
      rows.push(...(s2c?.hkItemList ?? []).map(({ timestamp }) => Number(timestamp)));
      nextKey = s2c?.nextKey ?? "-1";
    }
    expect(rows).toEqual(HISTORY);
    // Both read the same pages.
    expect((await service.opend.stats()).calls).toBe(3);
  });

  it("through a history ends at the page that has the row before 'from'", async () => {
    const service = await startService({ cursors }, { SUBREQUEST_LIMIT: "10000" });
    const response = await service.get("/v1/short-interest/US.ROWS500/history?from=2026-04-01");
    expect(await response.json()).toMatchObject({
      items: [{ timestamp_str: "2026-04-30" }, { timestamp_str: "2026-04-15" }],
      complete: true,
      next_key: null,
    });
    expect((await service.opend.stats()).calls).toBe(1);
  });

  it("of a history of one page has each row once if the page is lost meanwhile", async () => {
    const { service, dataCenters } = await start(cursors, 2);
    await service.opend.set({ unpublished: 0 });
    const [first, second] = dataCenters;
    const page = (await first?.page("US.NEWLY", { num: 1 }))?.result?.page;
    await service.upstash.redis("FLUSHDB");
    const rest = (await second?.page("US.NEWLY", { num: 50, cursor: page?.next ?? "" }))?.result?.page;
    expect([page?.rows.length, rest?.rows.length, rest?.next]).toEqual([1, 2, null]);
  });
});

describe("invented cursor with timestamps", () => {
  it.each([
    "~1~1~50",
    "~0~~50",
    "~~0~",
    "~5~~",
    "~~~",
    "~1777478400~1777478400~",
    "~~1~-1",
    "~9~~~8~~7",
    "~x~~",
  ])("%s is answered with two calls at most", async (cursor) => {
    for (const kind of ["timestamp", "offset", "bound"] as const) {
      const { service, dataCenter } = await start(kind);
      const { result, failure } = await dataCenter.page(SYMBOL, { cursor });
      expect(failure?.code ?? "answered").toMatch(/^(answered|opend_failed)$/);
      const rows = result?.page.rows.map(({ timestamp }) => Number(timestamp)) ?? [];
      expect(rows).toEqual([...new Set(rows)].sort((one, other) => other - one));
      expect((await service.opend.stats()).calls).toBeLessThanOrEqual(2);
    }
  });
});
