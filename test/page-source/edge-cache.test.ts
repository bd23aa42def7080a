import { describe, expect, it } from "vitest";
import { cachedPage, cachedRefusal, type PageSummary } from "../../functions/page-source/cached-reply.ts";
import { createEdgeCache } from "../../functions/page-source/edge-cache.ts";

const NOW = 1_800_000_000_000;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const REPLY = new Uint8Array([1, 2, 3]);
const SUMMARY: PageSummary = {
  newest: 1_700_000_000,
  extent: 11,
  next: "1600000000",
  range: { newest: 1_700_000_000, oldest: 1_600_000_000 },
};
/** Cursors that a URL parser normalizes away in a path, or takes for another part of a URL. */
const HOSTILE = ["..", ".", "%2e%2e", "../US.AAPL/", "a/b", "?", "#", "&key=US.AAPL/", "\\..", " ", "%"];

function start() {
  let now = NOW;
  const origin = `https://${crypto.randomUUID()}.test`;
  return {
    origin,
    edge: createEdgeCache(caches.default, origin, () => now),
    /** Another isolate of the same data center: it shares the Cache API, but no memory. */
    otherIsolate: () => createEdgeCache(caches.default, origin, () => now),
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
      await edge.put({ symbol, cursor }, { ...cachedPage(reply, cursor, NOW) }, undefined);
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
    const laterEdge = createEdgeCache(caches.default, origin, () => NOW + 10 * MINUTE);
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
    ["4 min while it is fresh", -HOUR, 0, 4 * MINUTE],
    ["until it is stale", -MINUTE, 0, MINUTE],
    ["5 s when it has just become stale", 1, 0, 5 * SECOND],
    ["a tenth of the time since it became stale", 200 * SECOND, 0, 20 * SECOND],
    ["at most a minute", HOUR, 0, MINUTE],
    ["as long as the circuit is open", 1, 10 * SECOND, 10 * SECOND],
  ])("serves an entry without a lookup for: %s", async (_, staleMs, openMs, lookupAfterMs) => {
    const { edge, setTime } = start();
    const cached = { ...cachedPage(REPLY, "", NOW), freshUntil: NOW - staleMs };
    await edge.put({ symbol: "US.AAPL", cursor: "" }, cached, SUMMARY, openMs);
    setTime(NOW + 1);
    const entry = await edge.get({ symbol: "US.AAPL", cursor: "" });
    expect(entry?.revalidateAfter).toBe(NOW + lookupAfterMs);
  });

  it("serves an entry without a lookup for 5 s after a failed lookup", async () => {
    const { edge, setTime } = start();
    const key = { symbol: "US.AAPL", cursor: "" };
    await edge.put(key, cachedPage(REPLY, "", NOW), SUMMARY);
    setTime(NOW + 30 * MINUTE);
    const entry = await edge.get(key);
    if (!entry) throw new Error("The entry is stored");
    edge.postponeRevalidation(key, entry);
    expect((await edge.get(key))?.revalidateAfter).toBe(NOW + 30 * MINUTE + 5 * SECOND);
  });
});
