import { describe, expect, it } from "vitest";
import { type PostOffice, startPostOffice } from "../support/post-office.ts";

const HOUR = 3_600_000;
const PENDING = "short-interest:webhooks:pending";

const arrivals = async (office: PostOffice) =>
  (await office.messages()).map(({ headers, path }) => `${path} ${headers["webhook-id"]}`);

/** Two webhooks, and a row that the next watch will see. */
async function start() {
  const office = await startPostOffice();
  await office.subscribe("/a");
  await office.subscribe("/b", ["US.AAPL"], "yours");
  await office.opend.set({ unpublished: 1 });
  await office.runWatch();
  await office.opend.set({ unpublished: 0 });
  await office.forward(25 * HOUR);
  return office;
}

/** Lets `work` run as a Worker that dies once it has caused `count` things. @returns whether it has died */
async function dying(office: PostOffice, count: number, work: () => Promise<unknown>): Promise<boolean> {
  office.life.left = count;
  await work().catch(() => undefined);
  const died = office.life.left <= 0;
  office.life.left = Number.POSITIVE_INFINITY;
  return died;
}

describe("a Worker that dies", () => {
  it("at any step of the watch leaves each receiver with the row, once", async () => {
    let steps = 0;
    for (; ; steps += 1) {
      const office = await start();
      const died = await dying(office, steps, office.runWatch);
      await office.pass(3 * HOUR);
      const arrived = await arrivals(office);
      expect(arrived.length, `after ${steps} steps`).toBe(2);
      expect(new Set(arrived).size).toBe(2);
      expect(await office.upstash.redis("ZCARD", PENDING)).toBe(0);
      if (!died) break;
    }
    // Due in the outbox, due to look, the old page, a permit, the page kept, what was seen, the outbox again, the queue.
    expect(steps).toBeGreaterThanOrEqual(8);
  }, 120_000);

  it("at any step of a delivery leaves each receiver with the row, once, or again under the same id", async () => {
    let steps = 0;
    for (; ; steps += 1) {
      const office = await start();
      await office.runWatch();
      const died = await dying(office, steps, office.deliver);
      const noted = 2 - Number(await office.upstash.redis("ZCARD", PENDING));
      // Nobody can know that a receiver has answered, if whoever heard it died before telling anybody.
      const unheard = (await arrivals(office)).length - noted;
      await office.pass(3 * HOUR);
      const arrived = await arrivals(office);
      expect(new Set(arrived).size, `after ${steps} steps`).toBe(2);
      expect(arrived.length, `after ${steps} steps`).toBe(2 + unheard);
      expect(await office.upstash.redis("ZCARD", PENDING)).toBe(0);
      if (!died) break;
    }
    // Of each delivery: taken on, sent, noted.
    expect(steps).toBeGreaterThanOrEqual(6);
  }, 120_000);

  it("at any step of a delivery that fails leaves it to be tried again", async () => {
    for (let steps = 0; ; steps += 1) {
      const office = await start();
      await office.answerAt("/a", { status: 500 });
      await office.answerAt("/b", { status: 500 });
      await office.runWatch();
      const died = await dying(office, steps, office.deliver);
      await office.answerAt("/a", {});
      await office.answerAt("/b", {});
      await office.pass(3 * HOUR);
      expect(new Set(await arrivals(office)).size).toBe(2);
      expect(await office.upstash.redis("ZCARD", PENDING)).toBe(0);
      if (!died) break;
    }
  }, 120_000);
});

describe("watches that overlap", () => {
  it("publish a row once", async () => {
    const office = await start();
    await Promise.all(Array.from({ length: 8 }, () => office.runWatch()));
    await office.pass(3 * HOUR);
    expect((await arrivals(office)).length).toBe(2);
  });

  it("publish a row once, also where both have seen it", async () => {
    const office = await start();
    await office.runWatch();
    // Another one that began before it, and has been slow.
    await office.upstash.redis("ZADD", "short-interest:webhooks:watch", "0", "US.AAPL");
    await Promise.all([office.runWatch(), office.runWatch()]);
    await office.pass(3 * HOUR);
    expect((await arrivals(office)).length).toBe(2);
  });
});

describe("Upstash, gone for a minute", () => {
  it("at any step of the watch costs no receiver the row, and none gets it twice", async () => {
    for (let steps = 0; steps < 10; steps += 1) {
      const office = await start();
      await office.upstash.fail("500", steps);
      await office.runWatch().catch(() => undefined);
      await office.deliver();
      await office.upstash.fail(null);
      await office.pass(3 * HOUR);
      expect((await arrivals(office)).length, `after ${steps} steps`).toBe(2);
    }
  }, 60_000);
});
