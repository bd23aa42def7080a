import { afterEach, describe, expect, it, vi } from "vitest";
import { cachedRefusal, type PageSummary } from "../../functions/page-source/cached-reply.ts";
import { createEdgeCache } from "../../functions/page-source/edge-cache.ts";
import { freshnessPolicy, isShortLived } from "../../functions/page-source/freshness.ts";
import { cachedPage, DAY, HOUR, MINUTE, NOW, SECOND } from "../support/shared-cache.ts";

const REPLY = new Uint8Array([1, 2, 3]);
const SUMMARY: PageSummary = {
  newest: 1_700_000_000,
  extent: 11,
  next: "1600000000",
  range: { newest: 1_700_000_000, oldest: 1_600_000_000 },
};
/** Cursors that a URL parser normalizes away in a path, or takes for another part of a URL. */
const HOSTILE = ["..", ".", "%2e%2e", "../US.AAPL/", "a/b", "?", "#", "&key=US.AAPL/", "\\..", " ", "%"];

afterEach(() => {
  vi.restoreAllMocks();
});

function start() {
  let now = NOW;
  const origin = `https://${crypto.randomUUID()}.test`;
  return {
    origin,
    edge: createEdgeCache(caches.default, origin, () => now, freshnessPolicy),
    /** Another isolate of the same data center: it shares the Cache API, but no memory. */
    otherIsolate: () => createEdgeCache(caches.default, origin, () => now, freshnessPolicy),
    setTime: (ms: number) => {
      now = ms;
    },
  };
}

describe("edge cache", () => {
  it.each(HOSTILE)("separates the pages of different symbols for the cursor '%s'", async (cursor) => {
    const { edge } = start();
    const symbols = ["US.NOSUCH", "US.AAPL", "US.TSLA"];
    for (const [index, symbol] of symbols.entries()) {
      const reply = new Uint8Array([index]);
      await edge.put({ symbol, cursor }, cachedPage(reply, cursor, NOW), undefined);
    }
    for (const [index, symbol] of symbols.entries()) {
      expect((await edge.get({ symbol, cursor }))?.reply).toEqual(new Uint8Array([index]));
      expect(await edge.get({ symbol, cursor: `${cursor}x` })).toBeUndefined();
      expect(await edge.get({ symbol, cursor: "" })).toBeUndefined();
    }
  });

  it("ignores an entry that was stored under another key", async () => {
    const { edge, origin } = start();
    const [ownKey, foreignKey] = ["US.AAPL", "US.TSLA"].map((symbol) => ({ symbol, cursor: "" }));
    if (!ownKey || !foreignKey) throw new Error("There are two keys");
    const urls: string[] = [];
    const spy = {
      match: caches.default.match.bind(caches.default),
      put: caches.default.put.bind(caches.default),
    };
    const recording = createEdgeCache(
      {
        match: spy.match,
        put: (url, response) => {
          urls.push(String(url));
          return spy.put(url, response);
        },
      },
      origin,
      () => NOW,
      freshnessPolicy,
    );
    await recording.put(ownKey, cachedPage(REPLY, "", NOW), SUMMARY);
    await recording.put(foreignKey, cachedPage(new Uint8Array([9]), "", NOW), SUMMARY);
    const [pageUrl = "", indexUrl = "", foreignPageUrl = "", foreignIndexUrl = ""] = urls;
    for (const [to, from] of [
      [pageUrl, foreignPageUrl],
      [indexUrl, foreignIndexUrl],
    ] as const) {
      const entry = await caches.default.match(from);
      if (!entry) throw new Error("The foreign entry is stored");
      await caches.default.put(to, new Response(entry.body, { headers: entry.headers }));
    }
    // A new isolate, at a time when entries in memory must be revalidated.
    const laterEdge = createEdgeCache(caches.default, origin, () => NOW + HOUR, freshnessPolicy);
    expect(await laterEdge.get(ownKey)).toBeUndefined();
    expect(await laterEdge.isKnown(ownKey)).toBe(false);
    expect((await laterEdge.get(foreignKey))?.reply).toEqual(new Uint8Array([9]));
    expect(await edge.isKnown(foreignKey)).toBe(true);
  });

  it("knows the cursors that its pages lead to, and no others", async () => {
    const { edge, otherIsolate } = start();
    await edge.put({ symbol: "US.AAPL", cursor: "" }, cachedPage(REPLY, "", NOW), SUMMARY);
    const isKnown = (cursor: string, symbol = "US.AAPL") => otherIsolate().isKnown({ symbol, cursor });
    expect(await isKnown("1600000000")).toBe(true);
    expect(await isKnown("")).toBe(true);
    expect(await isKnown("1600000001")).toBe(false);
    expect(await isKnown("1600000000", "US.TSLA")).toBe(false);
  });

  it("does not index an entry without a summary", async () => {
    const { edge, otherIsolate } = start();
    const key = { symbol: "US.AAPL", cursor: "1650000000" };
    await edge.put(key, cachedRefusal(REPLY, key.cursor, NOW, MINUTE), undefined);
    expect(await otherIsolate().isKnown({ ...key, cursor: "" })).toBe(false);
  });

  it.each([
    ["55 min while it is fresh", 10 * HOUR, 0, 0, 55 * MINUTE],
    ["at least 50 min while it is fresh", 10 * HOUR, 0, 1, 50 * MINUTE],
    ["until it is stale", MINUTE, 0, 0, MINUTE],
    ["at most a minute longer than it is fresh", MINUTE, 0, 1, 2 * MINUTE],
    ["10 s when it has just become stale", 0, 0, 0, 10 * SECOND],
    ["up to 20 s when it has just become stale", 0, 0, 1, 20 * SECOND],
    ["a tenth of the time since it became stale", -20 * MINUTE, 0, 0, 2 * MINUTE],
    ["up to a minute longer than that", -20 * MINUTE, 0, 1, 3 * MINUTE],
    ["at most half an hour", -DAY, 0, 0, 30 * MINUTE],
    ["as long as the page cannot be fetched", 0, 5 * MINUTE, 0, 5 * MINUTE],
  ])("serves an entry without a lookup for: %s", async (_, freshMs, waitMs, random, lookupAfterMs) => {
    vi.spyOn(Math, "random").mockReturnValue(random);
    const { edge, otherIsolate } = start();
    const key = { symbol: "US.AAPL", cursor: "" };
    await edge.put(key, { ...cachedPage(REPLY, "", NOW), freshUntil: NOW + freshMs }, SUMMARY, waitMs);
    for (const isolate of [edge, otherIsolate()]) {
      expect((await isolate.get(key))?.revalidateAfter).toBe(NOW + lookupAfterMs);
    }
  });

  it("serves a refusal without a lookup for 5 min, or until it expires", async () => {
    const { edge } = start();
    const key = { symbol: "US.NOSUCH", cursor: "" };
    for (const [ttlMs, lookupAfterMs] of [
      [10 * MINUTE, 5 * MINUTE],
      [MINUTE, MINUTE],
    ] as const) {
      await edge.put(key, cachedRefusal(REPLY, "", NOW, ttlMs), undefined);
      const entry = await edge.get(key);
      expect(entry?.revalidateAfter).toBe(NOW + lookupAfterMs);
      expect(entry && isShortLived(entry)).toBe(true);
    }
  });

  it("serves an entry without a lookup for 10 s after a failed lookup", async () => {
    const { edge, setTime } = start();
    const key = { symbol: "US.AAPL", cursor: "" };
    await edge.put(key, cachedPage(REPLY, "", NOW), SUMMARY);
    setTime(NOW + 2 * HOUR);
    const entry = await edge.get(key);
    if (!entry) throw new Error("The entry is stored");
    edge.postponeRevalidation(key, entry);
    expect((await edge.get(key))?.revalidateAfter).toBe(NOW + 2 * HOUR + 10 * SECOND);
  });

  it("does not replace a copy by one that was fetched before", async () => {
    const { edge } = start();
    const key = { symbol: "US.AAPL", cursor: "" };
    await edge.put(key, cachedPage(REPLY, "", NOW), SUMMARY);
    await edge.put(key, cachedPage(new Uint8Array([9]), "", NOW - 1), SUMMARY);
    expect((await edge.get(key))?.reply).toEqual(REPLY);
  });

  it("finds a page by every cursor within it, the last stored one first", async () => {
    const { edge, otherIsolate } = start();
    const symbol = "US.AAPL";
    await edge.put({ symbol, cursor: "" }, cachedPage(REPLY, "", NOW), SUMMARY);
    const cursor = "1690000001";
    await edge.put({ symbol, cursor }, cachedPage(new Uint8Array([9]), cursor, NOW), {
      ...SUMMARY,
      newest: 1_690_000_000,
      range: { newest: 1_690_000_000, oldest: 1_590_000_000 },
    });
    const cursorOf = async (within: string) => (await otherIsolate().get({ symbol, cursor: within }))?.cursor;
    expect(await cursorOf("1700000000")).toBe("");
    expect(await cursorOf("1690000000")).toBe(cursor);
    expect(await cursorOf("1590000001")).toBe(cursor);
    expect(await cursorOf("1590000000")).toBeUndefined();
    expect(await otherIsolate().get({ symbol, cursor: "1690000000", exact: true })).toBeUndefined();
  });
});
