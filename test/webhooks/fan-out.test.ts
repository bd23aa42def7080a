import { expect, it } from "vitest";
import { DEADLINES } from "../../functions/timeout.ts";
import { sha256 } from "../support/keys.ts";
import { startWebhookService } from "../support/webhook-service.ts";

/** 50 keys with 20 webhooks each. */
const KEYS = 50;
const OF_A_KEY = 20;

it("a row for a thousand webhooks is one call and a thousand messages, and who is slow delays its batch alone", async () => {
  const names = Array.from({ length: KEYS }, (_, at) => `key${at}`);
  const entries = await Promise.all(names.map(async (name) => `${name}:${await sha256(name)}`));
  const service = await startWebhookService({}, { API_KEYS: entries.join() }, DEADLINES);
  await Promise.all(
    names.map(async (name) => {
      for (let at = 0; at < OF_A_KEY; at += 1) await service.subscribe(`/${name}/${at}`, ["US.AAPL"], name);
    }),
  );
  await service.answerAt("/key7/7", { delayMs: -1 });
  await service.publish();
  expect((await service.opend.stats()).calls).toBe(2);
  expect(service.queue.messages.length).toBe(KEYS * OF_A_KEY);

  await service.deliver();
  const messages = await service.messages();
  expect(messages.length).toBe(KEYS * OF_A_KEY);
  expect(new Set(messages.map(({ path }) => path)).size).toBe(KEYS * OF_A_KEY);
  // All have arrived before the slow one is given up.
  const arrivedAt = messages.map(({ receivedAt }) => receivedAt);
  expect(Math.max(...arrivedAt) - Math.min(...arrivedAt)).toBeLessThan(DEADLINES.receiver);
  expect(service.queue.messages.length).toBe(1);
  await service.answerAt("/key7/7", {});
  await service.pass(60_000);
  expect((await service.messages()).length).toBe(KEYS * OF_A_KEY + 1);
  expect(await service.upstash.redis("ZCARD", "short-interest:webhooks:pending")).toBe(0);
}, 120_000);
