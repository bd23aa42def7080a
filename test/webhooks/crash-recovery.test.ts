import { describe, expect, it } from "vitest";
import { startWebhookService, type WebhookService } from "../support/webhook-service.ts";

const HOUR = 3_600_000;
const PENDING = "short-interest:webhooks:pending";

const arrivals = async (service: WebhookService) =>
  (await service.messages()).map(({ headers, path }) => `${path} ${headers["webhook-id"]}`);

/** Two webhooks, and a row that the next watch will see. */
async function start() {
  const service = await startWebhookService();
  await service.subscribe("/a");
  await service.subscribe("/b", ["US.AAPL"], "yours");
  await service.opend.set({ unpublished: 1 });
  await service.runPoller();
  await service.opend.set({ unpublished: 0 });
  await service.forward(25 * HOUR);
  return service;
}

/** Lets `work` run as a Worker that dies once it has caused `count` things. @returns whether it has died */
async function dying(service: WebhookService, count: number, work: () => Promise<unknown>): Promise<boolean> {
  service.crash.remaining = count;
  await work().catch(() => undefined);
  const died = service.crash.remaining <= 0;
  service.crash.remaining = Number.POSITIVE_INFINITY;
  return died;
}

describe("a Worker that dies", () => {
  it("at any step of the watch leaves each receiver with the row, once", async () => {
    let steps = 0;
    for (; ; steps += 1) {
      const service = await start();
      const died = await dying(service, steps, service.runPoller);
      await service.pass(3 * HOUR);
      const arrived = await arrivals(service);
      expect(arrived.length, `after ${steps} steps`).toBe(2);
      expect(new Set(arrived).size).toBe(2);
      expect(await service.upstash.redis("ZCARD", PENDING)).toBe(0);
      if (!died) break;
    }
    // Due in the outbox, due to look, the old page, a permit, the page kept, what was seen, the outbox again, the queue.
    expect(steps).toBeGreaterThanOrEqual(8);
  }, 120_000);

  it("at any step of a delivery leaves each receiver with the row, once, or again under the same id", async () => {
    let steps = 0;
    for (; ; steps += 1) {
      const service = await start();
      await service.runPoller();
      const died = await dying(service, steps, service.deliver);
      const noted = 2 - Number(await service.upstash.redis("ZCARD", PENDING));
      // Nobody can know that a receiver has answered, if whoever heard it died before telling anybody.
      const unheard = (await arrivals(service)).length - noted;
      await service.pass(3 * HOUR);
      const arrived = await arrivals(service);
      expect(new Set(arrived).size, `after ${steps} steps`).toBe(2);
      expect(arrived.length, `after ${steps} steps`).toBe(2 + unheard);
      expect(await service.upstash.redis("ZCARD", PENDING)).toBe(0);
      if (!died) break;
    }
    // Of each delivery: taken on, sent, noted.
    expect(steps).toBeGreaterThanOrEqual(6);
  }, 120_000);

  it("at any step of a delivery that fails leaves it to be tried again", async () => {
    for (let steps = 0; ; steps += 1) {
      const service = await start();
      await service.answerAt("/a", { status: 500 });
      await service.answerAt("/b", { status: 500 });
      await service.runPoller();
      const died = await dying(service, steps, service.deliver);
      await service.answerAt("/a", {});
      await service.answerAt("/b", {});
      await service.pass(3 * HOUR);
      expect(new Set(await arrivals(service)).size).toBe(2);
      expect(await service.upstash.redis("ZCARD", PENDING)).toBe(0);
      if (!died) break;
    }
  }, 120_000);
});

describe("watches that overlap", () => {
  it("publish a row once", async () => {
    const service = await start();
    await Promise.all(Array.from({ length: 8 }, () => service.runPoller()));
    await service.pass(3 * HOUR);
    expect((await arrivals(service)).length).toBe(2);
  });

  it("publish a row once, also where both have seen it", async () => {
    const service = await start();
    await service.runPoller();
    // Another one that began before it, and has been slow.
    await service.upstash.redis("ZADD", "short-interest:webhooks:poll-schedule", "0", "US.AAPL");
    await Promise.all([service.runPoller(), service.runPoller()]);
    await service.pass(3 * HOUR);
    expect((await arrivals(service)).length).toBe(2);
  });
});

describe("Upstash, gone for a minute", () => {
  it("at any step of the watch costs no receiver the row, and none gets it twice", async () => {
    for (let steps = 0; steps < 10; steps += 1) {
      const service = await start();
      await service.upstash.fail("500", steps);
      await service.runPoller().catch(() => undefined);
      await service.deliver();
      await service.upstash.fail(null);
      await service.pass(3 * HOUR);
      expect((await arrivals(service)).length, `after ${steps} steps`).toBe(2);
    }
  }, 60_000);
});
