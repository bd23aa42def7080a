import { describe, expect, it } from "vitest";
import type { OpendOptions } from "../stand-ins/opend.ts";
import { CURSOR_KINDS } from "../stand-ins/opend-cursors.ts";
import { hkHistory, usHistory } from "../stand-ins/sample-data.ts";
import { startService } from "../support/service.ts";

/**
 * Walks through the page route while OpenD contradicts what the service assumes. `walks.test.ts` walks by each kind of
 * cursor across publications.
 */

const CONTRADICTIONS: readonly [string, OpendOptions][] = [
  ["an empty end key", { endKey: "empty" }],
  ["no end key", { endKey: "absent" }],
  ["monthly rows", { isMonthly: true }],
  ["missing fields", { missingFields: ["closePrice", "aggregatedShort", "sharesShort"] }],
  ["missing dates", { missingFields: ["timestampStr"] }],
  ["tolerated invented cursors", { toleratesCursors: true }],
  ["refusals in English", { isEnglish: true }],
  ["short pages", { shortBy: 3 }],
  ["empty pages for unknown securities", { hasEmptyUnknown: true }],
];

/** The timestamps of a symbol, newest first, as the stand-in has them. */
function historyOf(symbol: string, { isMonthly = false }: OpendOptions): number[] {
  const rows = (symbol.startsWith("HK") ? hkHistory(symbol.slice(3)) : usHistory(symbol.slice(3))) ?? [];
  const month = (index: number) => rows[index]?.timestampStr.slice(0, 7);
  return rows
    .filter((_, index) => !isMonthly || month(index) !== month(index - 1))
    .map(({ timestamp }) => Number(timestamp));
}

interface Body {
  readonly items: readonly { readonly timestamp: number; readonly [column: string]: unknown }[];
  readonly next_key: string | null;
}

async function start(options: OpendOptions) {
  const service = await startService({ ...options, limit: 1_000 }, { CLIENT_SHARE: "30" });
  const page = async (path: string) => {
    const response = await service.get(`/v1/short-interest/${path}`);
    expect(response.status).toBe(200);
    return response.json<Body>();
  };
  return {
    service,
    page,
    async walk(symbol: string, num: number): Promise<number[]> {
      const rows: number[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const body: Body = await page(`${symbol}?num=${num}&next_key=${encodeURIComponent(cursor)}`);
        rows.push(...body.items.map(({ timestamp }) => timestamp));
        cursor = body.next_key;
      }
      return rows;
    },
  };
}

describe.each(CONTRADICTIONS)("walk through the page route with %s", (_, options) => {
  it.each([7, 50])("by %i rows has each row once", async (num) => {
    const { walk } = await start(options);
    for (const symbol of ["HK.09988", "US.NEWLY"]) {
      expect(await walk(symbol, num)).toEqual(historyOf(symbol, options));
    }
  });
});

describe.each(CURSOR_KINDS)("walk through the page route by '%s' cursors", (cursors) => {
  it.each([
    ["an empty end key", { endKey: "empty" }],
    ["no end key", { endKey: "absent" }],
    ["monthly rows", { isMonthly: true }],
  ] satisfies [string, OpendOptions][])("with %s has each row once", async (_, options) => {
    const { walk } = await start({ ...options, cursors });
    expect(await walk("HK.00700", 7)).toEqual(historyOf("HK.00700", options));
  });
});

describe("page route", () => {
  it("has null for the fields that OpenD leaves out", async () => {
    const { page } = await start({ missingFields: ["closePrice", "timestampStr"] });
    const { items } = await page("HK.00700?num=1");
    expect(items[0]).toMatchObject({ timestamp: 1777478400, timestamp_str: null, close_price: null });
  });

  it.each([
    ["HK.99999", {}, 404],
    ["HK.99999", { isEnglish: true }, 404],
    ["HK.00700", { deniedMarket: "HK", isEnglish: true }, 502],
    ["HK.00700", { limit: 0, isEnglish: true }, 429],
    ["HK.99999", { unknownRefusal: "无此代码" }, 502],
  ] satisfies [string, OpendOptions, number][])(
    "answers a refusal of %s with %j by %i",
    async (symbol, options, status) => {
      const service = await startService(options);
      expect((await service.get(`/v1/short-interest/${symbol}`)).status).toBe(status);
    },
  );

  it("is an empty page without a next one if OpenD has no rows and does not refuse", async () => {
    const { page } = await start({ hasEmptyUnknown: true });
    expect(await page("HK.99999")).toMatchObject({ items: [], next_key: null });
  });

  it("has the rows that OpenD sends for a tolerated invented cursor, and keeps the first page", async () => {
    const { page, walk } = await start({ toleratesCursors: true });
    await page("HK.09988?next_key=invented");
    expect(await walk("HK.09988", 50)).toEqual(historyOf("HK.09988", {}));
  });
});
