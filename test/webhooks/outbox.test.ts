import { describe, expect, it } from "vitest";
import { createUpstash } from "../../functions/upstash.ts";
import { createOutbox } from "../../functions/webhooks/outbox.ts";
import { createPollSchedule } from "../../functions/webhooks/poll-schedule.ts";
import type { RetryDecision } from "../../functions/webhooks/retry-policy.ts";
import { createSubscriptions } from "../../functions/webhooks/subscriptions.ts";
import { Clock } from "../support/data-center.ts";
import { control } from "../support/stand-ins.ts";

const MINUTE = 60_000;
const URL = "https://example.com/";
/** Published in the future, so that it does not expire. */
const MESSAGE = { id: "msg_1", body: '{"timestamp":"2100-01-01T00:00:00.000Z"}' };
const DELIVERY = "msg_1 wh_1";
const PENDING = "short-interest:webhooks:pending";

const DELIVERED = { outcome: "delivered", retryAt: null, disableReason: null } as const;
const ABANDONED = { outcome: "abandoned", retryAt: null, disableReason: null } as const;

/** A webhook for US.AAPL, whose newest row has the timestamp 100. */
async function start() {
  const upstash = await control.startUpstash();
  const clock = new Clock();
  const connection = createUpstash(upstash, 1_000);
  const subscriptions = createSubscriptions(connection, clock.now);
  const schedule = createPollSchedule(connection, clock.now);
  const settings = { url: URL, symbols: ["US.AAPL"], description: "", host: "x" };
  await subscriptions.create("me", { ...settings, id: "wh_1", createdAt: 1, storedSecrets: ["whsec_"] });
  const recordPoll = (newestTimestamp: bigint | undefined, message?: typeof MESSAGE) =>
    schedule.recordPoll({
      symbol: "US.AAPL",
      newestTimestamp,
      nextPollAt: clock.now() + MINUTE,
      error: "",
      message,
    });
  await recordPoll(100n);
  return {
    clock,
    subscriptions,
    schedule,
    outbox: createOutbox(connection, clock.now),
    recordPoll,
    redis: (name: string, ...args: string[]) => control.redis(upstash.id, name, ...args),
  };
}

/** The same with a pending message. */
async function startWithMessage() {
  const started = await start();
  await started.recordPoll(200n, MESSAGE);
  const claim = async () => {
    const delivery = await started.outbox.claim(DELIVERY);
    if (typeof delivery !== "object") throw new Error(`Not claimed: ${delivery}`);
    return delivery;
  };
  const complete = (token: number, decision: RetryDecision, entry = "{}") =>
    started.outbox.complete(DELIVERY, token, decision, URL, entry);
  const retry = () =>
    ({ outcome: "retry", retryAt: started.clock.now() + 5_000, disableReason: null }) as const;
  return { ...started, claim, complete, retry };
}

describe("Outbox.claimDue", () => {
  it("returns a delivery once, and again after 15 min", async () => {
    const { outbox, recordPoll, clock } = await start();
    await recordPoll(200n, MESSAGE);
    expect(await outbox.claimDue(10)).toEqual([DELIVERY]);
    expect(await outbox.claimDue(10)).toEqual([]);
    clock.forward(14 * MINUTE);
    expect(await outbox.claimDue(10)).toEqual([]);
    clock.forward(2 * MINUTE);
    expect(await outbox.claimDue(10)).toEqual([DELIVERY]);
  });
});

describe("Outbox.claim", () => {
  it("holds a delivery for 10 min", async () => {
    const { outbox, claim, clock } = await startWithMessage();
    const { claimToken } = await claim();
    clock.forward(9 * MINUTE);
    expect(await outbox.claim(DELIVERY)).toBeUndefined();
    expect(await outbox.claimDue(10)).toEqual([]);
    clock.forward(2 * MINUTE);
    expect(await outbox.claimDue(10)).toEqual([DELIVERY]);
    expect((await claim()).claimToken).not.toBe(claimToken);
  });

  it("returns the milliseconds until a delivery is due", async () => {
    const { outbox, claim, complete, retry, clock } = await startWithMessage();
    await complete((await claim()).claimToken, retry());
    const waitMs = await outbox.claim(DELIVERY);
    expect(waitMs).toBeGreaterThan(4_000);
    expect(waitMs).toBeLessThanOrEqual(5_000);
    clock.forward(5_001);
    expect((await claim()).attempts).toBe(1);
  });
});

describe("Outbox.complete", () => {
  it("ignores a failure under an expired claim", async () => {
    const { claim, complete, retry, clock, redis } = await startWithMessage();
    const { claimToken: expired } = await claim();
    clock.forward(11 * MINUTE);
    const { claimToken } = await claim();
    await complete(expired, retry());
    await complete(expired, ABANDONED);
    expect(await redis("ZSCORE", PENDING, DELIVERY)).toBe(String(claimToken));
  });

  it("counts a success under an expired claim, and ignores later results", async () => {
    const { claim, complete, retry, clock, subscriptions, redis } = await startWithMessage();
    const { claimToken: expired } = await claim();
    clock.forward(11 * MINUTE);
    const { claimToken } = await claim();
    await complete(expired, DELIVERED, '"arrived"');
    await complete(claimToken, retry(), '"failed"');
    await complete(expired, DELIVERED, '"again"');
    expect(await redis("ZCARD", PENDING)).toBe(0);
    expect(await subscriptions.deliveryLog("wh_1")).toEqual(['"arrived"']);
  });

  it("leaves no key except the message body after the webhook was removed", async () => {
    const { claim, complete, retry, subscriptions, redis } = await startWithMessage();
    const { claimToken } = await claim();
    await subscriptions.remove("me", "wh_1");
    await complete(claimToken, retry());
    const left = (await redis("KEYS", "short-interest:webhooks:*")) as string[];
    expect(left).toEqual(["short-interest:webhooks:event:msg_1"]);
    expect(await redis("PTTL", left[0] ?? "")).toBeGreaterThan(0);
  });

  it("keeps the last 100 attempts in the delivery log", async () => {
    const { claim, complete, retry, clock, subscriptions } = await startWithMessage();
    for (let count = 0; count < 110; count += 1) {
      await complete((await claim()).claimToken, retry(), String(count));
      clock.forward(6_000);
    }
    const entries = await subscriptions.deliveryLog("wh_1");
    expect([entries.length, entries[0]]).toEqual([100, "109"]);
  });

  it("attempts an abandoned message ten times more if its row is published again", async () => {
    const { claim, complete, redis } = await startWithMessage();
    await complete((await claim()).claimToken, ABANDONED);
    expect(await redis("HVALS", "short-interest:webhooks:attempts:wh_1")).toEqual([
      "held 0 0 2100-01-01T00:00:00.000Z",
    ]);
    await redis("ZADD", PENDING, "0", DELIVERY);
    expect((await claim()).attempts).toBe(0);
  });

  it("deletes held messages that are older than 14 days when a message is abandoned", async () => {
    const { claim, complete, redis, clock } = await startWithMessage();
    const key = "short-interest:webhooks:attempts:wh_1";
    const ages = { msg_old: 15, msg_new: 13 };
    for (const [id, days] of Object.entries(ages)) {
      const published = new Date(clock.now() - days * 24 * 60 * MINUTE).toISOString();
      await redis("HSET", key, id, `held 0 0 ${published}`);
    }
    await complete((await claim()).claimToken, ABANDONED);
    expect(await redis("HKEYS", key)).toContain("msg_new");
    expect(await redis("HKEYS", key)).not.toContain("msg_old");
  });

  it("does not disable a webhook as failing after a success in the meantime", async () => {
    const { claim, complete, subscriptions, recordPoll } = await startWithMessage();
    const failing = { outcome: "abandoned", retryAt: null, disableReason: "failing" } as const;
    await recordPoll(300n, { id: "msg_2", body: "{}" });
    await complete((await claim()).claimToken, failing);
    expect(await subscriptions.find("me", "wh_1")).toMatchObject([
      { reason: null, failingSince: expect.any(Number) },
    ]);
  });
});

describe("PollSchedule.recordPoll", () => {
  it("reschedules a newer row without a message at once", async () => {
    const { recordPoll, redis, schedule, clock } = await start();
    // Another run recorded the baseline after this one claimed the symbol.
    expect(await recordPoll(200n)).toBe(0);
    expect(await redis("HGET", "short-interest:webhooks:symbol-status", "US.AAPL")).toMatch(/^100 /);
    expect(await schedule.claimDue(10)).toMatchObject([{ symbol: "US.AAPL", newestTimestamp: 100n }]);
    expect(await schedule.claimDue(10)).toEqual([]);
    clock.forward(6 * MINUTE);
    expect(await schedule.claimDue(10)).toMatchObject([{ symbol: "US.AAPL" }]);
  });

  it("sends a message for a newer row once", async () => {
    const { recordPoll } = await start();
    expect(await recordPoll(100n, MESSAGE)).toBe(0);
    expect(await recordPoll(50n, MESSAGE)).toBe(0);
    expect(await recordPoll(200n, MESSAGE)).toBe(1);
    expect(await recordPoll(200n, MESSAGE)).toBe(0);
    expect(await recordPoll(undefined)).toBe(0);
    expect(await recordPoll(150n, MESSAGE)).toBe(0);
  });

  it("writes nothing if the symbol has no subscribers", async () => {
    const { recordPoll, subscriptions, redis } = await start();
    await subscriptions.remove("me", "wh_1");
    expect(await recordPoll(200n, MESSAGE)).toBe(0);
    expect(await redis("KEYS", "short-interest:webhooks:*")).toEqual([]);
  });
});
