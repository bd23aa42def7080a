import { beforeEach, describe, expect, it, vi } from "vitest";
import {
  cachedPage,
  cachedRefusal,
  EMPTY_SUMMARY,
  type PageSummary,
} from "../../functions/page-source/cached-reply.ts";
import { createSharedCache } from "../../functions/page-source/shared-cache.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { control } from "../support/stand-ins.ts";

const NOW = 1_800_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const REPLY = new Uint8Array([0, 255, 8, 10]);
const OTHER_REPLY = new Uint8Array([1, 2, 3]);
const KEY = { symbol: "HK.00700", cursor: "" };
const PAGE = "short-interest:page:HK.00700/";
const LEASE = "short-interest:lease:HK.00700/";
const ANSWERED = { outcome: "answered" } as const;

const summary = (changes: Partial<PageSummary> = {}): PageSummary => ({
  newest: 1_700_000_000,
  extent: 10,
  next: null,
  range: undefined,
  ...changes,
});
const summaryOfRange = (newest: number, oldest: number) =>
  summary({ newest, next: String(oldest), range: { newest, oldest } });
const negativeReply = (fetchedAt: number) => cachedRefusal(REPLY, "", fetchedAt, 10 * MINUTE);

async function start(leaseMs = HOUR) {
  const upstash = await control.startUpstash();
  let now = NOW;
  return {
    cache: createSharedCache(createUpstash(upstash, 1_000), leaseMs, () => now),
    setTime: (ms: number) => {
      now = ms;
    },
    command: (name: string, ...args: string[]) => control.redis(upstash.id, name, ...args),
  };
}

let started: Awaited<ReturnType<typeof start>>;
beforeEach(async () => {
  started = await start();
});

describe("lease", () => {
  it("goes to one reader of a missing page", async () => {
    const { cache } = started;
    expect(await cache.readOrLease(KEY, "a")).toEqual({
      state: "lease-acquired",
      waitMs: 0,
      isKnown: false,
      cached: undefined,
    });
    expect(await cache.readOrLease(KEY, "b")).toMatchObject({ state: "lease-held" });
    expect(await cache.readOrLease({ ...KEY, cursor: "1777478400" }, "b")).toMatchObject({
      state: "lease-acquired",
    });
  });

  it("goes to one reader of a stale page, together with the page", async () => {
    const { cache, setTime } = started;
    await cache.readOrLease(KEY, "a");
    const cached = cachedPage(REPLY, "", NOW);
    await cache.write(KEY, "a", cached, summary(), []);
    expect(await cache.readOrLease(KEY, "b")).toEqual({ state: "fresh", waitMs: 0, isKnown: true, cached });
    setTime(NOW + HOUR);
    expect(await cache.readOrLease(KEY, "b")).toEqual({
      state: "lease-acquired",
      waitMs: 0,
      isKnown: true,
      cached,
    });
    expect(await cache.readOrLease(KEY, "c")).toEqual({
      state: "lease-held",
      waitMs: 0,
      isKnown: true,
      cached,
    });
  });

  it("is released by its holder only", async () => {
    const { cache } = started;
    await cache.readOrLease(KEY, "a");
    await cache.release(KEY, "b", ANSWERED, []);
    await cache.write({ ...KEY, cursor: "1" }, "b", cachedPage(REPLY, "1", NOW), summary(), []);
    expect(await cache.readOrLease(KEY, "b")).toMatchObject({ state: "lease-held" });
    await cache.release(KEY, "a", ANSWERED, []);
    expect(await cache.readOrLease(KEY, "b")).toMatchObject({ state: "lease-acquired" });
  });

  it("of a crashed holder expires", async () => {
    const { cache } = await start(50);
    await cache.readOrLease(KEY, "crashed");
    await vi.waitFor(async () =>
      expect(await cache.readOrLease(KEY, "next")).toMatchObject({ state: "lease-acquired" }),
    );
  });

  it("is held for the pause after a failed refresh", async () => {
    const { cache, command } = started;
    await cache.readOrLease(KEY, "a");
    await cache.release(KEY, "a", { outcome: "answered", backoff: { ms: 5_000, code: "opend_failed" } }, []);
    const remainingMs = await command("PTTL", LEASE);
    expect(remainingMs).toBeGreaterThan(4_000);
    expect(remainingMs).toBeLessThanOrEqual(5_000);
  });
});

describe("stored page", () => {
  it("expires 7 days after it became stale, and a negative reply at once", async () => {
    const { cache, setTime, command } = started;
    await cache.write(KEY, "", cachedPage(REPLY, "", NOW), summary(), []);
    expect(await command("PTTL", PAGE)).toBeGreaterThan(7 * DAY);
    const other = { ...KEY, symbol: "US.NOSUCH" };
    await cache.write(other, "", negativeReply(NOW), EMPTY_SUMMARY, []);
    expect(await command("PTTL", "short-interest:page:US.NOSUCH/")).toBeLessThanOrEqual(10 * MINUTE);
    setTime(NOW + 10 * MINUTE);
    expect(await cache.readOrLease(other, "a")).toMatchObject({ state: "lease-acquired", cached: undefined });
  });

  it("is found by every cursor within it, but not from its last row on", async () => {
    const { cache } = started;
    const cached = cachedPage(REPLY, "1700000000", NOW);
    const key = { ...KEY, cursor: "1700000000" };
    await cache.write(key, "", cached, summaryOfRange(1_690_000_000, 1_600_000_000), []);
    const read = (cursor: string) => cache.readOrLease({ ...KEY, cursor }, crypto.randomUUID());
    expect((await read("1690000000")).cached).toEqual(cached);
    expect((await read("1600000001")).cached).toEqual(cached);
    expect((await read("1600000000")).cached).toBeUndefined();
    expect((await read("1690000001")).cached).toBeUndefined();
    expect((await cache.readOrLease({ ...KEY, cursor: "1690000000", num: 5 }, "x")).cached).toBeUndefined();
    expect(
      (await cache.readOrLease({ symbol: "HK.00001", cursor: "1690000000" }, "x")).cached,
    ).toBeUndefined();
    expect(await cache.peek({ ...KEY, cursor: "1690000000" })).toEqual(cached);
    expect(await cache.peek({ ...KEY, cursor: "1690000001" })).toBeUndefined();
  });

  it("found by a cursor within it is leased under its own cursor", async () => {
    const { cache, setTime, command } = started;
    const key = { ...KEY, cursor: "1700000000" };
    await cache.write(
      key,
      "",
      cachedPage(REPLY, key.cursor, NOW),
      summaryOfRange(1_690_000_000, 1_600_000_000),
      [],
    );
    setTime(NOW + 2 * DAY);
    expect(await cache.readOrLease({ ...KEY, cursor: "1650000000" }, "a")).toMatchObject({
      state: "lease-acquired",
    });
    expect(await command("GET", `${LEASE}1700000000`)).toBe("a");
    expect(await cache.readOrLease(key, "b")).toMatchObject({ state: "lease-held" });
  });

  it("that has expired is removed from the index when a cursor leads to it", async () => {
    const { cache, command } = started;
    const index = "short-interest:index:HK.00700";
    const oldest = 1_600_000_000;
    for (let gone = 0; gone < 6; gone += 1) {
      await command("ZADD", index, String(oldest + gone), `1690000000 HK.00700/gone${gone}`);
    }
    const cached = cachedPage(REPLY, "1700000000", NOW);
    await cache.write(
      { ...KEY, cursor: "1700000000" },
      "",
      cached,
      summaryOfRange(1_690_000_000, oldest),
      [],
    );
    expect((await cache.readOrLease({ ...KEY, cursor: "1690000000" }, "a")).cached).toEqual(cached);
    expect(await command("ZRANGEBYSCORE", index, "-inf", String(oldest + 10))).toHaveLength(1);
  });

  it("that has expired does not serve cursors from a newer page under its key", async () => {
    const { cache, command } = started;
    await cache.write(KEY, "", cachedPage(REPLY, "", NOW), summaryOfRange(1_700_000_000, 1_600_000_000), []);
    await command("DEL", PAGE);
    await cache.write(
      KEY,
      "",
      cachedPage(OTHER_REPLY, "", NOW),
      summaryOfRange(1_700_000_700, 1_600_000_700),
      [],
    );
    expect((await cache.peek({ ...KEY, cursor: "1600000700" }))?.reply).toBeUndefined();
    expect(await cache.readOrLease({ ...KEY, cursor: "1600000700" }, "a")).toMatchObject({
      state: "lease-acquired",
      isKnown: true,
      cached: undefined,
    });
    const entries = await command("ZRANGEBYSCORE", "short-interest:index:HK.00700", "-inf", "99999999999");
    expect(entries).toEqual(["1700000700 HK.00700/"]);
  });

  it("is removed from the index when it is replaced", async () => {
    const { cache, command } = started;
    await cache.write(KEY, "", cachedPage(REPLY, "", NOW), summaryOfRange(1_700_000_000, 1_600_000_000), []);
    await cache.write(KEY, "", cachedPage(REPLY, "", NOW), summaryOfRange(1_700_000_007, 1_600_000_007), []);
    const entries = await command("ZRANGEBYSCORE", "short-interest:index:HK.00700", "-inf", "99999999999");
    expect(entries).toEqual(["1700000007 HK.00700/"]);
  });

  it("makes its symbol and its next cursor known, and no other cursor", async () => {
    const { cache } = started;
    await cache.write(KEY, "", cachedPage(REPLY, "", NOW), summary({ next: "after-50" }), []);
    const isKnown = async (cursor: string) => {
      const read = await cache.readOrLease({ ...KEY, cursor, num: 50 }, "a");
      const known = await cache.isKnown({ ...KEY, cursor });
      expect(read.isKnown).toBe(known);
      return known;
    };
    expect(await isKnown("after-50")).toBe(true);
    expect(await isKnown("after-51")).toBe(false);
    expect(await isKnown("")).toBe(true);
    expect(await cache.isKnown({ symbol: "HK.00001", cursor: "" })).toBe(false);
  });
});

describe("reply that contradicts the stored page", () => {
  const stored = cachedPage(REPLY, "", NOW);
  const later = NOW + 2 * HOUR;

  async function writeStored() {
    await started.cache.write(KEY, "", stored, summary(), []);
    started.setTime(later);
  }
  const write = (fetchedAt: number, next: PageSummary) =>
    started.cache.write(KEY, "", cachedPage(OTHER_REPLY, "", fetchedAt), next, []);
  const read = () => started.cache.peek(KEY);

  it.each([
    ["is empty", summary({ extent: 0, newest: 0 })],
    ["has fewer rows", summary({ extent: 9 })],
    ["has an older newest row", summary({ newest: 1_699_999_999 })],
  ])("and %s is unconfirmed, and stored when it repeats after a minute", async (_, contradiction) => {
    await writeStored();
    expect(await write(later, contradiction)).toBe("unconfirmed");
    started.setTime(later + MINUTE - 1);
    expect(await write(later + MINUTE - 1, contradiction)).toBe("unconfirmed");
    expect(await read()).toEqual(stored);
    started.setTime(later + MINUTE);
    expect(await write(later + MINUTE, contradiction)).toBe("stored");
    expect((await read())?.reply).toEqual(OTHER_REPLY);
  });

  it("and denies that the security exists is unconfirmed, and stored when it repeats after a minute", async () => {
    await writeStored();
    expect(await started.cache.write(KEY, "", negativeReply(later), EMPTY_SUMMARY, [])).toBe("unconfirmed");
    expect(await read()).toEqual(stored);
    started.setTime(later + MINUTE);
    expect(await started.cache.write(KEY, "", negativeReply(later + MINUTE), EMPTY_SUMMARY, [])).toBe(
      "stored",
    );
    expect((await read())?.staleUntil).toBe(later + 11 * MINUTE);
  });

  it("is unconfirmed again after a different contradiction or a consistent reply", async () => {
    await writeStored();
    expect(await write(later, summary({ extent: 3 }))).toBe("unconfirmed");
    started.setTime(later + MINUTE);
    expect(await write(later + MINUTE, summary({ extent: 4 }))).toBe("unconfirmed");
    expect(await write(later + MINUTE, summary())).toBe("stored");
    started.setTime(later + 2 * MINUTE);
    expect(await write(later + 2 * MINUTE, summary({ extent: 4 }))).toBe("unconfirmed");
  });

  it("holds the lease for a minute, so that the page is fetched again", async () => {
    await writeStored();
    await started.cache.readOrLease(KEY, "a");
    await started.cache.write(KEY, "a", negativeReply(later), EMPTY_SUMMARY, []);
    const remainingMs = await started.command("PTTL", LEASE);
    expect(remainingMs).toBeGreaterThan(MINUTE - 1_000);
    expect(remainingMs).toBeLessThanOrEqual(MINUTE);
  });

  it("but has the same rows with other values, as after a split, is stored", async () => {
    await writeStored();
    expect(await write(later, summary())).toBe("stored");
    expect((await read())?.reply).toEqual(OTHER_REPLY);
  });

  it("and was fetched before the stored page is superseded", async () => {
    await writeStored();
    expect(await write(NOW - 1, summary({ extent: 11 }))).toBe("superseded");
    expect(await read()).toEqual(stored);
  });
});
