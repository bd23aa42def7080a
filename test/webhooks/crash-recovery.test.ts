import { describe, expect, it } from "vitest";
import { startWebhookService, type WebhookService } from "../support/webhook-service.ts";

const HOUR = 3_600_000;
const PENDING = "short-interest:webhooks:pending";

const arrivals = async (service: WebhookService) =>
  (await service.messages()).map(({ headers, path }) => `${path} ${headers["webhook-id"]}`);

/** Two webhooks, and a new row that the next poll finds. */
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

/** Runs `work` in a Worker that crashes after `effects` effects. @returns whether it crashed before the end */
async function crashAfter(
  service: WebhookService,
  effects: number,
  work: () => Promise<unknown>,
): Promise<boolean> {
  service.crash.remaining = effects;
  await work().catch(() => undefined);
  const { hasCrashed } = service.crash;
  service.crash.remaining = Number.POSITIVE_INFINITY;
  return hasCrashed;
}

describe("a Worker that crashes", () => {
  it("at any step of the poller sends the row to each receiver once", async () => {
    let steps = 0;
    for (; ; steps += 1) {
      const service = await start();
      const hasCrashed = await crashAfter(service, steps, service.runPoller);
      await service.pass(3 * HOUR);
      const arrived = await arrivals(service);
      expect(arrived.length, `after ${steps} steps`).toBe(2);
      expect(new Set(arrived).size).toBe(2);
      expect(await service.upstash.redis("ZCARD", PENDING)).toBe(0);
      if (!hasCrashed) break;
    }
    // Claim from outbox and schedule, read the page, acquire a permit, store the page, record the poll, claim, enqueue.
    expect(steps).toBeGreaterThanOrEqual(8);
  }, 120_000);

  it("at any step of a delivery sends the row once, or again with the same webhook-id", async () => {
    let steps = 0;
    for (; ; steps += 1) {
      const service = await start();
      await service.runPoller();
      const hasCrashed = await crashAfter(service, steps, service.deliver);
      const recorded = 2 - Number(await service.upstash.redis("ZCARD", PENDING));
      // A success is lost if the Worker crashes before it records it. The message is then sent again.
      const unrecorded = (await arrivals(service)).length - recorded;
      await service.pass(3 * HOUR);
      const arrived = await arrivals(service);
      expect(new Set(arrived).size, `after ${steps} steps`).toBe(2);
      expect(arrived.length, `after ${steps} steps`).toBe(2 + unrecorded);
      expect(await service.upstash.redis("ZCARD", PENDING)).toBe(0);
      if (!hasCrashed) break;
    }
    // For each delivery: claim, send, complete.
    expect(steps).toBeGreaterThanOrEqual(6);
  }, 120_000);

  it("at any step of a failing delivery leads to a retry", async () => {
    for (let steps = 0; ; steps += 1) {
      const service = await start();
      await service.answerAt("/a", { status: 500 });
      await service.answerAt("/b", { status: 500 });
      await service.runPoller();
      const hasCrashed = await crashAfter(service, steps, service.deliver);
      await service.answerAt("/a", {});
      await service.answerAt("/b", {});
      await service.pass(3 * HOUR);
      expect(new Set(await arrivals(service)).size).toBe(2);
      expect(await service.upstash.redis("ZCARD", PENDING)).toBe(0);
      if (!hasCrashed) break;
    }
  }, 120_000);
});

describe("overlapping poller runs", () => {
  it("send a row once if they start together", async () => {
    const service = await start();
    await Promise.all(Array.from({ length: 8 }, () => service.runPoller()));
    await service.pass(3 * HOUR);
    expect((await arrivals(service)).length).toBe(2);
  });

  it("send a row once if both find it", async () => {
    const service = await start();
    await service.runPoller();
    // As if a slow run had started before.
    await service.upstash.redis("ZADD", "short-interest:webhooks:poll-schedule", "0", "US.AAPL");
    await Promise.all([service.runPoller(), service.runPoller()]);
    await service.pass(3 * HOUR);
    expect((await arrivals(service)).length).toBe(2);
  });
});

describe("an outage of Upstash", () => {
  it("at any step of the poller neither loses nor repeats a message", async () => {
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
