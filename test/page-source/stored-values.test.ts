import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { EMPTY_SUMMARY, nameOf } from "../../functions/page-source/cached-reply.ts";
import {
  formatPublication,
  formatStoredPage,
  indexEntries,
  parseIndex,
  parseLease,
  parsePublication,
  parseStoredPage,
} from "../../functions/page-source/stored-values.ts";
import { countsCommands } from "../support/counted-upstash.ts";
import {
  cachedPage,
  DAY,
  HOUR,
  NOW,
  SECOND,
  startSharedCache,
  summary,
  summaryOfRange,
} from "../support/shared-cache.ts";

const REPLY = new Uint8Array([0, 255, 8, 10]);
const ODD_CURSORS = [
  " ",
  "a b",
  "two\nlines",
  "\r\n",
  "%",
  "%20",
  "a%2Fb",
  "期末",
  "😀",
  "-",
  "*",
  "/",
  "page x 9999999999999999",
  "rewritten",
  "rewritten * 9999999999999999 9999999999999999",
  "\u0000",
];

describe("stored page as text", () => {
  it.each(ODD_CURSORS)("has its cursor again: %j", (cursor) => {
    const value = formatStoredPage(cachedPage(REPLY, cursor, NOW), false, summary());
    expect(parseStoredPage(value)).toMatchObject({ cursor, version: String(NOW), fetchedAt: NOW });
    expect(value).not.toContain("\n");
  });

  it("has all its fields again, for any reply and cursor", () => {
    const cursors = fc.string({ unit: "binary" });
    const replies = fc.uint8Array({ maxLength: 300 });
    const newest = fc.integer({ min: 0, max: 4_102_444_800 });
    fc.assert(
      fc.property(cursors, replies, newest, fc.boolean(), (cursor, bytes, newest, isRefusal) => {
        const cached = cachedPage(new Uint8Array(bytes), cursor, NOW);
        const stored = parseStoredPage(formatStoredPage(cached, isRefusal, summary({ newest })));
        expect(stored).toEqual({
          version: String(NOW),
          fetchedAt: NOW,
          expiresAt: cached.staleUntil,
          isRefusal,
          newest,
          cursor,
          reply: new Uint8Array(bytes),
        });
      }),
    );
  });

  it.each([
    null,
    "",
    "page",
    "1 2 page 3 4 - 0 ",
    "1 2 other 3 4 - 0 cursor CAo=",
    "x 2 page 3 4 - 0 cursor CAo=",
    "1 2 page 3 4 - 0 %zz CAo=",
    "1 2 page 3 4 - 0 %FF CAo=",
    "1 2 page 3 4 - 0 cursor not*base64",
    "1 2 page 3 4 - 0 cursor C",
    "1 2 page 3 4 - 0 cursor CAo= more",
    "1 2 page 3 4 - 0 cursor\nCAo=",
  ])("reads as missing if it is malformed: %j", (value) => {
    expect(parseStoredPage(value)).toBeUndefined();
  });
});

describe("lease as text", () => {
  it("is free without a value, and held with any other", () => {
    expect(parseLease(null)).toBeUndefined();
    for (const value of ["id", "", "backoff", "backoff opend_failed", "backoff no_such_code 1"]) {
      expect(parseLease(value)).toEqual({ kind: "held" });
    }
  });

  it("has the cause and the end of a backoff", () => {
    const backoff = { kind: "backoff", code: "opend_timeout", until: NOW };
    expect(parseLease(`backoff opend_timeout ${NOW}`)).toEqual(backoff);
  });
});

describe("publication as text", () => {
  it("has its fields again", () => {
    const publication = { newest: 1_700_000_000, seenAt: NOW, checkedAt: NOW + 1, step: 2 };
    expect(parsePublication(formatPublication(publication))).toEqual(publication);
  });

  it.each([null, "", "1", "1 2 3", "1 2 3 x", "-1 2 3 4", "1 2 3 4 5"])(
    "reads as missing if it is malformed: %j",
    (value) => {
      expect(parsePublication(value)).toBeUndefined();
    },
  );
});

describe("index as text", () => {
  const key = { symbol: "US.AAPL", cursor: "" };

  it.each(ODD_CURSORS)("knows the cursor that a page leads to, and no other: %j", (next) => {
    const value = indexEntries(key, summary({ next }), NOW, NOW + HOUR, NOW + DAY).join("\n");
    const { knows, rewrittenAt } = parseIndex(value, NOW);
    expect(knows(next)).toBe(true);
    expect(knows(`${next}x`)).toBe(false);
    expect(knows(encodeURIComponent(`${next} `))).toBe(false);
    expect(rewrittenAt).toBe(0);
  });

  it.each(ODD_CURSORS)("names the page of a cursor: %j", (cursor) => {
    const odd = { ...key, cursor };
    const entries = indexEntries(odd, summaryOfRange(200, 100), NOW, NOW + HOUR, NOW + DAY);
    const { pagesWith } = parseIndex(entries.join("\n"), NOW);
    expect(pagesWith(200)).toEqual([nameOf(odd)]);
    expect(pagesWith(101)).toEqual([nameOf(odd)]);
    expect(pagesWith(201)).toEqual([]);
    expect(pagesWith(100)).toEqual([]);
  });

  it("has no entry for a page without rows and without a next page", () => {
    expect(indexEntries(key, EMPTY_SUMMARY, NOW, NOW + HOUR, NOW + DAY)).toEqual([]);
  });

  it("ends each entry at its own time", () => {
    const value = indexEntries(key, summaryOfRange(200, 100), NOW, NOW + HOUR, NOW + DAY).join("\n");
    const at = (now: number) => {
      const { pagesWith, knows } = parseIndex(value, now);
      return { pages: pagesWith(150).length, next: knows("100"), symbol: knows("") };
    };
    expect(at(NOW + HOUR - 1)).toEqual({ pages: 1, next: true, symbol: true });
    expect(at(NOW + HOUR)).toEqual({ pages: 0, next: true, symbol: true });
    expect(at(NOW + DAY - 1)).toEqual({ pages: 0, next: true, symbol: true });
    expect(at(NOW + DAY)).toEqual({ pages: 0, next: false, symbol: false });
  });

  it.each([null, "", "\n\n", "page", "next x", "rewritten", "rewritten *", "page US.AAPL/ x 1 2 3"])(
    "is empty if it is malformed: %j",
    (value) => {
      const { pagesWith, knows, rewrittenAt } = parseIndex(value, NOW);
      expect(pagesWith(150)).toEqual([]);
      expect(knows("")).toBe(false);
      expect(rewrittenAt).toBe(0);
    },
  );
});

describe("shared cache", () => {
  let started: Awaited<ReturnType<typeof startSharedCache>>;
  beforeEach(async () => {
    started = await startSharedCache();
  });

  it.each(ODD_CURSORS)("stores and finds the page and the next page of a cursor: %j", async (cursor) => {
    const { cache, write, acquire } = started;
    const key = { symbol: "US.AAPL", cursor, num: 50 };
    // Twice, because the second write reads what the first one has written.
    for (const fetchedAt of [NOW, NOW + SECOND]) {
      const cached = cachedPage(REPLY, cursor, fetchedAt);
      expect(await write(key, { cached, summary: summary({ next: `${cursor}.` }) })).toBe("stored");
      expect(await cache.look(key)).toMatchObject({ state: "fresh", cached });
    }
    expect(await cache.look({ ...key, cursor: `${cursor}.` })).toMatchObject({ isKnown: true });
    expect(await cache.look({ ...key, cursor: `${cursor}..` })).toMatchObject({ isKnown: false });
    started.setTime(NOW + 2 * HOUR);
    expect(await acquire(key, "a")).toBe("acquired");
  });

  it.each(["", "x", "1 2 other", `${NOW} 9999999999999999 page 1 2 - 0 %zz !`])(
    "reads a malformed page as missing, and replaces it: %j",
    async (value) => {
      const { cache, write, acquire, command } = started;
      const key = { symbol: "US.AAPL", cursor: "" };
      await command("SET", "short-interest:page:US.AAPL/", value);
      expect(await cache.look(key)).toMatchObject({ state: "lease-free", cached: undefined });
      expect(await acquire(key, "a")).toBe("acquired");
      const cached = cachedPage(REPLY, "", NOW);
      expect(await write(key, { cached, leaseId: "a" })).toBe("stored");
      expect(await cache.look(key)).toMatchObject({ state: "fresh", cached });
    },
  );

  it.each(["", "x", "page", "rewritten", "next a b\nrewritten x y z", "\n\n"])(
    "reads a malformed index as empty, and replaces it: %j",
    async (value) => {
      const { cache, write, command } = started;
      const key = { symbol: "US.AAPL", cursor: "" };
      await command("SET", "short-interest:index:US.AAPL", value);
      expect(await cache.look(key)).toMatchObject({ isKnown: false });
      const page = summaryOfRange(1_700_000_000, 1_600_000_000);
      expect(await write(key, { cached: cachedPage(REPLY, "", NOW), summary: page })).toBe("stored");
      expect(await cache.look({ ...key, cursor: "1650000000" })).toMatchObject({ isKnown: true });
    },
  );

  it("reads a malformed record of publications as missing, and replaces it", async () => {
    const { cache, write, command } = started;
    const key = { symbol: "US.AAPL", cursor: "" };
    const publication = { newest: 1_700_000_000, seenAt: NOW, checkedAt: NOW, step: 1 };
    for (const value of ["", "x", "1 2", "1 2 3"]) {
      await command("SET", "short-interest:publication:US", value);
      expect((await cache.look(key)).slot.publication).toBeUndefined();
      await write(key, { cached: cachedPage(REPLY, "", NOW), publication });
      expect((await cache.look(key)).slot.publication).toEqual(publication);
    }
  });

  // MGET of the imitation returns them.
  it.runIf(countsCommands)("reads values of other types as missing", async () => {
    const { cache, command } = started;
    const key = { symbol: "US.AAPL", cursor: "" };
    // An earlier version stored hashes and sorted sets under these keys.
    await command("HSET", "short-interest:page:US.AAPL/", "reply", "x");
    await command("ZADD", "short-interest:index:US.AAPL", "1", "x");
    await command("HSET", "short-interest:circuit", "openUntil", "9999999999999999");
    expect(await cache.look(key)).toMatchObject({ state: "lease-free", cached: undefined, isKnown: false });
  });
});
