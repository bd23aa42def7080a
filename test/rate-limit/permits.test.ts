import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis/cloudflare";
import { describe, expect, it, vi } from "vitest";
import type { Failure } from "../../functions/errors.ts";
import { createPermits, type Permit } from "../../functions/rate-limit/permits.ts";
import { slidingWindowLog } from "../../functions/rate-limit/sliding-window-log.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { control } from "../support/stand-ins.ts";

const LOG = "short-interest:opend";
const HOUR = 3_600_000;

async function start({
  limit = 3,
  windowMs = HOUR,
  maxInFlightMs = 6_000,
  waitMs = 0,
  clientShare = 30,
} = {}) {
  const upstash = await control.startUpstash();
  const waitUntil: Promise<void>[] = [];
  const log = { limit, windowMs, maxInFlightMs, waitMs, clientShare };
  const connection = createUpstash(upstash, 1_000);
  const permits = createPermits({
    upstash: connection,
    database: upstash.url,
    rule: log,
    waitUntil: (work) => waitUntil.push(work),
    now: Date.now,
  });
  return {
    permits,
    take: (client = "me", instead?: Permit) => permits.acquire({ client, priority: "answer" }, instead),
    refresh: () => permits.acquire({ client: "me", priority: "refresh" }),
    settle: (permit: Permit, wasted = false) => connection.evalAll([permits.settleScript(permit, wasted)]),
    log,
    redis: new Redis({ ...upstash, enableTelemetry: false }),
    command: (name: string, ...args: string[]) => control.redis(upstash.id, name, ...args),
    fail: (fault: Parameters<typeof control.failUpstash>[1]) => control.failUpstash(upstash.id, fault),
    done: () => Promise.all(waitUntil),
  };
}

const refusal = (taking: Promise<unknown>) =>
  taking.then(
    () => undefined,
    (failure: Failure) => failure,
  );

describe("a permit", () => {
  it("is granted up to the limit, and then refused with the time until one is free", async () => {
    const { take } = await start();
    for (let taken = 0; taken < 3; taken += 1) await take();
    const failure = await refusal(take());
    expect(failure?.code).toBe("upstream_quota_exceeded");
    // Calls that are under way are taken to be answered within a second.
    expect(failure?.retryAfterMs).toBeGreaterThan(HOUR);
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(HOUR + 1_001);
  });

  it("that was answered counts from its answer", async () => {
    const { take, settle } = await start({ limit: 1 });
    await settle(await take());
    const failure = await refusal(take());
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(HOUR + 2);
  });

  it("that is settled late never moves further away", async () => {
    const { take, settle, command } = await start({ limit: 1, maxInFlightMs: 1 });
    const permit = await take();
    const before = await command("ZSCORE", LOG, permit.id);
    await settle(permit);
    await settle(permit);
    expect(Number(await command("ZSCORE", LOG, permit.id))).toBeLessThanOrEqual(Number(before) + 1);
    expect(await command("ZCARD", LOG)).toBe(1);
  });

  it("that is given back is free at once", async () => {
    const { permits, take } = await start({ limit: 1 });
    await permits.release(await take());
    await take();
    expect((await refusal(take()))?.code).toBe("upstream_quota_exceeded");
  });

  it("can be exchanged for a new one when the log is full", async () => {
    const { take, command } = await start({ limit: 1 });
    const old = await take();
    expect((await refusal(take()))?.code).toBe("upstream_quota_exceeded");
    const fresh = await take("me", old);
    expect(await command("ZRANGE", LOG, "0", "-1")).toEqual([fresh.id]);
  });

  it("that comes free soon enough is booked ahead, each one in its own turn", async () => {
    const { take, command } = await start({ limit: 2, windowMs: 500, maxInFlightMs: 100, waitMs: 2_000 });
    for (let taken = 0; taken < 6; taken += 1) await take();
    // Read from the log, by Redis's one clock: when a reply arrives is another matter.
    const log = (await command("ZRANGE", LOG, "0", "-1", "WITHSCORES")) as string[];
    const [first = 0, , third = 0, fourth = 0, fifth = 0] = log.filter((_, at) => at % 2 === 1).map(Number);
    expect(third - first).toBe(601);
    expect(fifth - third).toBe(601);
    expect(fourth - third).toBeLessThan(100);
  });

  it("is counted once when its script is repeated", async () => {
    const { redis, log, command } = await start({ limit: 1 });
    const limiter = new Ratelimit({
      redis,
      limiter: slidingWindowLog(log, { id: "the same", clientLog: "short-interest:client:me", reserve: 0 }),
      prefix: "short-interest",
      timeout: 0,
      ephemeralCache: false,
    });
    for (let time = 0; time < 5; time += 1) expect((await limiter.limit("opend")).success).toBe(true);
    expect(await command("ZCARD", LOG)).toBe(1);
    expect(await limiter.getRemaining("opend")).toMatchObject({ limit: 1, remaining: 0 });
    await limiter.resetUsedTokens("opend");
    expect(await command("EXISTS", LOG)).toBe(0);
  });

  it("holds its place until its call can have arrived, and leaves the log by itself", async () => {
    const { take, command } = await start({ limit: 1, windowMs: 300, maxInFlightMs: 700, waitMs: 0 });
    await take();
    const hold = Number(
      await command("ZRANGE", LOG, "0", "-1", "WITHSCORES").then((entry) => (entry as string[])[1]),
    );
    expect(hold - Date.now()).toBeGreaterThan(500);
    expect(await command("PTTL", LOG)).toBeGreaterThan(0);
    const began = Date.now();
    await vi.waitFor(() => take(), { timeout: 3_000, interval: 20 });
    expect(Date.now() - began).toBeGreaterThan(800);
  });

  it("never shortens the life of a log that has a permit booked ahead", async () => {
    const { permits, take, settle, command } = await start({ limit: 6, waitMs: 2 * HOUR, clientShare: 1 });
    const client = "short-interest:client:me";
    const first = await take();
    await take();
    const lives = async () => [Number(await command("PTTL", LOG)), Number(await command("PTTL", client))];
    const before = await lives();
    await permits.acquire({ client: "other", priority: "refresh" });
    await settle(first, true);
    for (const [at, life] of (await lives()).entries()) {
      expect(life).toBeGreaterThan(2 * HOUR);
      expect((before[at] ?? 0) - life).toBeLessThan(1_000);
    }
  });

  it("is not granted while OpenD itself refuses", async () => {
    const { permits, take } = await start({ windowMs: 30_000 });
    expect(await permits.block()).toBe(30_000);
    const failure = await refusal(take());
    expect(failure?.code).toBe("upstream_quota_exceeded");
    expect(failure?.retryAfterMs).toBeGreaterThan(29_000);
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(30_000);
    expect((await refusal(permits.assertNotBlocked()))?.code).toBe("upstream_quota_exceeded");
  });

  it("that was to be exchanged is given back when the exchange fails", async () => {
    const { take, fail, command, done } = await start();
    const old = await take();
    await fail("500");
    expect((await refusal(take("me", old)))?.code).toBe("store_unavailable");
    await fail(null);
    await done();
    // What could not be given back while Upstash was away leaves by itself.
    expect(await command("ZCARD", LOG)).toBeLessThanOrEqual(1);
  });

  it("survives a Redis that has lost its scripts", async () => {
    const { take, command } = await start();
    await take();
    await command("SCRIPT", "FLUSH");
    await take();
    expect(await command("ZCARD", LOG)).toBe(2);
  });

  it.each(["hang", "401", "500", "HTML", "nonsense"] as const)(
    "is not granted when Upstash answers %s",
    async (fault) => {
      const { take, fail, command, done } = await start();
      await take();
      await fail(fault);
      const failure = await refusal(take());
      expect(failure?.code).toBe("store_unavailable");
      expect(failure?.message).not.toMatch(/evalsha|redis\.call|WRONGPASS|short-interest:opend/i);
      await fail(null);
      await done();
      expect(await command("ZCARD", LOG)).toBe(1);
    },
  );

  it("is refused to a client that has had its share, and granted to another", async () => {
    const { take } = await start({ limit: 4, clientShare: 2 });
    await take("greedy");
    await take("greedy");
    const failure = await refusal(take("greedy"));
    expect(failure?.code).toBe("client_quota_exceeded");
    expect(failure?.retryAfterMs).toBeGreaterThan(HOUR);
    await take("modest");
    await take("other");
    expect((await refusal(take("third")))?.code).toBe("upstream_quota_exceeded");
  });

  it("that was asked for in vain counts twice for its client, and once for all", async () => {
    const { take, settle, command } = await start({ limit: 4, clientShare: 3 });
    await settle(await take("guesser"), true);
    await settle(await take("guesser"), true);
    expect((await refusal(take("guesser")))?.code).toBe("client_quota_exceeded");
    expect(await command("ZCARD", LOG)).toBe(2);
  });

  it("that was wasted, one at a time, by two clients leaves half of the window to others", async () => {
    const { permits, settle, command } = await start({
      limit: 8,
      clientShare: 8,
      windowMs: 200,
      maxInFlightMs: 0,
    });
    const takeNew = (client: string) => permits.acquire({ client, priority: "new-symbol" });
    for (let turn = 0; turn < 4; turn += 1) {
      for (const client of ["one", "two"]) await settle(await takeNew(client), true);
      await command("DEL", LOG, "short-interest:client:one", "short-interest:client:two");
    }
    const granted: Permit[] = [];
    for (;;) {
      const permit = await takeNew("one").catch(() => undefined);
      if (!permit) break;
      granted.push(permit);
    }
    expect(granted).toHaveLength(4);
  });

  it("for a new symbol may be booked ahead, also after a wasted call", async () => {
    const { permits, settle } = await start({ limit: 2, windowMs: 500, maxInFlightMs: 100, waitMs: 2_000 });
    const take = () => permits.acquire({ client: "me", priority: "new-symbol" });
    await settle(await take(), true);
    expect((await take()).startsAt).toBeGreaterThan(Date.now() + 100);
  });

  it("that is given back is free for its client, too", async () => {
    const { permits, take } = await start({ limit: 4, clientShare: 1 });
    await permits.release(await take());
    await take("me", await take());
    expect((await refusal(take()))?.code).toBe("client_quota_exceeded");
  });

  it("for a refresh leaves five for callers who have nothing", async () => {
    const { take, refresh } = await start({ limit: 12 });
    for (let taken = 0; taken < 7; taken += 1) await refresh();
    expect((await refusal(refresh()))?.code).toBe("upstream_quota_exceeded");
    for (let taken = 0; taken < 5; taken += 1) await take();
    expect((await refusal(take()))?.code).toBe("upstream_quota_exceeded");
  });
});
