import { describe, expect, it } from "vitest";
import { createUpstash } from "../../functions/upstash.ts";
import { createOutbox } from "../../functions/webhooks/outbox.ts";
import { createPollSchedule } from "../../functions/webhooks/poll-schedule.ts";
import { createSubscriptions } from "../../functions/webhooks/subscriptions.ts";
import { Clock } from "../support/data-center.ts";
import { control } from "../support/stand-ins.ts";

const MINUTE = 60_000;
const URL = "https://example.com/";
const MESSAGE = { id: "msg_1", body: "{}" };
const DELIVERY = "msg_1 wh_1";
const PENDING = "short-interest:webhooks:pending";

const DELIVERED = { outcome: "delivered", retryAt: null, disableReason: null } as const;
const GIVEN_UP = { outcome: "abandoned", retryAt: null, disableReason: null } as const;

/** A webhook for US.AAPL, whose newest row is of 100 s. */
async function start() {
  const upstash = await control.startUpstash();
  const clock = new Clock();
  const connection = createUpstash(upstash, 1_000);
  const subscriptions = createSubscriptions(connection, clock.now);
  const watchlist = createPollSchedule(connection, clock.now);
  const made = { url: URL, symbols: ["US.AAPL"], description: "", host: "x" };
  await subscriptions.create("me", { ...made, id: "wh_1", createdAt: 1, storedSecrets: ["whsec_"] });
  const recordPoll = (newestTimestamp: bigint | undefined, message?: typeof MESSAGE) =>
    watchlist.recordPoll({
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
    watchlist,
    outbox: createOutbox(connection, clock.now),
    recordPoll,
    redis: (name: string, ...args: string[]) => control.redis(upstash.id, name, ...args),
  };
}

async function begun() {
  const parts = await start();
  await parts.recordPoll(200n, MESSAGE);
  const begin = async () => {
    const delivery = await parts.outbox.claim(DELIVERY);
    if (typeof delivery !== "object") throw new Error(`It is not to be sent, but ${delivery}`);
    return delivery;
  };
  const end = (claim: number, next: Parameters<typeof parts.outbox.complete>[2], entry = "{}") =>
    parts.outbox.complete(DELIVERY, claim, next, URL, entry);
  const later = () =>
    ({ outcome: "retry", retryAt: parts.clock.now() + 5_000, disableReason: null }) as const;
  return { ...parts, begin, end, later };
}

describe("what is due", () => {
  it("is given to one, and to another one where that one is not heard of", async () => {
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

describe("a delivery", () => {
  it("is one's own for ten minutes", async () => {
    const { outbox, begin, clock } = await begun();
    const { claimToken } = await begin();
    clock.forward(9 * MINUTE);
    expect(await outbox.claim(DELIVERY)).toBeUndefined();
    expect(await outbox.claimDue(10)).toEqual([]);
    clock.forward(2 * MINUTE);
    expect(await outbox.claimDue(10)).toEqual([DELIVERY]);
    expect((await begin()).claimToken).not.toBe(claimToken);
  });

  it("is not put off by somebody whose time is over", async () => {
    const { begin, end, later, clock, redis } = await begun();
    const { claimToken: old } = await begin();
    clock.forward(11 * MINUTE);
    const { claimToken } = await begin();
    await end(old, later());
    await end(old, GIVEN_UP);
    expect(await redis("ZSCORE", PENDING, DELIVERY)).toBe(String(claimToken));
  });

  it("has arrived also where that is said late, and then nothing else counts", async () => {
    const { begin, end, later, clock, subscriptions, redis } = await begun();
    const { claimToken: old } = await begin();
    clock.forward(11 * MINUTE);
    const { claimToken } = await begin();
    await end(old, DELIVERED, '"arrived"');
    await end(claimToken, later(), '"failed"');
    await end(old, DELIVERED, '"again"');
    expect(await redis("ZCARD", PENDING)).toBe(0);
    expect(await subscriptions.deliveryLog("wh_1")).toEqual(['"arrived"']);
  });

  it("that is not due says when it is", async () => {
    const { outbox, begin, end, later, clock } = await begun();
    await end((await begin()).claimToken, later());
    const waitMs = await outbox.claim(DELIVERY);
    expect(waitMs).toBeGreaterThan(4_000);
    expect(waitMs).toBeLessThanOrEqual(5_000);
    clock.forward(5_001);
    expect((await begin()).attempts).toBe(1);
  });

  it("of a webhook that is gone leaves nothing behind", async () => {
    const { begin, end, later, subscriptions, redis } = await begun();
    const { claimToken } = await begin();
    await subscriptions.remove("me", "wh_1");
    await end(claimToken, later());
    const left = (await redis("KEYS", "short-interest:webhooks:*")) as string[];
    expect(left).toEqual(["short-interest:webhooks:event:msg_1"]);
    expect(await redis("PTTL", left[0] ?? "")).toBeGreaterThan(0);
  });

  it("is one of the last hundred that are remembered", async () => {
    const { begin, end, later, clock, subscriptions } = await begun();
    for (let time = 0; time < 110; time += 1) {
      await end((await begin()).claimToken, later(), String(time));
      clock.forward(6_000);
    }
    const tries = await subscriptions.deliveryLog("wh_1");
    expect([tries.length, tries[0]]).toEqual([100, "109"]);
  });

  it("does not end a webhook for failing that has answered meanwhile", async () => {
    const { begin, end, subscriptions, recordPoll } = await begun();
    const failing = { outcome: "abandoned", retryAt: null, disableReason: "failing" } as const;
    await recordPoll(300n, { id: "msg_2", body: "{}" });
    await end((await begin()).claimToken, failing);
    expect(await subscriptions.find("me", "wh_1")).toMatchObject([
      { reason: null, failingSince: expect.any(Number) },
    ]);
  });
});

describe("a row that was seen", () => {
  it("is no news to who has seen no other", async () => {
    const { recordPoll, redis, watchlist, clock } = await start();
    // Somebody else has seen an older one since this one was told that nobody had.
    expect(await recordPoll(200n)).toBe(0);
    expect(await redis("HGET", "short-interest:webhooks:symbol-status", "US.AAPL")).toMatch(/^100 /);
    expect(await watchlist.claimDue(10)).toMatchObject([{ symbol: "US.AAPL", newestTimestamp: 100n }]);
    expect(await watchlist.claimDue(10)).toEqual([]);
    clock.forward(6 * MINUTE);
    expect(await watchlist.claimDue(10)).toMatchObject([{ symbol: "US.AAPL" }]);
  });

  it("is told of where it is newer, once", async () => {
    const { recordPoll } = await start();
    expect(await recordPoll(100n, MESSAGE)).toBe(0);
    expect(await recordPoll(50n, MESSAGE)).toBe(0);
    expect(await recordPoll(200n, MESSAGE)).toBe(1);
    expect(await recordPoll(200n, MESSAGE)).toBe(0);
    expect(await recordPoll(undefined)).toBe(0);
    expect(await recordPoll(150n, MESSAGE)).toBe(0);
  });

  it("is nobody's where nobody wants the symbol any more", async () => {
    const { recordPoll, subscriptions, redis } = await start();
    await subscriptions.remove("me", "wh_1");
    expect(await recordPoll(200n, MESSAGE)).toBe(0);
    expect(await redis("KEYS", "short-interest:webhooks:*")).toEqual([]);
  });
});
