import { expect, it, vi } from "vitest";
import { DEADLINES } from "../../functions/timeout.ts";
import { sha256 } from "../support/sha256.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const KEYS = 50;
const WEBHOOKS_PER_KEY = 20;

it("a new row of 1000 webhooks causes one OpenD call, and a slow receiver delays only its own batch", async () => {
  const names = Array.from({ length: KEYS }, (_, index) => `key${index}`);
  const entries = await Promise.all(names.map(async (name) => `${name}:${await sha256(name)}`));
  const service = await startWebhookService({}, { API_KEYS: entries.join() }, DEADLINES);
  await Promise.all(
    names.map(async (name) => {
      for (let index = 0; index < WEBHOOKS_PER_KEY; index += 1)
        await service.subscribe(`/${name}/${index}`, ["US.AAPL"], name);
    }),
  );
  await service.answerAt("/key7/7", { delayMs: -1 });
  await service.publish();
  expect((await service.opend.stats()).calls).toBe(2);
  expect(service.queue.messages.length).toBe(KEYS * WEBHOOKS_PER_KEY);

  // Every other message arrives while the slow receiver has not answered.
  const delivering = service.deliver();
  const messages = await vi.waitFor(
    async () => {
      const arrived = await service.messages();
      expect(arrived.length).toBe(KEYS * WEBHOOKS_PER_KEY);
      return arrived;
    },
    { timeout: DEADLINES.receiver, interval: 200 },
  );
  expect(new Set(messages.map(({ path }) => path)).size).toBe(KEYS * WEBHOOKS_PER_KEY);
  const arrivedAt = messages.map(({ receivedAt }) => receivedAt);
  expect(Math.max(...arrivedAt) - Math.min(...arrivedAt)).toBeLessThan(DEADLINES.receiver);
  await service.answerAt("/key7/7", {});
  await delivering;
  expect(service.queue.messages.length).toBe(1);
  await service.pass(60_000);
  expect((await service.messages()).length).toBe(KEYS * WEBHOOKS_PER_KEY + 1);
  expect(await service.upstash.redis("ZCARD", "short-interest:webhooks:pending")).toBe(0);
}, 120_000);
