import { describe, expect, it, vi } from "vitest";
import { control } from "../support/stand-ins.ts";
import { verify } from "../support/verify.ts";
import { arrivals, deliveryLog, getWebhook, startWebhookService } from "../support/webhook-service.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("a message", () => {
  it("is retried by the schedule with the same webhook-id until an attempt succeeds", async () => {
    const service = await startWebhookService();
    const { id, secret } = await service.subscribe();
    await service.answerAt("/", { status: 500 });
    await service.publish();
    await service.pass(20 * HOUR);
    await service.answerAt("/", {});
    await service.pass(2 * DAY);
    const messages = await arrivals(service);
    expect(new Set(messages.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(messages.map(({ body }) => body)).size).toBe(1);
    const sentAt = messages.map(({ headers }) => Number(headers["webhook-timestamp"]));
    const delays = sentAt.slice(1).map((time, previous) => time - (sentAt[previous] ?? 0));
    for (const [index, delay] of [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400].entries()) {
      expect(delays[index]).toBeGreaterThanOrEqual(delay);
      expect(delays[index]).toBeLessThanOrEqual(1.1 * delay + 2);
    }
    expect(delays.length).toBe(7);
    for (const message of messages) verify(message, secret);
    const entries = await deliveryLog(service, id);
    expect(entries.map(({ status }) => status)).toEqual([204, 500, 500, 500, 500, 500, 500, 500]);
    expect(entries[0]).toEqual({
      id: messages[0]?.headers["webhook-id"],
      type: "short_interest.published",
      symbol: "US.AAPL",
      attempted_at: sentAt.at(-1),
      status: 204,
      error: null,
      duration_ms: expect.any(Number),
      next_attempt_at: null,
    });
    expect(entries[1]?.next_attempt_at).toBeGreaterThanOrEqual(Number(entries[1]?.attempted_at) + 50_400);
    expect(await getWebhook(service, id)).toMatchObject({ active: true, failing_since: null });
  });

  it.each([
    ["a redirect", { status: 302, headers: { Location: "/elsewhere" } }, 302, null],
    ["a timeout", { delayMs: -1 }, null, "timeout"],
  ])("counts as failed after %s", async (_, answer, status, error) => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.answerAt("/", answer);
    await service.publish();
    await service.deliver();
    expect((await arrivals(service, "/elsewhere")).length).toBe(0);
    expect(await deliveryLog(service, id)).toMatchObject([
      { status, error, next_attempt_at: expect.any(Number) },
    ]);
    expect(await getWebhook(service, id)).toMatchObject({ failing_since: expect.any(Number) });
  });

  it("counts as delivered if the response body never ends", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.answerAt("/", { status: 200, endless: true });
    await service.publish();
    await service.deliver();
    expect(await deliveryLog(service, id)).toMatchObject([
      { status: 200, error: null, next_attempt_at: null },
    ]);
    // The body is cancelled.
    await vi.waitFor(async () => expect(await control.openEndlessResponses(service.receiver.id)).toBe(0));
  });

  it("is retried after the receiver's Retry-After", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await service.answerAt("/", { status: 503, headers: { "Retry-After": "3600" } });
    await service.publish();
    await service.deliver();
    await service.answerAt("/", {});
    await service.pass(59 * MINUTE);
    expect((await arrivals(service)).length).toBe(1);
    await service.pass(2 * MINUTE);
    expect((await arrivals(service)).length).toBe(2);
  });

  it("disables the webhook after a 410, which holds its other messages", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", ["US.AAPL", "US.TSLA"]);
    await service.answerAt("/", { status: 410 });
    await service.publish();
    await service.pass(2 * DAY);
    expect((await arrivals(service)).length).toBeLessThanOrEqual(2);
    expect(await getWebhook(service, id)).toMatchObject({ active: false, reason: "gone" });
    expect(await service.upstash.redis("ZCARD", "short-interest:webhooks:pending")).toBe(0);
    expect(await service.upstash.redis("HLEN", `short-interest:webhooks:attempts:${id}`)).toBe(2);
    expect(await service.upstash.redis("ZCARD", "short-interest:webhooks:poll-schedule")).toBe(2);
  });

  it("is abandoned after ten attempts, and five days of failures disable the webhook", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", ["HK.00700"]);
    await service.answerAt("/", { status: 500 });
    await service.publish();
    await service.pass(4 * DAY);
    expect((await arrivals(service)).length).toBe(10);
    // The queue drops messages after a day.
    expect(service.queue.longestDelay).toBe(12 * 3_600);
    expect(await service.upstash.redis("ZCARD", "short-interest:webhooks:pending")).toBe(0);
    expect(await service.upstash.redis("HVALS", `short-interest:webhooks:attempts:${id}`)).toEqual([
      expect.stringMatching(/^held 0 0 \S+Z$/),
    ]);
    expect(await getWebhook(service, id)).toMatchObject({ active: true, reason: null });
    // A new row is attempted until five days after the first failure.
    await service.upstash.redis("HSET", "short-interest:webhooks:symbol-status", "HK.00700", "1776960000 0 ");
    await service.pass(2 * DAY);
    expect((await arrivals(service)).length).toBe(18);
    const disabled = await getWebhook(service, id);
    expect(disabled).toMatchObject({ active: false, reason: "failing", failing_since: expect.any(Number) });
    // Resuming the webhook sends a test message.
    expect((await service.request("PATCH", `/${id}`, { active: true })).status).toBe(422);
    await service.answerAt("/", {});
    expect(await (await service.request("PATCH", `/${id}`, { active: true })).json()).toMatchObject({
      active: true,
      reason: null,
      failing_since: null,
    });
  }, 60_000);
});
