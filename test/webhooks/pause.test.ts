import { describe, expect, it, vi } from "vitest";
import {
  arrivals,
  deliveryLog,
  getWebhook,
  startWebhookService,
  type WebhookService,
} from "../support/webhook-service.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const PENDING = "short-interest:webhooks:pending";
const attemptsKey = (id: string) => `short-interest:webhooks:attempts:${id}`;

const symbols = Array.from({ length: 20 }, (_, index) => `US.T${index}`);

const pause = (service: WebhookService, id: string) => service.request("PATCH", `/${id}`, { active: false });
const resume = async (service: WebhookService, id: string) => {
  const response = await service.request("PATCH", `/${id}`, { active: true });
  expect(response.status).toBe(200);
};
const count = async (service: WebhookService) => (await arrivals(service)).length;

/** A webhook with 20 pending messages. */
async function startWithMessages() {
  const service = await startWebhookService({ unpublished: 1 }, { SUBREQUEST_LIMIT: "10000" });
  const { id } = await service.subscribe("/", symbols);
  const wait = async () => {
    await service.opend.set({ limit: 1_000 });
    await service.forward(MINUTE);
  };
  await service.runPoller({ wait });
  await service.opend.set({ unpublished: 0 });
  await service.forward(25 * HOUR);
  await service.runPoller({ wait });
  expect(service.queue.messages.length).toBe(20);
  return { service, id };
}

describe("20 undelivered messages of a paused webhook", () => {
  it("use no queue operation in a day, and arrive once each after the webhook is resumed", async () => {
    const { service, id } = await startWithMessages();
    await service.answerAt("/", { status: 500 });
    await service.deliver();
    expect(await count(service)).toBe(20);
    await pause(service, id);
    await service.answerAt("/", {});
    // The queue still contains the retries from before the pause.
    await service.forward(MINUTE);
    await service.deliver();
    const before = { ...service.queue.operations };
    await service.pass(DAY);
    expect(service.queue.operations).toEqual(before);
    expect(await service.upstash.redis("ZCARD", PENDING)).toBe(0);

    await resume(service, id);
    await service.pass(HOUR);
    const second = (await arrivals(service)).slice(20);
    expect(second.length).toBe(20);
    expect(new Set(second.map(({ headers }) => headers["webhook-id"])).size).toBe(20);
    expect(await service.upstash.redis("EXISTS", attemptsKey(id), PENDING)).toBe(0);
  });

  it("pass through the queue once if no attempt was made before the pause", async () => {
    const { service, id } = await startWithMessages();
    service.queue.messages = [];
    await pause(service, id);
    const { written } = service.queue.operations;
    await service.pass(2 * DAY);
    expect(service.queue.operations.written - written).toBe(20);
    expect(await count(service)).toBe(0);
    await resume(service, id);
    await service.pass(HOUR);
    expect(await count(service)).toBe(20);
  });

  it("expire 14 days after the pause", async () => {
    const { service, id } = await startWithMessages();
    await service.answerAt("/", { status: 500 });
    await service.deliver();
    await pause(service, id);
    const ttlMs = Number(await service.upstash.redis("PTTL", attemptsKey(id)));
    expect(ttlMs).toBeGreaterThan(14 * DAY - MINUTE);
    expect(ttlMs).toBeLessThanOrEqual(14 * DAY);
    await service.answerAt("/", {});
    await resume(service, id);
    expect(await service.upstash.redis("PTTL", attemptsKey(id))).toBe(-1);
    await pause(service, id);
    const events = (await service.upstash.redis("KEYS", "short-interest:webhooks:event:*")) as string[];
    await service.upstash.redis("DEL", ...events);
    await resume(service, id);
    await service.pass(HOUR);
    expect(await count(service)).toBe(20);
    expect(await service.upstash.redis("EXISTS", attemptsKey(id), PENDING)).toBe(0);
  });
});

describe("a message of a paused webhook", () => {
  it("keeps the time of its next attempt when the webhook is paused and resumed seven times", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.answerAt("/", { status: 503, headers: { "Retry-After": "7200" } });
    await service.publish();
    await service.deliver();
    await service.answerAt("/", {});
    for (let count = 0; count < 7; count += 1) {
      await pause(service, id);
      await resume(service, id);
      await service.pass(15 * MINUTE);
    }
    expect(await count(service)).toBe(1);
    await service.pass(45 * MINUTE);
    expect(await count(service)).toBe(2);
  });

  it.each([
    ["is not sent again if the attempt in flight succeeds", 204, 1],
    ["is sent again if the attempt in flight fails", 500, 2],
  ])("%s", async (_, status, expected) => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.answerAt("/", { status, delayMs: 300 });
    await service.publish();
    const delivering = service.deliver();
    await vi.waitFor(async () => expect(await count(service)).toBe(1));
    await pause(service, id);
    await delivering;
    expect(await deliveryLog(service, id)).toMatchObject([{ status }]);
    expect(await service.upstash.redis("ZCARD", PENDING)).toBe(0);
    await service.answerAt("/", {});
    const { written } = service.queue.operations;
    await service.pass(DAY);
    expect(service.queue.operations.written - written).toBe(0);
    await resume(service, id);
    await service.pass(HOUR);
    expect(await count(service)).toBe(expected);
  });

  it("is held when a 410 to another message disables the webhook", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", ["US.AAPL", "US.TSLA"]);
    await service.answerAt("/", { status: 500 });
    await service.publish();
    const [first, second] = service.queue.messages;
    if (!first || !second) throw new Error("Expected two messages");
    service.queue.messages = [first];
    await service.deliver();
    service.queue.messages = [second];
    await service.answerAt("/", { status: 410, delayMs: 300 });
    const delivering = service.deliver();
    await vi.waitFor(async () => expect(await count(service)).toBe(2));
    await pause(service, id);
    await delivering;
    expect(await getWebhook(service, id)).toMatchObject({ active: false, reason: "gone" });
    expect(await service.upstash.redis("ZCARD", PENDING)).toBe(0);
    const states = await service.upstash.redis("HVALS", attemptsKey(id));
    expect(states).toEqual([expect.stringMatching(/^held /), expect.stringMatching(/^held /)]);
  });
});
