import { describe, expect, it } from "vitest";
import { createUpstash } from "../../functions/upstash.ts";
import { createOutbox } from "../../functions/webhooks/outbox.ts";
import { createSubscriptions } from "../../functions/webhooks/subscriptions.ts";
import { createWatchlist } from "../../functions/webhooks/watchlist.ts";
import { Clock } from "../support/data-center.ts";
import { control } from "../support/stand-ins.ts";

const MINUTE = 60_000;
const URL = "https://example.com/";
const MESSAGE = { id: "msg_1", body: "{}" };
const DELIVERY = "msg_1 wh_1";
const PENDING = "short-interest:webhooks:pending";

const DELIVERED = { outcome: "delivered", dueAt: null, ends: null } as const;
const GIVEN_UP = { outcome: "given_up", dueAt: null, ends: null } as const;

/** A webhook for US.AAPL, whose newest row is of 100 s. */
async function start() {
  const upstash = await control.startUpstash();
  const clock = new Clock();
  const connection = createUpstash(upstash, 1_000);
  const subscriptions = createSubscriptions(connection, clock.now);
  const watchlist = createWatchlist(connection, clock.now);
  const made = { url: URL, symbols: ["US.AAPL"], description: "", host: "x" };
  await subscriptions.create("me", { ...made, id: "wh_1", createdAt: 1, storedSecrets: ["whsec_"] });
  const saw = (newest: bigint | undefined, message?: typeof MESSAGE) =>
    watchlist.saw({ symbol: "US.AAPL", newest, nextLookAt: clock.now() + MINUTE, problem: "", message });
  await saw(100n);
  return {
    clock,
    subscriptions,
    watchlist,
    outbox: createOutbox(connection, clock.now),
    saw,
    redis: (name: string, ...args: string[]) => control.redis(upstash.id, name, ...args),
  };
}

async function begun() {
  const parts = await start();
  await parts.saw(200n, MESSAGE);
  const begin = async () => {
    const delivery = await parts.outbox.begin(DELIVERY);
    if (typeof delivery !== "object") throw new Error(`It is not to be sent, but ${delivery}`);
    return delivery;
  };
  const end = (claim: number, next: Parameters<typeof parts.outbox.end>[2], entry = "{}") =>
    parts.outbox.end(DELIVERY, claim, next, URL, entry);
  const later = () => ({ outcome: "later", dueAt: parts.clock.now() + 5_000, ends: null }) as const;
  return { ...parts, begin, end, later };
}

describe("what is due", () => {
  it("is given to one, and to another one where that one is not heard of", async () => {
    const { outbox, saw, clock } = await start();
    await saw(200n, MESSAGE);
    expect(await outbox.due(10)).toEqual([DELIVERY]);
    expect(await outbox.due(10)).toEqual([]);
    clock.forward(14 * MINUTE);
    expect(await outbox.due(10)).toEqual([]);
    clock.forward(2 * MINUTE);
    expect(await outbox.due(10)).toEqual([DELIVERY]);
  });
});

describe("a delivery", () => {
  it("is one's own for ten minutes", async () => {
    const { outbox, begin, clock } = await begun();
    const { claim } = await begin();
    clock.forward(9 * MINUTE);
    expect(await outbox.begin(DELIVERY)).toBeUndefined();
    expect(await outbox.due(10)).toEqual([]);
    clock.forward(2 * MINUTE);
    expect(await outbox.due(10)).toEqual([DELIVERY]);
    expect((await begin()).claim).not.toBe(claim);
  });

  it("is not put off by somebody whose time is over", async () => {
    const { begin, end, later, clock, redis } = await begun();
    const { claim: old } = await begin();
    clock.forward(11 * MINUTE);
    const { claim } = await begin();
    await end(old, later());
    await end(old, GIVEN_UP);
    expect(await redis("ZSCORE", PENDING, DELIVERY)).toBe(String(claim));
  });

  it("has arrived also where that is said late, and then nothing else counts", async () => {
    const { begin, end, later, clock, subscriptions, redis } = await begun();
    const { claim: old } = await begin();
    clock.forward(11 * MINUTE);
    const { claim } = await begin();
    await end(old, DELIVERED, '"arrived"');
    await end(claim, later(), '"failed"');
    await end(old, DELIVERED, '"again"');
    expect(await redis("ZCARD", PENDING)).toBe(0);
    expect(await subscriptions.tries("wh_1")).toEqual(['"arrived"']);
  });

  it("that is not due says when it is", async () => {
    const { outbox, begin, end, later, clock } = await begun();
    await end((await begin()).claim, later());
    const waitMs = await outbox.begin(DELIVERY);
    expect(waitMs).toBeGreaterThan(4_000);
    expect(waitMs).toBeLessThanOrEqual(5_000);
    clock.forward(5_001);
    expect((await begin()).tries).toBe(1);
  });

  it("of a webhook that is gone leaves nothing behind", async () => {
    const { begin, end, later, subscriptions, redis } = await begun();
    const { claim } = await begin();
    await subscriptions.remove("me", "wh_1");
    await end(claim, later());
    const left = (await redis("KEYS", "short-interest:webhooks:*")) as string[];
    expect(left).toEqual(["short-interest:webhooks:event:msg_1"]);
    expect(await redis("PTTL", left[0] ?? "")).toBeGreaterThan(0);
  });

  it("is one of the last hundred that are remembered", async () => {
    const { begin, end, later, clock, subscriptions } = await begun();
    for (let time = 0; time < 110; time += 1) {
      await end((await begin()).claim, later(), String(time));
      clock.forward(6_000);
    }
    const tries = await subscriptions.tries("wh_1");
    expect([tries.length, tries[0]]).toEqual([100, "109"]);
  });

  it("does not end a webhook for failing that has answered meanwhile", async () => {
    const { begin, end, subscriptions, saw } = await begun();
    const failing = { outcome: "given_up", dueAt: null, ends: "failing" } as const;
    await saw(300n, { id: "msg_2", body: "{}" });
    await end((await begin()).claim, failing);
    expect(await subscriptions.find("me", "wh_1")).toMatchObject([
      { reason: null, failingSince: expect.any(Number) },
    ]);
  });
});

describe("a row that was seen", () => {
  it("is no news to who has seen no other", async () => {
    const { saw, redis, watchlist, clock } = await start();
    // Somebody else has seen an older one since this one was told that nobody had.
    expect(await saw(200n)).toBe(0);
    expect(await redis("HGET", "short-interest:webhooks:newest", "US.AAPL")).toMatch(/^100 /);
    expect(await watchlist.due(10)).toMatchObject([{ symbol: "US.AAPL", newest: 100n }]);
    expect(await watchlist.due(10)).toEqual([]);
    clock.forward(6 * MINUTE);
    expect(await watchlist.due(10)).toMatchObject([{ symbol: "US.AAPL" }]);
  });

  it("is told of where it is newer, once", async () => {
    const { saw } = await start();
    expect(await saw(100n, MESSAGE)).toBe(0);
    expect(await saw(50n, MESSAGE)).toBe(0);
    expect(await saw(200n, MESSAGE)).toBe(1);
    expect(await saw(200n, MESSAGE)).toBe(0);
    expect(await saw(undefined)).toBe(0);
    expect(await saw(150n, MESSAGE)).toBe(0);
  });

  it("is nobody's where nobody wants the symbol any more", async () => {
    const { saw, subscriptions, redis } = await start();
    await subscriptions.remove("me", "wh_1");
    expect(await saw(200n, MESSAGE)).toBe(0);
    expect(await redis("KEYS", "short-interest:webhooks:*")).toEqual([]);
  });
});
