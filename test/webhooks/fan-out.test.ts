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
  const ids = new Map<string, string>();
  await Promise.all(
    names.map(async (name) => {
      for (let index = 0; index < WEBHOOKS_PER_KEY; index += 1) {
        const path = `/${name}/${index}`;
        ids.set(path, (await service.subscribe(path, ["US.AAPL"], name)).id);
      }
    }),
  );
  await service.answerAt("/key7/7", { delayMs: -1 });
  await service.publish();
  expect((await service.opend.stats()).calls).toBe(2);
  expect(service.queue.messages.length).toBe(KEYS * WEBHOOKS_PER_KEY);

  // The slow receiver is the first of its batch. Every other message arrives while the slow receiver has not answered.
  const isSlow = ({ body }: { body: { deliveryId: string } }) =>
    body.deliveryId.includes(ids.get("/key7/7") ?? "unknown");
  service.queue.messages.sort((a, b) => Number(isSlow(b)) - Number(isSlow(a)));
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
