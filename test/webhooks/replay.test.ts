import { describe, expect, it, vi } from "vitest";
import { verify } from "../support/verify.ts";
import {
  arrivals,
  getWebhook,
  startWebhookService,
  type WebhookService,
} from "../support/webhook-service.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ROWS = 3;
const PENDING = "short-interest:webhooks:pending";
const POLL_SCHEDULE = "short-interest:webhooks:poll-schedule";
const attemptsKey = (id: string) => `short-interest:webhooks:attempts:${id}`;
const secondsAgo = (ms: number) => Math.floor((Date.now() - ms) / 1_000);

/** A webhook for a symbol whose baseline is recorded, and which has `ROWS` unpublished rows. */
async function start(vars: Record<string, unknown> = {}) {
  const service = await startWebhookService({ unpublished: ROWS }, vars);
  const { id, secret } = await service.subscribe("/", ["HK.00700"]);
  await service.runPoller();
  return { service, id, secret };
}

/** Publishes the next row, and delivers its message. */
async function publishRow(service: WebhookService, unpublished: number): Promise<void> {
  await service.opend.set({ unpublished });
  await service.forward(25 * HOUR);
  await service.runPoller();
  await service.deliver();
}
async function publishAll(service: WebhookService): Promise<void> {
  for (let left = ROWS - 1; left >= 0; left -= 1) await publishRow(service, left);
}

async function setActive(service: WebhookService, id: string, active: boolean): Promise<void> {
  expect((await service.request("PATCH", `/${id}`, { active })).status).toBe(200);
}
const replay = (service: WebhookService, id: string, since: unknown = secondsAgo(DAY), key = "mine") =>
  service.request("POST", `/${id}/replay`, { since }, key);

/** Makes a receiver answer 410 to a row, and lets the other rows be published. */
async function disable(service: WebhookService): Promise<void> {
  await service.answerAt("/", { status: 410 });
  await publishAll(service);
  await service.answerAt("/", {});
}

async function idsOf(service: WebhookService): Promise<string[]> {
  return (await arrivals(service)).map(({ headers }) => String(headers["webhook-id"]));
}

/** Expects each row once, signed, with the ID and body that a webhook has that was never inactive. */
async function expectEachRowOnce(service: WebhookService, secret: string, skipped = 0): Promise<void> {
  const messages = (await arrivals(service)).slice(skipped);
  for (const message of messages) verify(message, secret);
  const received = messages.map(({ headers, body }) => [headers["webhook-id"], body]);
  const others = await arrivals(service, "/other");
  expect(others.length).toBe(ROWS);
  expect(received.toSorted()).toEqual(
    others.map(({ headers, body }) => [headers["webhook-id"], body]).toSorted(),
  );
}

describe("rows that are published during a pause", () => {
  it("arrive once each after the webhook is resumed, signed and with the same IDs", async () => {
    const { service, id, secret } = await start();
    await service.subscribe("/other", ["HK.00700"], "yours");
    await setActive(service, id, false);
    await publishAll(service);
    expect(await idsOf(service)).toEqual([]);
    await setActive(service, id, true);
    await service.pass(HOUR);
    await expectEachRowOnce(service, secret);
    expect(await (await replay(service, id)).json()).toEqual({ messages: 0, has_more: false });
    await service.pass(HOUR);
    expect((await idsOf(service)).length).toBe(ROWS);
    expect(await service.upstash.redis("EXISTS", attemptsKey(id), PENDING)).toBe(0);
  });

  it("are found although no other webhook has the symbol", async () => {
    const { service, id } = await start();
    await setActive(service, id, false);
    await publishAll(service);
    await setActive(service, id, true);
    await service.pass(HOUR);
    expect(new Set(await idsOf(service)).size).toBe(ROWS);
  });

  it("are kept for 14 days: later the symbol is not polled any more", async () => {
    const { service, id } = await start();
    await setActive(service, id, false);
    await service.forward(13 * DAY);
    await service.runPoller();
    const left = ["poll-schedule", "symbol-status", "subscribers:HK.00700"];
    const keys = left.map((name) => `short-interest:webhooks:${name}`);
    expect(await service.upstash.redis("EXISTS", ...keys)).toBe(3);
    await service.forward(2 * DAY);
    await service.runPoller();
    expect(await service.upstash.redis("EXISTS", ...keys)).toBe(0);
    await setActive(service, id, true);
    expect(await service.upstash.redis("ZCARD", POLL_SCHEDULE)).toBe(1);
  });

  it("are not kept after the webhook is deleted", async () => {
    const { service, id } = await start();
    await setActive(service, id, false);
    await publishRow(service, 2);
    expect((await service.request("DELETE", `/${id}`)).status).toBe(204);
    const keys = (await service.upstash.redis("KEYS", "short-interest:webhooks:*")) as string[];
    expect(keys).toEqual([expect.stringContaining(":event:")]);
  });
});

describe("a replay", () => {
  it("sends each row of a disablement once, also if it is requested twice and concurrently", async () => {
    const { service, id, secret } = await start();
    await service.subscribe("/other", ["HK.00700"], "yours");
    await disable(service);
    expect((await idsOf(service)).length).toBe(1);
    expect(await getWebhook(service, id)).toMatchObject({ active: false, reason: "gone" });
    await setActive(service, id, true);
    await service.pass(HOUR);
    expect((await idsOf(service)).length).toBe(1);
    const replays = await Promise.all([1, 2, 3].map(() => replay(service, id)));
    expect(replays.map(({ status }) => status)).toEqual([202, 202, 202]);
    const counts = await Promise.all(replays.map((response) => response.json<{ messages: number }>()));
    expect(counts.map(({ messages }) => messages).toSorted()).toEqual([0, 0, ROWS]);
    await service.deliver();
    await expectEachRowOnce(service, secret, 1);
    await replay(service, id);
    await service.pass(DAY);
    await expectEachRowOnce(service, secret, 1);
    expect(await service.upstash.redis("EXISTS", attemptsKey(id), PENDING)).toBe(0);
  });

  it("sends only messages since the requested time", async () => {
    const { service, id } = await start();
    await disable(service);
    await setActive(service, id, true);
    const ids = (await service.upstash.redis("HKEYS", attemptsKey(id))) as string[];
    for (const [index, message] of ids.entries()) {
      const published = new Date(Date.now() - (index === 0 ? 3 : 1) * DAY).toISOString();
      await service.upstash.redis("HSET", attemptsKey(id), message, `held 0 0 ${published}`);
    }
    const counts = [];
    for (const days of [2, 4]) counts.push(await (await replay(service, id, secondsAgo(days * DAY))).json());
    expect(counts).toMatchObject([{ messages: ROWS - 1 }, { messages: 1 }]);
  });

  it("sends an abandoned message again", async () => {
    const { service, id } = await start();
    await service.answerAt("/", { status: 500 });
    await publishRow(service, 2);
    await service.pass(4 * DAY);
    expect((await idsOf(service)).length).toBe(10);
    await service.answerAt("/", {});
    await replay(service, id);
    await service.pass(DAY);
    const ids = await idsOf(service);
    expect([ids.length, new Set(ids).size]).toEqual([11, 1]);
  });

  it("sends nothing to a webhook that is paused before the delivery, until it is resumed", async () => {
    const { service, id, secret } = await start();
    await service.subscribe("/other", ["HK.00700"], "yours");
    await disable(service);
    await setActive(service, id, true);
    await replay(service, id);
    await setActive(service, id, false);
    await service.pass(HOUR);
    expect((await idsOf(service)).length).toBe(1);
    await setActive(service, id, true);
    await service.pass(HOUR);
    await expectEachRowOnce(service, secret, 1);
  });

  it("is dispatched by the poller if the queue fails", async () => {
    const { service, id } = await start();
    await disable(service);
    await setActive(service, id, true);
    const sendBatch = vi.spyOn(service.queue, "sendBatch").mockRejectedValueOnce(new Error("queue"));
    expect((await replay(service, id)).status).toBe(202);
    expect(sendBatch).toHaveBeenCalledOnce();
    await service.pass(HOUR);
    expect((await idsOf(service)).length).toBe(1 + ROWS);
  });

  it("deletes held messages that are older than 14 days", async () => {
    const { service, id } = await start();
    await disable(service);
    await setActive(service, id, true);
    const old = `held 0 0 ${new Date(Date.now() - 15 * DAY).toISOString()}`;
    await service.upstash.redis("HSET", attemptsKey(id), "msg_old", old);
    expect(await (await replay(service, id)).json()).toEqual({ messages: ROWS, has_more: false });
    expect(await service.upstash.redis("HEXISTS", attemptsKey(id), "msg_old")).toBe(0);
  });

  it("sends at most 500 messages, the oldest first", async () => {
    const { service, id } = await start();
    const states = Array.from({ length: 501 }, (_, index) => {
      const published = new Date(Date.now() - HOUR + index).toISOString();
      return [`msg_${index}`, `held 0 0 ${published}`];
    });
    await service.upstash.redis("HSET", attemptsKey(id), ...states.toReversed().flat());
    expect(await (await replay(service, id)).json()).toEqual({ messages: 500, has_more: true });
    expect(await service.upstash.redis("HGET", attemptsKey(id), "msg_500")).toMatch(/^held /);
    expect(await (await replay(service, id)).json()).toEqual({ messages: 1, has_more: false });
  });

  it.each([
    ["a time in the future", () => secondsAgo(-MINUTE), 400, "invalid_parameter"],
    ["a time more than 14 days ago", () => secondsAgo(14 * DAY + MINUTE), 400, "invalid_parameter"],
    ["text", () => "2026-05-08T09:00:00Z", 400, "invalid_parameter"],
    ["no time", () => undefined, 400, "invalid_parameter"],
  ])("is refused with %s", async (_, since, status, code) => {
    const { service, id } = await start();
    const response = await replay(service, id, since() ?? null);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code, parameter: "since" });
  });

  it("is refused for an inactive webhook and for the webhook of another key", async () => {
    const { service, id } = await start();
    expect((await replay(service, id, undefined, "yours")).status).toBe(404);
    await setActive(service, id, false);
    const response = await replay(service, id);
    expect([response.status, await response.json()]).toMatchObject([409, { code: "inactive_webhook" }]);
  });

  it("is limited for each key", async () => {
    const counted: string[] = [];
    const limiter = {
      limit: async ({ key }: { readonly key: string }) => {
        counted.push(key);
        return { success: !key.startsWith("replays") };
      },
    };
    const { service, id } = await start({ REQUESTS_PER_CLIENT: limiter });
    expect((await replay(service, id)).status).toBe(429);
    expect(counted).toContain("replays key:me");
  });
});
