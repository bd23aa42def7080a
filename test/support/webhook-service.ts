import { expect } from "vitest";
import { DEADLINES, type Deadlines } from "../../functions/timeout.ts";
import { type JobOptions, runDeliveries, runPoller } from "../../functions/webhooks/jobs.ts";
import type { OpendOptions } from "../stand-ins/opend.ts";
import type { ReceiverResponse } from "../stand-ins/receiver.ts";
import { Clock } from "./data-center.ts";
import { CrashSwitch, countRequestsTo, FakeQueue } from "./fake-queue.ts";
import { PERMIT_LOG } from "./permit-log.ts";
import { startService } from "./service.ts";
import { sha256 } from "./sha256.ts";
import { control } from "./stand-ins.ts";

const MINUTE = 60_000;
const isTestMessage = ({ body }: { readonly body: string }) => body.includes('"webhook.test"');

/** A Worker with webhooks, a queue, a receiver and a clock that tests move forward. API keys: `mine` and `yours`. */
export async function startWebhookService(
  options: OpendOptions = {},
  vars: Record<string, unknown> = {},
  deadlines: Partial<Deadlines> = { receiver: 500, upstash: 500 },
) {
  const clock = new Clock();
  const crash = new CrashSwitch();
  const queue = new FakeQueue(clock, crash);
  const receiver = await control.startReceiver();
  const keys = `me:${await sha256("mine")},you:${await sha256("yours")}`;
  const base = await startService(options, {
    API_KEYS: keys,
    WEBHOOK_QUEUE: queue,
    WEBHOOK_TRUSTED_ORIGINS: receiver.origin,
    WEBHOOK_SECRET_KEY: crypto.getRandomValues(new Uint8Array(32)).toBase64(),
    ...vars,
  });
  for (const origin of [base.env.UPSTASH_REDIS_REST_URL, receiver.origin]) countRequestsTo(origin, crash);
  const jobOptions: JobOptions = {
    now: clock.now,
    wait: async (waitMs) => clock.forward(waitMs),
    deadlines: { ...DEADLINES, ...deadlines },
  };

  /** Moves the clock. Redis runs on real time, so keys that would have expired are deleted. */
  async function forward(durationMs: number): Promise<void> {
    clock.forward(durationMs);
    if (durationMs < MINUTE) return;
    const leases = (await base.upstash.redis("KEYS", "short-interest:lease:*")) as string[];
    await base.upstash.redis("DEL", PERMIT_LOG, ...leases);
  }

  const service = {
    ...base,
    forward,
    keys,
    clock,
    crash,
    queue,
    receiver,
    answerAt: (path: string, answer: ReceiverResponse) =>
      control.setReceiverResponse(receiver.id, path, answer),
    /** Received messages without test messages. */
    messages: async () =>
      (await control.receivedRequests(receiver.id)).filter((message) => !isTestMessage(message)),
    testMessages: async () => (await control.receivedRequests(receiver.id)).filter(isTestMessage),
    /** Sends a request to `/v1/webhooks` with an API key. */
    request(method: string, path: string, body?: unknown, key = "mine") {
      const headers = {
        "X-API-Key": key,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      };
      const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
      return base.get(`/v1/webhooks${path}`, init);
    },
    /** Creates a webhook for this path of the receiver. */
    async subscribe(path = "/", symbols = ["US.AAPL"], key = "mine") {
      const settings = { url: receiver.origin + path, symbols };
      const response = await service.request("POST", "", settings, key);
      expect(response.status, await response.clone().text()).toBe(201);
      return response.json<{ id: string; secret: string }>();
    },
    runPoller: (more: JobOptions = {}) => runPoller(base.env, { ...jobOptions, ...more }),
    /** Delivers due queue messages to a Worker with these changes to its environment. */
    deliver: (envChanges: Record<string, unknown> = {}, more: JobOptions = {}) =>
      queue.deliver((messages) =>
        runDeliveries({ messages }, { ...base.env, ...envChanges }, { ...jobOptions, ...more }),
      ),
    /** Lets time pass, with the poller every 15 min, and deliveries as soon as they are due. */
    async pass(durationMs: number, envChanges: Record<string, unknown> = {}) {
      const end = clock.now() + durationMs;
      for (;;) {
        while ((await service.deliver(envChanges)) > 0);
        const deliveryTimes = queue.messages.map(({ deliverAt }) => deliverAt);
        const next = Math.min(end, clock.now() + 15 * MINUTE, ...deliveryTimes);
        await forward(Math.max(0, next - clock.now()));
        if (clock.now() >= end) break;
        if (next !== end) await service.runPoller();
      }
      while ((await service.deliver(envChanges)) > 0);
    },
    /** Lets the poller record a baseline, and then find a new row of each symbol. */
    async publish() {
      await base.opend.set({ unpublished: 1 });
      await service.runPoller();
      await base.opend.set({ unpublished: 0 });
      // The newest row of the sample data is from April, long overdue: it is polled once a day.
      await forward(25 * 60 * MINUTE);
      await service.runPoller();
    },
  };
  return service;
}

export type WebhookService = Awaited<ReturnType<typeof startWebhookService>>;

/** The delivery log of a webhook without test messages, newest first. */
export const deliveryLog = async (service: WebhookService, id: string) => {
  const response = await service.request("GET", `/${id}/deliveries`);
  const { items } = await response.json<{ items: Record<string, unknown>[] }>();
  return items.filter(({ type }) => type !== "webhook.test");
};
export const getWebhook = async (service: WebhookService, id: string) =>
  (await service.request("GET", `/${id}`)).json<Record<string, unknown>>();
/** Messages that arrived at a path, without test messages. */
export const arrivals = async (service: WebhookService, path = "/") =>
  (await service.messages()).filter((message) => message.path === path);
