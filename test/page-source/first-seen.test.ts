import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, it } from "vitest";
import { createFirstSeenReader, datesToRecord } from "../../functions/page-source/first-seen.ts";
import type { Row } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import { HkShortInterestItemSchema } from "../../gen/Qot_GetShortInterest_pb.js";
import { cachedPage, DAY, NOW, startSharedCache } from "../support/shared-cache.ts";

const REPLY = new Uint8Array([8, 10]);
const KEY = { symbol: "HK.00700", cursor: "" };
const RECORD = "short-interest:first-seen:HK.00700";
const SYMBOL = parseSymbol("HK.00700");

let now = NOW;
let started: Awaited<ReturnType<typeof startSharedCache>>;
beforeEach(async () => {
  started = await startSharedCache();
});

const rowsOf = (dates: readonly number[]): Row[] =>
  dates.map((date) => create(HkShortInterestItemSchema, { timestamp: BigInt(date) }));
const pageOf = (dates: readonly number[]) => ({ market: "HK" as const, rows: rowsOf(dates), next: null });

/** Stores a page with rows of these dates. */
async function write(dates: readonly number[], at: number, key = KEY): Promise<void> {
  started.setTime(at);
  const stored = await started.write(key, {
    cached: cachedPage(REPLY, key.cursor, at),
    dates: datesToRecord(pageOf(dates), key),
  });
  expect(stored).toBe("stored");
}
const record = async () => String(await started.command("GET", RECORD)).split("\n");

describe("record of first sights", () => {
  it("has 0 for the rows of the first page, and the time of the fetch in seconds, rounded up, for later ones", async () => {
    await write([200, 100], NOW);
    await write([300, 200, 100], NOW + DAY + 1);
    expect(await record()).toEqual([`${NOW + DAY + 1}`, `300 ${(NOW + DAY) / 1_000 + 1}`, "200 0", "100 0"]);
  });

  it("has a time for a row that appears between others, and none for one before all others", async () => {
    await write([300, 200], NOW);
    await write([300, 250, 200, 100], NOW + DAY);
    expect((await record()).slice(1)).toEqual(["300 0", `250 ${(NOW + DAY) / 1_000}`, "200 0"]);
  });

  it("has 512 rows at most, the newest ones, and no row that fell out gets a time", async () => {
    const dates = Array.from({ length: 600 }, (_, index) => 1_000 - index);
    await write(dates, NOW);
    expect(await record()).toHaveLength(513);
    await write([1_001, ...dates], NOW + DAY);
    const lines = await record();
    expect(lines).toHaveLength(513);
    expect(lines.slice(1, 3)).toEqual([`1001 ${(NOW + DAY) / 1_000}`, "1000 0"]);
    expect(lines.at(-1)).toBe("490 0");
  });

  it("expires two years after its last write, and is written again after 30 days without a new row", async () => {
    await write([100], NOW);
    expect(await started.command("PTTL", RECORD)).toBeGreaterThan(729 * DAY);
    await write([100], NOW + 30 * DAY - 1);
    expect(await record()).toEqual([`${NOW}`, "100 0"]);
    await write([100], NOW + 30 * DAY);
    expect(await record()).toEqual([`${NOW + 30 * DAY}`, "100 0"]);
  });

  it("begins again if its value cannot be read", async () => {
    await started.command("SET", RECORD, "nonsense");
    await write([200, 100], NOW);
    expect(await record()).toEqual([`${NOW}`, "200 0", "100 0"]);
  });

  it("drops a row newer than a later page, so that a row of its date gets no time before it was seen", async () => {
    await write([200, 100], NOW);
    await write([900, 200, 100], NOW + DAY);
    await write([300, 200, 100], NOW + 3 * DAY);
    expect((await record()).slice(1)).toEqual([`300 ${NOW / 1_000 + 3 * 86_400}`, "200 0", "100 0"]);
    await write([900, 300, 200, 100], NOW + 30 * DAY);
    expect((await record())[1]).toBe(`900 ${NOW / 1_000 + 30 * 86_400}`);
  });

  it("keeps every digit of a date", async () => {
    await write([100], NOW);
    const date = 2n ** 64n - 1n;
    const rows = [create(HkShortInterestItemSchema, { timestamp: date }), ...rowsOf([100])];
    await started.write(KEY, {
      cached: cachedPage(REPLY, "", NOW + 1),
      dates: datesToRecord({ market: "HK", rows, next: null }, KEY),
    });
    expect((await record())[1]).toBe(`${date} ${NOW / 1_000 + 1}`);
    const reader = createFirstSeenReader(started.upstash, started.url, () => now);
    expect(await reader.firstSeen(SYMBOL, { rows, fetchedAt: NOW, isFirstPage: true })).toEqual(
      new Map([[date, NOW / 1_000 + 1]]),
    );
  });

  it.each([
    ["an older page", [2, 1], { ...KEY, cursor: "3" }],
    ["a page of some rows", [2, 1], { ...KEY, num: 2 }],
    ["a page whose rows have no order", [1, 2], KEY],
    ["a page without rows", [], KEY],
  ])("is not written for %s", async (_, dates, key) => {
    await write(dates, NOW, key);
    expect(await started.command("EXISTS", RECORD)).toBe(0);
  });
});

describe("reader of first sights", () => {
  it("of an isolate reads once for all rows that the record has, and again for a row that it lacks", async () => {
    await write([200, 100], NOW);
    const before = await started.requests();
    /** Reads as another request. */
    const read = (dates: readonly number[]) =>
      createFirstSeenReader(started.upstash, started.url, () => now).firstSeen(SYMBOL, {
        rows: rowsOf(dates),
        fetchedAt: NOW + DAY,
        isFirstPage: true,
      });
    expect(await read([])).toEqual(new Map());
    expect((await started.requests()) - before).toBe(0);
    expect(await read([200])).toEqual(new Map());
    expect(await read([200, 100, 50])).toEqual(new Map());
    expect((await started.requests()) - before).toBe(1);
    const seen = new Map([[300n, (NOW + DAY) / 1_000]]);
    expect(await read([300, 200])).toEqual(seen);
    expect((await started.requests()) - before).toBe(2);
    await write([300, 200, 100], NOW + DAY);
    expect(await read([300, 200])).toEqual(seen);
    const after = await started.requests();
    expect(await read([300, 200])).toEqual(seen);
    expect((await started.requests()) - after).toBe(0);
  });

  it("of an isolate forgets a record after an hour", async () => {
    await write([200, 100], NOW);
    await write([300, 200, 100], NOW + DAY);
    const read = () =>
      createFirstSeenReader(started.upstash, started.url, () => now).firstSeen(SYMBOL, {
        rows: rowsOf([300]),
        fetchedAt: NOW + DAY,
        isFirstPage: true,
      });
    const seen = new Map([[300n, (NOW + DAY) / 1_000]]);
    expect(await read()).toEqual(seen);
    await started.command("DEL", RECORD);
    now = NOW + 3_600_000 - 1;
    expect(await read()).toEqual(seen);
    now = NOW + 3_600_000;
    expect(await read()).toEqual(new Map());
    now = NOW;
  });

  it("gives no time to a row of an older page that the record lacks", async () => {
    await write([200, 100], NOW);
    const reader = createFirstSeenReader(started.upstash, started.url, () => now);
    const seen = { rows: rowsOf([350, 340]), fetchedAt: NOW + DAY, isFirstPage: false };
    expect(await reader.firstSeen(SYMBOL, seen)).toEqual(new Map());
  });

  it("knows no time without a record, and reads once for all pages of a request", async () => {
    const reader = createFirstSeenReader(started.upstash, started.url, () => now);
    const before = await started.requests();
    for (const date of [200, 100]) {
      expect(
        await reader.firstSeen(SYMBOL, { rows: rowsOf([date]), fetchedAt: NOW, isFirstPage: true }),
      ).toEqual(new Map());
    }
    expect((await started.requests()) - before).toBe(1);
  });
});
