import { beforeEach, describe, expect, it, vi } from "vitest";
import { cachedRefusal, EMPTY_SUMMARY } from "../../functions/page-source/cached-reply.ts";
import { countsCommands, startCountedUpstash } from "../support/counted-upstash.ts";
import {
  cachedPage,
  DAY,
  emptySlot,
  HOUR,
  MINUTE,
  NOW,
  startSharedCache,
  summary,
  summaryOfRange,
} from "../support/shared-cache.ts";

const REPLY = new Uint8Array([0, 255, 8, 10]);
const OTHER_REPLY = new Uint8Array([1, 2, 3]);
const KEY = { symbol: "HK.00700", cursor: "" };
const OLDER_KEY = { ...KEY, cursor: "1700000000" };
const PAGE = "short-interest:page:HK.00700/";
const LEASE = "short-interest:lease:HK.00700/";
const ANSWERED = { outcome: "answered" } as const;

const negativeReply = (fetchedAt: number) => cachedRefusal(REPLY, "", fetchedAt, 10 * MINUTE);

let started: Awaited<ReturnType<typeof startSharedCache>>;
beforeEach(async () => {
  started = await startSharedCache();
});

describe("look at the shared cache", () => {
  it("finds nothing in an empty one, and the lease is free", async () => {
    expect(await started.cache.look(KEY)).toEqual({
      state: "lease-free",
      waitMs: 0,
      isKnown: false,
      isProbe: false,
      openPeriodMs: 0,
      cached: undefined,
      slot: emptySlot(KEY),
    });
  });

  it("finds a fresh page, and the same page with a free lease when it is stale", async () => {
    const { cache, write, setTime } = started;
    const cached = cachedPage(REPLY, "", NOW);
    await write(KEY, { cached });
    const slot = { key: KEY, version: String(NOW), publication: undefined };
    const look = { waitMs: 0, isKnown: true, isProbe: false, openPeriodMs: 0, cached, slot };
    expect(await cache.look(KEY)).toEqual({ ...look, state: "fresh" });
    setTime(NOW + HOUR);
    expect(await cache.look(KEY)).toEqual({ ...look, state: "lease-free" });
  });

  it("finds no other page of the symbol, and no page of another symbol", async () => {
    const { cache, write } = started;
    await write(KEY, { cached: cachedPage(REPLY, "", NOW) });
    for (const key of [
      { ...KEY, cursor: "1777478400" },
      { ...KEY, num: 50 },
      { ...KEY, symbol: "HK.00701" },
    ]) {
      expect(await cache.look(key)).toMatchObject({ cached: undefined, state: "lease-free" });
    }
  });

  it.runIf(countsCommands)("reads with one MGET, or two for a cursor within a page", async () => {
    const upstash = await startCountedUpstash();
    const { cache, write } = await startSharedCache({ address: upstash });
    const commandsOf = (cursor: string, num?: number) =>
      upstash.commandsOf(() => cache.look({ ...KEY, cursor, num }));
    expect(await commandsOf("")).toEqual({ mget: 1 });
    expect(await commandsOf("1650000000")).toEqual({ mget: 1 });
    await write(KEY, {
      cached: cachedPage(REPLY, "", NOW),
      summary: summaryOfRange(1_700_000_000, 1_600_000_000),
    });
    expect(await commandsOf("")).toEqual({ mget: 1 });
    expect(await commandsOf("1650000000")).toEqual({ mget: 2 });
    expect(await commandsOf("1650000000", 50)).toEqual({ mget: 1 });
    expect(await commandsOf("1500000000")).toEqual({ mget: 1 });
    expect(await commandsOf("opaque")).toEqual({ mget: 1 });
  });

  it.runIf(countsCommands)("at a page under its own cursor reads with one MGET", async () => {
    const upstash = await startCountedUpstash();
    const { cache, write } = await startSharedCache({ address: upstash });
    await write(OLDER_KEY, {
      cached: cachedPage(REPLY, OLDER_KEY.cursor, NOW),
      summary: summaryOfRange(1_690_000_000, 1_600_000_000),
    });
    expect(await upstash.commandsOf(() => cache.look(OLDER_KEY))).toEqual({ mget: 1 });
  });
});

describe("stored page", () => {
  it("expires 8 days after the fetch of a first page, 14 days after that of an older one", async () => {
    const { write, command } = started;
    const remainingOf = async (name: string) => Number(await command("PTTL", `short-interest:page:${name}`));
    await write(KEY, { cached: cachedPage(REPLY, "", NOW) });
    await write(OLDER_KEY, { cached: cachedPage(REPLY, OLDER_KEY.cursor, NOW) });
    for (const [name, ttlMs] of [
      ["HK.00700/", 8 * DAY],
      ["HK.00700/1700000000", 14 * DAY],
    ] as const) {
      const remainingMs = await remainingOf(name);
      expect(remainingMs).toBeGreaterThan(ttlMs - MINUTE);
      expect(remainingMs).toBeLessThanOrEqual(ttlMs);
    }
  });

  it("expires in Redis and, by the clock of the reader, before", async () => {
    const { cache, write, setTime } = started;
    await write(KEY, { cached: cachedPage(REPLY, "", NOW) });
    setTime(NOW + 8 * DAY - 1);
    expect((await cache.look(KEY)).cached?.reply).toEqual(REPLY);
    setTime(NOW + 8 * DAY);
    expect(await cache.look(KEY)).toMatchObject({
      cached: undefined,
      state: "lease-free",
      slot: { version: String(NOW) },
    });
  });

  it("that is a refusal is fresh until it expires", async () => {
    const { cache, write, setTime, command } = started;
    const key = { ...KEY, symbol: "US.NOSUCH" };
    const cached = negativeReply(NOW);
    await write(key, { cached, summary: EMPTY_SUMMARY });
    expect(await command("PTTL", "short-interest:page:US.NOSUCH/")).toBeLessThanOrEqual(10 * MINUTE);
    setTime(NOW + 10 * MINUTE - 1);
    expect(await cache.look(key)).toMatchObject({ state: "fresh", cached });
    setTime(NOW + 10 * MINUTE);
    expect(await cache.look(key)).toMatchObject({ state: "lease-free", cached: undefined });
  });

  it("is found by every cursor within it, but not from its last row on", async () => {
    const { cache, write } = started;
    const cached = cachedPage(REPLY, "1700000000", NOW);
    await write(OLDER_KEY, { cached, summary: summaryOfRange(1_690_000_000, 1_600_000_000) });
    const cachedAt = async (cursor: string) => (await cache.look({ ...KEY, cursor })).cached;
    expect(await cachedAt("1690000000")).toEqual(cached);
    expect(await cachedAt("1600000001")).toEqual(cached);
    expect(await cachedAt("1600000000")).toBeUndefined();
    expect(await cachedAt("1690000001")).toBeUndefined();
    for (const changes of [{ num: 5 }, { exact: true }, { symbol: "HK.00001" }]) {
      const key = { ...KEY, cursor: "1690000000", ...changes };
      expect((await cache.look(key)).cached).toBeUndefined();
    }
  });

  it("found by a cursor within it is leased under its own cursor", async () => {
    const { cache, write, acquire, setTime, command } = started;
    await write(OLDER_KEY, {
      cached: cachedPage(REPLY, OLDER_KEY.cursor, NOW),
      summary: summaryOfRange(1_690_000_000, 1_600_000_000),
    });
    setTime(NOW + 2 * DAY);
    const within = { ...KEY, cursor: "1650000000" };
    expect((await cache.look(within)).slot).toMatchObject({ key: OLDER_KEY, version: String(NOW) });
    expect(await acquire(within, "a")).toBe("acquired");
    expect(await command("GET", `${LEASE}1700000000`)).toBe("a");
    for (const key of [within, OLDER_KEY]) {
      expect(await cache.look(key)).toMatchObject({ state: "lease-held" });
    }
  });

  it("with the most rows after a cursor is found by it, unless it is stale and another one is fresh", async () => {
    const { cache, write, setTime } = started;
    const writePage = (cursor: string, fetchedAt: number, oldest: number) =>
      write(
        { ...KEY, cursor },
        { cached: cachedPage(REPLY, cursor, fetchedAt), summary: summaryOfRange(1_690_000_000, oldest) },
      );
    await writePage("1700000001", NOW - 2, 1_600_000_001);
    await writePage("1700000002", NOW - 1, 1_600_000_000);
    await writePage("1700000003", NOW, 1_600_000_002);
    const found = async () => (await cache.look({ ...KEY, cursor: "1650000000" })).cached?.cursor;
    expect(await found()).toBe("1700000002");
    setTime(NOW + HOUR - 1);
    expect(await found()).toBe("1700000003");
    setTime(NOW + HOUR);
    expect(await found()).toBe("1700000002");
  });

  it("that is gone is passed over when a cursor leads to it", async () => {
    const { cache, write, command } = started;
    const page = summaryOfRange(1_690_000_000, 1_600_000_000);
    await write(OLDER_KEY, { cached: cachedPage(REPLY, OLDER_KEY.cursor, NOW - 7), summary: page });
    for (let gone = 1; gone <= 6; gone += 1) {
      const cursor = `170000000${gone}`;
      await write({ ...KEY, cursor }, { cached: cachedPage(OTHER_REPLY, cursor, NOW), summary: page });
      await command("DEL", `${PAGE}${cursor}`);
    }
    expect((await cache.look({ ...KEY, cursor: "1690000000" })).cached?.reply).toEqual(REPLY);
  });

  it("that is gone does not serve cursors from a newer page under its key", async () => {
    const { cache, write, command } = started;
    const cached = cachedPage(REPLY, "", NOW);
    await write(KEY, { cached, summary: summaryOfRange(1_700_000_000, 1_600_000_000) });
    await command("DEL", PAGE);
    await write(KEY, { cached, summary: summaryOfRange(1_700_000_700, 1_600_000_700) });
    expect(await cache.look({ ...KEY, cursor: "1600000700" })).toMatchObject({
      state: "lease-free",
      isKnown: true,
      cached: undefined,
    });
  });

  it("makes its symbol and its next cursor known, and no other cursor", async () => {
    const { cache, write } = started;
    await write(KEY, { cached: cachedPage(REPLY, "", NOW), summary: summary({ next: "after-50" }) });
    const isKnown = async (key: object) => (await cache.look({ ...KEY, ...key })).isKnown;
    expect(await isKnown({ cursor: "after-50", num: 50 })).toBe(true);
    expect(await isKnown({ cursor: "after-51", num: 50 })).toBe(false);
    expect(await isKnown({ num: 50 })).toBe(true);
    expect(await isKnown({ symbol: "HK.00001" })).toBe(false);
  });
});

describe("lease", () => {
  it("of a crashed holder expires", async () => {
    const { acquire, cache } = await startSharedCache({ leaseMs: 50 });
    expect(await acquire(KEY, "crashed")).toBe("acquired");
    await vi.waitFor(async () => expect(await cache.look(KEY)).toMatchObject({ state: "lease-free" }));
    expect(await acquire(KEY, "next")).toBe("acquired");
  });

  it("is released by its holder only", async () => {
    const { cache, acquire, write } = started;
    await acquire(KEY, "a");
    await cache.release(emptySlot(KEY), "b", ANSWERED);
    await write({ ...KEY, cursor: "1" }, { cached: cachedPage(REPLY, "1", NOW), leaseId: "a" });
    await write(KEY, { cached: cachedPage(REPLY, "", NOW - 2 * HOUR), leaseId: "b" });
    expect(await cache.look(KEY)).toMatchObject({ state: "lease-held" });
    await cache.release(emptySlot(KEY), "a", ANSWERED);
    expect(await cache.look(KEY)).toMatchObject({ state: "lease-free" });
  });

  it("is released by a write of its holder", async () => {
    const { cache, acquire, write } = started;
    await acquire(KEY, "a");
    await write(KEY, { cached: cachedPage(REPLY, "", NOW - 2 * HOUR), leaseId: "a" });
    expect(await cache.look(KEY)).toMatchObject({ state: "lease-free" });
  });

  it("is held after a failed refresh, with its cause and the remaining time", async () => {
    const { cache, acquire, command, setTime } = started;
    await acquire(KEY, "a");
    const backoff = { ms: 5_000, code: "opend_failed" } as const;
    await cache.release(emptySlot(KEY), "a", { outcome: "answered", backoff });
    setTime(NOW + 2_000);
    expect(await cache.look(KEY)).toMatchObject({
      state: "backoff",
      waitMs: 3_000,
      backoffCause: "opend_failed",
    });
    const remainingMs = await command("PTTL", LEASE);
    expect(remainingMs).toBeGreaterThan(4_000);
    expect(remainingMs).toBeLessThanOrEqual(5_000);
  });
});
