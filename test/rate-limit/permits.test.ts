import { Ratelimit } from "@upstash/ratelimit";
import { describe, expect, it, vi } from "vitest";
import type { Permit } from "../../functions/rate-limit/permits.ts";
import { slidingWindowLog } from "../../functions/rate-limit/sliding-window-log.ts";
import { agePermits, PERMIT_LOG } from "../support/permit-log.ts";
import { failureOf, HOUR, start } from "./support.ts";

describe("permit", () => {
  it("is granted up to the limit, then refused with the time until one is free", async () => {
    const { acquire } = await start();
    for (let count = 0; count < 3; count += 1) await acquire();
    const failure = await failureOf(acquire());
    expect(failure?.code).toBe("upstream_quota_exceeded");
    // Calls in flight are expected to be answered within a second.
    expect(failure?.retryAfterMs).toBeGreaterThan(HOUR);
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(HOUR + 1_001);
  });

  it("of an answered call counts from its reply", async () => {
    const { acquire, settle } = await start({ limit: 1 });
    await settle(await acquire());
    const failure = await failureOf(acquire());
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(HOUR + 2);
  });

  it("settled late is not extended", async () => {
    const { acquire, settle, log } = await start({ limit: 1, maxInFlightMs: 1 });
    const permit = await acquire();
    const before = await log();
    await settle(permit);
    await settle(permit);
    expect(before).toMatchObject([{ id: permit.id, weight: 1, client: "me" }]);
    expect(await log()).toEqual(before);
  });

  it("that is released is free at once", async () => {
    const { permits, acquire } = await start({ limit: 1 });
    await permits.release(await acquire());
    await acquire();
    expect((await failureOf(acquire()))?.code).toBe("upstream_quota_exceeded");
  });

  it("can be replaced by a new one when the log is full", async () => {
    const { acquire, log } = await start({ limit: 1 });
    const old = await acquire();
    expect((await failureOf(acquire()))?.code).toBe("upstream_quota_exceeded");
    const fresh = await acquire("me", old);
    expect((await log()).map(({ id }) => id)).toEqual([fresh.id]);
  });

  it("that becomes free within the wait limit is booked ahead, one after another", async () => {
    const { acquire, log } = await start({
      limit: 2,
      windowMs: 500,
      maxInFlightMs: 100,
      maxWaitMs: 2_000,
    });
    for (let count = 0; count < 6; count += 1) await acquire();
    // Compare the times in the log, which are Redis's: replies arrive later.
    const scores = (await log()).map(({ score }) => score).sort();
    const [first = 0, , third = 0, fourth = 0, fifth = 0] = scores;
    expect(third - first).toBe(601);
    expect(fifth - third).toBe(601);
    expect(fourth - third).toBeLessThan(100);
  });

  it("is counted once when its script is repeated", async () => {
    const { redis, rule, command, log } = await start({ limit: 1 });
    const limiter = new Ratelimit({
      redis,
      limiter: slidingWindowLog(rule, { id: "the-same", client: "me", reserve: 0 }),
      prefix: "short-interest",
      timeout: 0,
      ephemeralCache: false,
    });
    for (let attempt = 0; attempt < 5; attempt += 1)
      expect((await limiter.limit("permits")).success).toBe(true);
    expect(await log()).toHaveLength(1);
    expect(await limiter.getRemaining("permits")).toMatchObject({ limit: 1, remaining: 0 });
    await limiter.resetUsedTokens("permits");
    expect(await command("EXISTS", PERMIT_LOG)).toBe(0);
  });

  it("stays in the log until its call can have arrived, then expires", async () => {
    const { acquire, command, log } = await start({
      limit: 1,
      windowMs: 300,
      maxInFlightMs: 700,
      maxWaitMs: 0,
    });
    await acquire();
    const [{ score = 0 } = {}] = await log();
    expect(score - Date.now()).toBeGreaterThan(500);
    expect(await command("PTTL", PERMIT_LOG)).toBeGreaterThan(0);
    const began = Date.now();
    await vi.waitFor(() => acquire(), { timeout: 3_000, interval: 20 });
    expect(Date.now() - began).toBeGreaterThan(800);
  });

  it("keeps the log for a window and 5 min after each write", async () => {
    const { permits, acquire, settle, command } = await start({ limit: 6, maxWaitMs: 10_000 });
    const first = await acquire();
    const second = await acquire();
    for (const write of [
      () => permits.acquire({ client: "other", priority: "refresh" }),
      () => settle(first, true),
      () => permits.release(second),
    ]) {
      await command("PEXPIRE", PERMIT_LOG, "1000");
      await write();
      expect(Number(await command("PTTL", PERMIT_LOG))).toBeGreaterThan(HOUR + 295_000);
    }
  });

  it("is refused for a window after OpenD has refused a call", async () => {
    const { permits, acquire } = await start({ windowMs: 30_000 });
    expect(await permits.block()).toBe(30_000);
    const failure = await failureOf(acquire());
    expect(failure?.code).toBe("upstream_quota_exceeded");
    expect(failure?.retryAfterMs).toBeGreaterThan(29_000);
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(30_000);
    expect((await failureOf(permits.assertNotBlocked()))?.code).toBe("upstream_quota_exceeded");
  });

  it("that was to be replaced is released when the replacement fails", async () => {
    const { acquire, fail, log, backgroundDone } = await start();
    const old = await acquire();
    await fail("500");
    expect((await failureOf(acquire("me", old)))?.code).toBe("store_unavailable");
    await fail(null);
    await backgroundDone();
    // A permit that could not be released while Upstash failed expires.
    expect((await log()).length).toBeLessThanOrEqual(1);
  });

  it("is granted when Redis has lost its scripts", async () => {
    // Scripts belong to the whole server.
    const { acquire, command, log } = await start({ ownServer: true });
    await acquire();
    await command("SCRIPT", "FLUSH");
    await acquire();
    expect(await log()).toHaveLength(2);
  });

  it.each(["hang", "401", "500", "HTML", "nonsense"] as const)(
    "is refused with store_unavailable on the Upstash fault %s",
    async (fault) => {
      const { acquire, fail, log, backgroundDone } = await start();
      await acquire();
      await fail(fault);
      const failure = await failureOf(acquire());
      expect(failure?.code).toBe("store_unavailable");
      expect(failure?.message).not.toMatch(/evalsha|redis\.call|WRONGPASS|short-interest:permits/i);
      await fail(null);
      await backgroundDone();
      expect(await log()).toHaveLength(1);
    },
  );

  it("is refused to a client that has used up its share, and granted to another", async () => {
    const { acquire } = await start({ limit: 4, clientShare: 2 });
    await acquire("greedy");
    await acquire("greedy");
    const failure = await failureOf(acquire("greedy"));
    expect(failure?.code).toBe("client_quota_exceeded");
    expect(failure?.retryAfterMs).toBeGreaterThan(HOUR);
    await acquire("second");
    await acquire("third");
    expect((await failureOf(acquire("fourth")))?.code).toBe("upstream_quota_exceeded");
  });

  it("of a wasted call counts twice for its client, and once for the quota", async () => {
    const { acquire, settle, log } = await start({ limit: 4, clientShare: 3 });
    await settle(await acquire("me"), true);
    await settle(await acquire("me"), true);
    expect((await failureOf(acquire("me")))?.code).toBe("client_quota_exceeded");
    expect((await log()).map(({ weight }) => weight)).toEqual([2, 2]);
  });

  it("wasted one at a time by two clients leaves half of the next window to others", async () => {
    const { permits, settle, command } = await start({
      limit: 8,
      clientShare: 8,
      windowMs: 200,
      maxInFlightMs: 0,
    });
    const acquireForNewSymbol = (client: string) => permits.acquire({ client, priority: "new-symbol" });
    for (let round = 0; round < 4; round += 1) {
      for (const client of ["one", "two"]) await settle(await acquireForNewSymbol(client), true);
      await agePermits(command, 300);
    }
    const granted: Permit[] = [];
    for (;;) {
      const permit = await acquireForNewSymbol("one").catch(() => undefined);
      if (!permit) break;
      granted.push(permit);
    }
    expect(granted).toHaveLength(4);
  });

  it("for a new symbol can be booked ahead, even after a wasted call", async () => {
    const { permits, settle } = await start({
      limit: 2,
      windowMs: 500,
      maxInFlightMs: 100,
      maxWaitMs: 2_000,
    });
    const acquire = () => permits.acquire({ client: "me", priority: "new-symbol" });
    await settle(await acquire(), true);
    expect((await acquire()).startsAt).toBeGreaterThan(Date.now() + 100);
  });

  it("that is released is free for its client, too", async () => {
    const { permits, acquire } = await start({ limit: 4, clientShare: 1 });
    await permits.release(await acquire());
    await acquire("me", await acquire());
    expect((await failureOf(acquire()))?.code).toBe("client_quota_exceeded");
  });

  it("for a refresh leaves five permits for missing pages", async () => {
    const { acquire, acquireForRefresh } = await start({ limit: 12 });
    for (let count = 0; count < 7; count += 1) await acquireForRefresh();
    expect((await failureOf(acquireForRefresh()))?.code).toBe("upstream_quota_exceeded");
    for (let count = 0; count < 5; count += 1) await acquire();
    expect((await failureOf(acquire()))?.code).toBe("upstream_quota_exceeded");
  });
});
