import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis/cloudflare";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../functions/failure.ts";
import { createPermits } from "../../functions/limit/permits.ts";
import { rollingLog } from "../../functions/limit/rolling-log.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { control } from "../support/stand-ins.ts";

const LOG = "short-interest:opend";
const HOUR = 3_600_000;

async function start({ limit = 3, windowMs = HOUR, holdMs = 6_000, waitMs = 0 } = {}) {
  const upstash = await control.startUpstash();
  const background: Promise<void>[] = [];
  const log = { limit, windowMs, holdMs, waitMs };
  return {
    permits: createPermits(createUpstash(upstash, 1_000), log, (work) => background.push(work)),
    log,
    redis: new Redis({ ...upstash, enableTelemetry: false }),
    command: (name: string, ...args: string[]) => control.redis(upstash.id, name, ...args),
    fail: (fault: Parameters<typeof control.failUpstash>[1]) => control.failUpstash(upstash.id, fault),
    done: () => Promise.all(background),
  };
}

const refusal = (taking: Promise<unknown>) =>
  taking.then(
    () => undefined,
    (failure: Failure) => failure,
  );

describe("a permit", () => {
  it("is granted up to the limit, and then refused with the time until one is free", async () => {
    const { permits } = await start();
    for (let taken = 0; taken < 3; taken += 1) await permits.take();
    const failure = await refusal(permits.take());
    expect(failure?.code).toBe("upstream_quota_exceeded");
    // Unanswered calls may reach OpenD until their hold is over.
    expect(failure?.retryAfterMs).toBeGreaterThan(HOUR + 5_000);
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(HOUR + 6_001);
  });

  it("that was answered counts from its answer", async () => {
    const { permits } = await start({ limit: 1 });
    await permits.settle(await permits.take());
    const failure = await refusal(permits.take());
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(HOUR + 1);
  });

  it("that is settled late never moves further away", async () => {
    const { permits, command } = await start({ limit: 1, holdMs: 1 });
    const permit = await permits.take();
    const before = await command("ZSCORE", LOG, permit.id);
    await permits.settle(permit);
    await permits.settle(permit);
    expect(Number(await command("ZSCORE", LOG, permit.id))).toBeLessThanOrEqual(Number(before) + 1);
    expect(await command("ZCARD", LOG)).toBe(1);
  });

  it("that is given back is free at once", async () => {
    const { permits } = await start({ limit: 1 });
    await permits.giveBack(await permits.take());
    await permits.take();
    expect((await refusal(permits.take()))?.code).toBe("upstream_quota_exceeded");
  });

  it("can be exchanged for a new one when the log is full", async () => {
    const { permits, command } = await start({ limit: 1 });
    const old = await permits.take();
    const fresh = await permits.take(old);
    expect(await command("ZRANGE", LOG, "0", "-1")).toEqual([fresh.id]);
  });

  it("that comes free soon enough is booked ahead, each one in its own turn", async () => {
    const { permits } = await start({ limit: 2, windowMs: 500, holdMs: 100, waitMs: 2_000 });
    const startsAt = [];
    for (let taken = 0; taken < 6; taken += 1) startsAt.push((await permits.take()).startsAt);
    const [first = 0, , third = 0, , fifth = 0] = startsAt;
    expect(third - first).toBeGreaterThanOrEqual(600);
    expect(fifth - third).toBeGreaterThanOrEqual(590);
    expect(fifth - third).toBeLessThan(800);
  });

  it("is counted once when its script is repeated", async () => {
    const { redis, log, command } = await start();
    const limiter = new Ratelimit({
      redis,
      limiter: rollingLog(log, "the same"),
      prefix: "short-interest",
      timeout: 0,
      ephemeralCache: false,
    });
    for (let time = 0; time < 5; time += 1) expect((await limiter.limit("opend")).success).toBe(true);
    expect(await command("ZCARD", LOG)).toBe(1);
    expect(await limiter.getRemaining("opend")).toMatchObject({ limit: 3, remaining: 2 });
    await limiter.resetUsedTokens("opend");
    expect(await command("EXISTS", LOG)).toBe(0);
  });

  it("is not granted while OpenD itself refuses", async () => {
    const { permits } = await start({ windowMs: 30_000 });
    expect(await permits.block()).toBe(30_000);
    const failure = await refusal(permits.take());
    expect(failure?.code).toBe("upstream_quota_exceeded");
    expect(failure?.retryAfterMs).toBeGreaterThan(29_000);
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(30_000);
  });

  it("survives a Redis that has lost its scripts", async () => {
    const { permits, command } = await start();
    await permits.take();
    await command("SCRIPT", "FLUSH");
    await permits.take();
    expect(await command("ZCARD", LOG)).toBe(2);
  });

  it.each(["hang", "401", "500", "HTML", "nonsense"] as const)(
    "is not granted when Upstash answers %s",
    async (fault) => {
      const { permits, fail, command, done } = await start();
      await permits.take();
      await fail(fault);
      const failure = await refusal(permits.take());
      expect(failure?.code).toBe("limiter_unavailable");
      expect(failure?.message).not.toMatch(/evalsha|redis\.call|WRONGPASS|short-interest:opend/i);
      await fail(null);
      await done();
      expect(await command("ZCARD", LOG)).toBe(1);
    },
  );
});
