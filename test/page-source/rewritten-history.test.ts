import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it } from "vitest";
import { isHistoryRewritten } from "../../functions/page-source/rewritten-history.ts";
import { COLUMNS } from "../../functions/short-interest/columns.ts";
import type { Page, Row } from "../../functions/short-interest/page.ts";
import type { Market } from "../../functions/short-interest/symbol.ts";
import { HkShortInterestItemSchema, UsShortInterestItemSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import { hkHistory, usHistory } from "../stand-ins/sample-data.ts";
import {
  cachedPage,
  DAY,
  HOUR,
  NOW,
  startSharedCache,
  summary,
  summaryOfRange,
} from "../support/shared-cache.ts";

const HISTORIES = { US: usHistory("AAPL") ?? [], HK: hkHistory("00700") ?? [] };

/** The cursor of an older page. */
const OLDER = "1777478400";

/** The rows of a history from one index to another, newest first. */
const pageOf = (market: Market, from: number, to: number): Page => ({
  market,
  rows: HISTORIES[market].slice(from, to),
  next: null,
});
const replaceRows = (page: Page, replace: (row: Row, index: number) => Row[]): Page => ({
  ...page,
  rows: page.rows.flatMap(replace),
});

/** A copy of a row with another value in one field. */
function changed(row: Row, field: string): Row {
  const value =
    field === "timestampStr"
      ? "2000-01-01"
      : field.endsWith("rice") || /Ratio|Percent|Cover/.test(field)
        ? 0.125
        : 7n;
  return row.$typeName === UsShortInterestItemSchema.typeName
    ? create(UsShortInterestItemSchema, { ...row, [field]: value })
    : create(HkShortInterestItemSchema, { ...row, [field]: value });
}

describe.each(["US", "HK"] as const)("history of a %s security", (market) => {
  const before = pageOf(market, 3, 53);
  const fields = Object.keys(before.rows[0] ?? {}).filter((field) => !field.startsWith("$"));

  it("is not rewritten if the refresh has the same rows", () => {
    expect(isHistoryRewritten(OLDER, before, pageOf(market, 3, 53))).toBe(false);
  });

  it("has as many fields as columns", () => {
    expect(fields).toHaveLength(COLUMNS[market].length);
  });

  it.each([1, 2, 3])("is not rewritten if %i new rows are published", (count) => {
    expect(isHistoryRewritten(OLDER, before, pageOf(market, 3 - count, 53 - count))).toBe(false);
  });

  it("is not rewritten if the refresh has fewer rows, and those are the same", () => {
    expect(isHistoryRewritten(OLDER, before, pageOf(market, 3, 4))).toBe(false);
    expect(isHistoryRewritten(OLDER, before, pageOf(market, 10, 53))).toBe(true);
  });

  it.each(fields.flatMap((field) => [0, 25, 49].map((index) => [field, index] as const)))(
    "is rewritten if %s of row %i changes",
    (field, index) => {
      const after = replaceRows(before, (row, position) => [position === index ? changed(row, field) : row]);
      expect(isHistoryRewritten(OLDER, before, after)).toBe(true);
    },
  );

  it("is not rewritten if only values of the newest row of a first page change, and others are the same", () => {
    for (const field of fields) {
      const after = replaceRows(before, (row, index) => [index === 0 ? changed(row, field) : row]);
      expect(isHistoryRewritten("", before, after), field).toBe(field === "timestamp");
    }
    const single = pageOf(market, 3, 4);
    const changedSingle = replaceRows(single, (row) => [changed(row, "closePrice")]);
    expect(isHistoryRewritten("", single, changedSingle)).toBe(true);
    const second = replaceRows(before, (row, index) => [index === 1 ? changed(row, "closePrice") : row]);
    expect(isHistoryRewritten("", before, second)).toBe(true);
  });

  it("is rewritten if a shared row changes while new rows are published", () => {
    const renewed = replaceRows(pageOf(market, 1, 51), (row, index) => [
      index === 2 ? changed(row, "closePrice") : row,
    ]);
    expect(isHistoryRewritten(OLDER, before, renewed)).toBe(true);
    const withOtherNewRow = replaceRows(pageOf(market, 1, 51), (row, index) => [
      index === 1 ? changed(row, "closePrice") : row,
    ]);
    expect(isHistoryRewritten(OLDER, before, withOtherNewRow)).toBe(false);
  });

  it.each([0, 25, 48])("is rewritten if row %i is missing, or was missing", (index) => {
    const shorter = replaceRows(before, (row, position) => (position === index ? [] : [row]));
    expect(isHistoryRewritten(OLDER, before, shorter)).toBe(true);
    expect(isHistoryRewritten(OLDER, shorter, before)).toBe(index !== 0);
  });

  it("is rewritten if the refresh has more old rows", () => {
    expect(isHistoryRewritten(OLDER, pageOf(market, 3, 13), before)).toBe(true);
  });

  it("is rewritten if the pages share no row", () => {
    expect(isHistoryRewritten(OLDER, pageOf(market, 50, 60), pageOf(market, 0, 50))).toBe(true);
    expect(isHistoryRewritten(OLDER, before, pageOf(market, 0, 0))).toBe(true);
  });

  it("is not rewritten if there was no row", () => {
    expect(isHistoryRewritten(OLDER, pageOf(market, 0, 0), before)).toBe(false);
    expect(isHistoryRewritten(OLDER, pageOf(market, 0, 0), pageOf(market, 0, 0))).toBe(false);
  });

  it("is not rewritten if an absent field stays absent", () => {
    const last = HISTORIES[market].length;
    expect(isHistoryRewritten(OLDER, pageOf(market, last - 9, last), pageOf(market, last - 9, last))).toBe(
      false,
    );
  });
});

describe("rewritten history in the shared cache", () => {
  const REPLY = new Uint8Array([8, 10]);
  const NEW_REPLY = new Uint8Array([9, 9]);
  const FIRST = { symbol: "US.AAPL", cursor: "" };
  const OLDER = { ...FIRST, cursor: "1600000000" };
  const OLDEST = { ...FIRST, cursor: "1500000000" };
  /** A cursor within each page. */
  const WITHIN = { FIRST: "1650000000", OLDER: "1550000000", OLDEST: "1450000000" };
  const AFTER = NOW + HOUR;

  let started: Awaited<ReturnType<typeof startSharedCache>>;
  beforeEach(async () => {
    started = await startSharedCache();
    await write(FIRST, NOW);
    await write(OLDER, NOW);
    await write(OLDEST, NOW);
    started.setTime(AFTER);
  });

  const RANGES: Record<string, readonly [number, number]> = {
    "": [1_700_000_000, 1_600_000_000],
    "1600000000": [1_599_999_999, 1_500_000_000],
    "1500000000": [1_499_999_999, 1_400_000_000],
  };
  function write(key: typeof FIRST, fetchedAt: number, isRewritten = false) {
    const [newest, oldest] = RANGES[key.cursor] ?? [0, 0];
    const cached = cachedPage(fetchedAt === NOW ? REPLY : NEW_REPLY, key.cursor, fetchedAt);
    return started.write(key, { cached, summary: summaryOfRange(newest, oldest), isRewritten });
  }
  const replyAt = async (cursor: string) => (await started.cache.look({ ...FIRST, cursor })).cached?.reply;

  it("drops the older pages that were fetched before, also for cursors within them", async () => {
    await write(FIRST, AFTER, true);
    for (const cursor of [OLDER.cursor, OLDEST.cursor, WITHIN.OLDER, WITHIN.OLDEST]) {
      expect(await replyAt(cursor)).toBeUndefined();
    }
    for (const cursor of ["", WITHIN.FIRST]) expect(await replyAt(cursor)).toEqual(NEW_REPLY);
  });

  it("drops the older pages from a refresh of an older page too, and makes the first page stale", async () => {
    await write(OLDER, AFTER, true);
    for (const cursor of [OLDEST.cursor, WITHIN.OLDEST]) expect(await replyAt(cursor)).toBeUndefined();
    for (const cursor of [OLDER.cursor, WITHIN.OLDER]) expect(await replyAt(cursor)).toEqual(NEW_REPLY);
    expect(await started.cache.look(FIRST)).toMatchObject({ state: "lease-free", cached: { reply: REPLY } });
    await write(FIRST, AFTER);
    expect(await started.cache.look(FIRST)).toMatchObject({ state: "fresh", cached: { reply: NEW_REPLY } });
  });

  it("drops pages with a row count", async () => {
    const key = { ...FIRST, cursor: "after-50", num: 50 };
    await started.write(key, { cached: cachedPage(REPLY, key.cursor, NOW) });
    expect((await started.cache.look(key)).cached?.reply).toEqual(REPLY);
    await write(FIRST, AFTER, true);
    expect((await started.cache.look(key)).cached).toBeUndefined();
  });

  it("serves the pages that are fetched after", async () => {
    await write(FIRST, AFTER, true);
    await write(OLDER, AFTER);
    await write(OLDEST, AFTER + 1);
    for (const cursor of [OLDER.cursor, OLDEST.cursor, WITHIN.OLDER, WITHIN.OLDEST]) {
      expect(await replyAt(cursor)).toEqual(NEW_REPLY);
    }
  });

  it("drops nothing if the refresh shows no change", async () => {
    await write(FIRST, AFTER);
    for (const cursor of [OLDER.cursor, OLDEST.cursor, WITHIN.OLDER, WITHIN.OLDEST]) {
      expect(await replyAt(cursor)).toEqual(REPLY);
    }
  });

  it("drops nothing of another symbol", async () => {
    const other = { ...OLDER, symbol: "US.TSLA" };
    await write(other, NOW);
    await write(FIRST, AFTER, true);
    expect((await started.cache.look(other)).cached?.reply).toEqual(REPLY);
  });

  it("leaves the cursors of dropped pages known, and their leases free", async () => {
    await write(FIRST, AFTER, true);
    for (const key of [OLDER, OLDEST]) {
      expect(await started.cache.look(key)).toMatchObject({
        state: "lease-free",
        isKnown: true,
        slot: { key, version: String(NOW) },
      });
      expect(await started.acquire(key, "a")).toBe("acquired");
    }
  });

  it.each([
    ["is emptier", summary({ extent: 1, newest: 1_599_999_999 })],
    ["has an older newest row", summary({ newest: 1_000_000_000 })],
    ["has no row", summary({ extent: 0, newest: 0 })],
  ])("does not count a dropped page as contradicted by a page that %s", async (_, next) => {
    const renewed = { cached: cachedPage(NEW_REPLY, OLDER.cursor, AFTER), summary: next };
    expect(await started.write(OLDER, renewed)).toBe("unconfirmed");
    await write(FIRST, AFTER, true);
    expect(await started.write(OLDER, renewed)).toBe("stored");
    expect(await replyAt(OLDER.cursor)).toEqual(NEW_REPLY);
  });

  it("counts an older page as contradicted that was fetched after", async () => {
    await write(FIRST, AFTER, true);
    await write(OLDER, AFTER);
    const cached = cachedPage(REPLY, OLDER.cursor, AFTER + 1);
    expect(await started.write(OLDER, { cached, summary: summary({ extent: 1 }) })).toBe("unconfirmed");
  });

  it("counts the first page as contradicted", async () => {
    await write(OLDER, AFTER, true);
    const empty = { cached: cachedPage(NEW_REPLY, "", AFTER), summary: summary({ extent: 0, newest: 0 }) };
    expect(await started.write(FIRST, empty)).toBe("unconfirmed");
  });

  it("drops the older pages if the page that shows it is empty", async () => {
    const empty = { summary: summary({ extent: 0, newest: 0 }), isRewritten: true };
    await started.write(FIRST, { cached: cachedPage(NEW_REPLY, "", AFTER), ...empty });
    started.setTime(AFTER + HOUR);
    const cached = cachedPage(NEW_REPLY, "", AFTER + HOUR);
    expect(await started.write(FIRST, { cached, ...empty })).toBe("stored");
    for (const cursor of [OLDER.cursor, WITHIN.OLDEST]) expect(await replyAt(cursor)).toBeUndefined();
  });

  it("drops nothing if the reply that shows it is not stored", async () => {
    const cached = cachedPage(NEW_REPLY, "", AFTER);
    const contradiction = { cached, summary: summary({ extent: 1 }), isRewritten: true };
    expect(await started.write(FIRST, contradiction)).toBe("unconfirmed");
    expect(await write(FIRST, NOW - 1, true)).toBe("superseded");
    expect(await replyAt(OLDER.cursor)).toEqual(REPLY);
  });

  it("is remembered for longer than any page that was fetched before is served", async () => {
    await write(FIRST, AFTER, true);
    for (let day = 1; day <= 14; day += 1) {
      await write(FIRST, AFTER + day * DAY);
      started.setTime(AFTER + day * DAY);
      expect(await replyAt(OLDER.cursor)).toBeUndefined();
    }
  });
});
