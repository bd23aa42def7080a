import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type Receiver, startReceiver } from "../stand-ins/receiver.ts";
import { type LocalService, startLocalService } from "../support/local-service.ts";
import { API_KEYS, makeWebhook } from "../support/webhook-maker.ts";

/** A running Worker with the queue and cron of workerd. */

let receiver: Receiver;
let running: LocalService;

beforeAll(async () => {
  receiver = await startReceiver();
  running = await startLocalService(
    { unpublished: 1 },
    { API_KEYS, WEBHOOK_TRUSTED_ORIGINS: receiver.origin },
  );
}, 60_000);

afterAll(async () => {
  await running?.close();
  await receiver?.close();
});

async function subscribe(path: string, symbols: readonly string[]) {
  const response = await makeWebhook(running, receiver.origin + path, symbols);
  expect(response.status).toBe(201);
  return (await response.json()) as { id: string; secret: string };
}

async function runCron(): Promise<void> {
  const response = await fetch(`${running.origin}/cdn-cgi/handler/scheduled`);
  expect(await response.text()).toBe("ok");
}

/** Messages received at a path, without the test message. */
const arrivals = (path: string) =>
  receiver
    .received()
    .filter((message) => message.path === path)
    .slice(1);

it("cron and queue send a new row once, and retry a failed attempt until it succeeds", async () => {
  const good = await subscribe("/good", ["HK.00700"]);
  await subscribe("/bad", ["HK.00700"]);
  receiver.setResponse("/bad", { status: 500 });
  await runCron();
  running.opend.set({ unpublished: 0 });
  // As if an hour had passed and the cached page had expired.
  await running.upstash.redis.call("DEL", "short-interest:page:HK.00700/");
  await running.upstash.redis.call("ZADD", "short-interest:webhooks:poll-schedule", "0", "HK.00700");
  await runCron();

  await vi.waitFor(() => expect([arrivals("/good").length, arrivals("/bad").length]).toEqual([1, 1]), 10_000);
  const [message] = arrivals("/good");
  const headers = message?.headers as Record<string, string>;
  expect(new Webhook(good.secret).verify(message?.body ?? "", headers)).toMatchObject({
    type: "short_interest.published",
    data: { symbol: "HK.00700", row: { timestamp_str: "2026-04-30", aggregated_short: 51480638 } },
  });
  receiver.setResponse("/bad", {});
  // The second attempt follows after five seconds. No third attempt follows.
  await vi.waitFor(() => expect(arrivals("/bad").length).toBe(2), 15_000);
  expect(arrivals("/bad")[1]?.headers["webhook-id"]).toBe(arrivals("/bad")[0]?.headers["webhook-id"]);
  await vi.waitFor(
    async () => expect(await running.upstash.redis.call("ZCARD", "short-interest:webhooks:pending")).toBe(0),
    5_000,
  );
  await runCron();
  expect([arrivals("/good").length, arrivals("/bad").length]).toEqual([1, 2]);
}, 60_000);
