import { describe, expect, it } from "vitest";
import { cachedRefusal, EMPTY_SUMMARY } from "../../functions/page-source/cached-reply.ts";
import { cachedPage, HOUR, NOW, startSharedCache, summaryOfRange } from "../support/shared-cache.ts";

const KEY = { symbol: "HK.00700", cursor: "" };
const REPLY = new Uint8Array([1]);
const AT = NOW + HOUR;

// The index still names the page for the rows that it had.
describe("A page that lost its rows is not found by their cursors", () => {
  it.each([
    ["a refusal", cachedRefusal(REPLY, "", AT, HOUR)],
    ["a page without rows", cachedPage(REPLY, "", AT)],
  ])("after %s replaced it", async (_, cached) => {
    const { cache, write, setTime } = await startSharedCache();
    const summary = summaryOfRange(1_700_000_000, 1_690_000_000);
    await write(KEY, { cached: cachedPage(REPLY, "", NOW), summary });
    const key = { ...KEY, cursor: "1695000000" };
    expect((await cache.look(key)).cached).toBeDefined();
    for (const confirmedAt of [AT, AT + HOUR / 2]) {
      setTime(confirmedAt);
      await write(KEY, { cached, summary: EMPTY_SUMMARY });
    }
    expect((await cache.look(KEY)).cached).toEqual(cached);
    expect((await cache.look(key)).cached).toBeUndefined();
  });
});
