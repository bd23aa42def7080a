import { beforeEach, describe, expect, it } from "vitest";
import {
  cachedPage,
  DAY,
  MINUTE,
  NOW,
  startSharedCache,
  summary,
  summaryOfRange,
} from "../support/shared-cache.ts";

const REPLY = new Uint8Array([8, 10]);
const KEY = { symbol: "US.AAPL", cursor: "" };
const INDEX = "short-interest:index:US.AAPL";

let started: Awaited<ReturnType<typeof startSharedCache>>;
beforeEach(async () => {
  started = await startSharedCache();
});

const lines = async () => String((await started.command("GET", INDEX)) ?? "").split("\n");
const isKnown = async (cursor: string) => (await started.cache.look({ ...KEY, cursor })).isKnown;

/** Stores a page at a time, which leads to another cursor. */
function writeAt(fetchedAt: number, cursor: string, next: string, isRewritten = false) {
  started.setTime(fetchedAt);
  const cached = cachedPage(REPLY, cursor, fetchedAt);
  return started.write({ ...KEY, cursor }, { cached, summary: summary({ next }), isRewritten });
}

describe("index of a symbol", () => {
  it("is absent until a page is stored, and has no entry for a page without rows", async () => {
    expect(await isKnown("")).toBe(false);
    await started.write(KEY, {
      cached: cachedPage(REPLY, "", NOW),
      summary: summary({ newest: 0, extent: 0 }),
    });
    expect(await started.command("GET", INDEX)).toBeNull();
    // The page itself is known.
    expect(await isKnown("")).toBe(true);
  });

  it("has one entry for a page that is stored again, and one for its next cursor", async () => {
    const page = summaryOfRange(1_700_000_000, 1_600_000_000);
    for (const fetchedAt of [NOW, NOW + 1]) {
      await started.write(KEY, { cached: cachedPage(REPLY, "", fetchedAt), summary: page });
    }
    const pageUntil = NOW + 1 + 8 * DAY;
    expect(await lines()).toEqual([
      `page US.AAPL/ ${pageUntil} ${NOW + 1} 1700000000 1600000000`,
      `next 1600000000 ${NOW + 1 + 16 * DAY}`,
    ]);
  });

  it("knows a cursor for 16 days after the page that leads to it was fetched", async () => {
    await writeAt(NOW, "", "after-50");
    started.setTime(NOW + 16 * DAY - 1);
    expect(await isKnown("after-50")).toBe(true);
    expect(await isKnown("after-51")).toBe(false);
    started.setTime(NOW + 16 * DAY);
    expect(await isKnown("after-50")).toBe(false);
  });

  it("expires in Redis 16 days after its last write", async () => {
    await writeAt(NOW, "", "after-50");
    const remainingMs = await started.command("PTTL", INDEX);
    expect(remainingMs).toBeGreaterThan(16 * DAY - MINUTE);
    expect(remainingMs).toBeLessThanOrEqual(16 * DAY);
  });

  it("drops expired entries with the next write", async () => {
    await writeAt(NOW, "", "after-50");
    await writeAt(NOW + 10 * DAY, "after-50", "after-100");
    expect(await lines()).toHaveLength(2);
    await writeAt(NOW + 16 * DAY, "after-100", "after-150");
    expect((await lines()).map((line) => line.split(" ")[1])).toEqual(["after-150", "after-100"]);
  });

  it("has at most 128 entries, the last written", async () => {
    for (let number = 0; number < 140; number += 1) await writeAt(NOW + number, `c${number}`, `n${number}`);
    expect(await lines()).toHaveLength(128);
    expect(await isKnown("n139")).toBe(true);
    expect(await isKnown("n12")).toBe(true);
    expect(await isKnown("n11")).toBe(false);
  });

  it("keeps when the history was rewritten, even if it is full", async () => {
    await writeAt(NOW, "", "next", true);
    for (let number = 1; number < 140; number += 1) await writeAt(NOW + number, `c${number}`, `n${number}`);
    const all = await lines();
    expect(all).toHaveLength(128);
    expect(all.filter((line) => line.startsWith("rewritten"))).toEqual([
      `rewritten * ${NOW + 16 * DAY} ${NOW}`,
    ]);
  });

  it("keeps only the last time that the history was rewritten", async () => {
    await writeAt(NOW, "", "next", true);
    await writeAt(NOW + DAY, "", "next", true);
    expect((await lines()).filter((line) => line.startsWith("rewritten"))).toEqual([
      `rewritten * ${NOW + 17 * DAY} ${NOW + DAY}`,
    ]);
  });

  it("does not mistake a cursor for the time that the history was rewritten", async () => {
    const cursor = "rewritten";
    await writeAt(NOW, "", cursor);
    await writeAt(NOW + 1, cursor, "xrewritten");
    await writeAt(NOW + 2, "xrewritten", "end");
    expect(await lines()).toHaveLength(3);
    for (const known of [cursor, "xrewritten", "end"]) expect(await isKnown(known)).toBe(true);
    expect((await started.cache.look({ ...KEY, cursor })).cached).toBeDefined();
  });

  it("is not changed by a reply that is not stored", async () => {
    await writeAt(NOW, "", "after-50");
    const before = await lines();
    const cached = cachedPage(REPLY, "", NOW + 1);
    const contradiction = summary({ extent: 1, next: "invented" });
    expect(await started.write(KEY, { cached, summary: contradiction, isRewritten: true })).toBe(
      "unconfirmed",
    );
    const older = { cached: cachedPage(REPLY, "", NOW - 1), summary: summary({ next: "older" }) };
    expect(await started.write(KEY, { ...older, isRewritten: true })).toBe("superseded");
    expect(await lines()).toEqual(before);
  });
});
