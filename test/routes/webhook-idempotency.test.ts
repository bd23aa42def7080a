import { describe, expect, it, vi } from "vitest";
import { startWebhookService, type WebhookService } from "../support/webhook-service.ts";

const KEYS = "short-interest:webhooks:idempotency:key:me";
const DAY = 24 * 3_600_000;

function create(
  service: WebhookService,
  idempotencyKey: string,
  { path = "/", symbols = ["US.AAPL"], key = "mine" } = {},
) {
  const headers = {
    "X-API-Key": key,
    "Content-Type": "application/json",
    "Idempotency-Key": idempotencyKey,
  };
  const body = JSON.stringify({ url: service.receiver.origin + path, symbols });
  return service.get("/v1/webhooks", { method: "POST", headers, body });
}
const webhooks = async (service: WebhookService, key?: string) => {
  const response = await service.request("GET", "", undefined, key);
  return (await response.json<{ items: { id: string }[] }>()).items;
};

describe("a repeated creation with the same Idempotency-Key", () => {
  it("gets the first response with the secret, and sends no second test message", async () => {
    const service = await startWebhookService();
    const first = await create(service, "one");
    const second = await create(service, "one");
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(first.headers.get("Idempotent-Replayed")).toBeNull();
    expect(second.headers.get("Idempotent-Replayed")).toBe("true");
    expect(second.headers.get("Location")).toBe(first.headers.get("Location"));
    const record = await first.json<{ secret: string }>();
    expect(record.secret).toMatch(/^whsec_/);
    expect(await second.json()).toEqual(record);
    expect((await service.testMessages()).length).toBe(1);
    expect((await webhooks(service)).length).toBe(1);
  });

  it("gets the first response after the first answer was lost", async () => {
    const service = await startWebhookService();
    await create(service, "one");
    const stored = String(await service.upstash.redis("HVALS", KEYS));
    expect(stored).not.toContain("whsec_");
    expect(stored).not.toContain(service.receiver.origin);
    expect((await create(service, "one")).status).toBe(201);
  });

  it("is refused with another body", async () => {
    const service = await startWebhookService();
    await create(service, "one");
    const response = await create(service, "one", { symbols: ["US.TSLA"] });
    expect([response.status, await response.json()]).toMatchObject([
      422,
      { code: "idempotency_key_reused", parameter: "Idempotency-Key" },
    ]);
  });

  it("is refused while the first request is in progress", async () => {
    const service = await startWebhookService();
    await service.answerAt("/", { delayMs: 300 });
    const first = create(service, "one");
    await vi.waitFor(async () => expect((await service.testMessages()).length).toBe(1));
    const second = await create(service, "one");
    expect([second.status, await second.json()]).toMatchObject([409, { code: "idempotency_key_in_use" }]);
    expect(second.headers.get("Retry-After")).toBe("1");
    expect((await first).status).toBe(201);
    expect((await create(service, "one")).status).toBe(201);
  });

  it("is executed again if the first request failed", async () => {
    const service = await startWebhookService();
    await service.answerAt("/", { status: 500 });
    expect((await create(service, "one")).status).toBe(422);
    expect(await service.upstash.redis("EXISTS", KEYS)).toBe(0);
    await service.answerAt("/", {});
    expect((await create(service, "one")).status).toBe(201);
  });

  it("is executed again after 24 h, and a minute after a request that was lost", async () => {
    const service = await startWebhookService();
    await create(service, "one");
    const ttlMs = Number(await service.upstash.redis("PTTL", KEYS));
    expect(ttlMs).toBeGreaterThan(DAY - 1_000);
    expect(ttlMs).toBeLessThanOrEqual(DAY + 60_000);
    await create(service, "two", { path: "/two" });
    const fields = (await service.upstash.redis("HKEYS", KEYS)) as string[];
    for (const field of fields) {
      const [expiry, ...rest] = String(await service.upstash.redis("HGET", KEYS, field)).split(" ");
      expect(Number(expiry)).toBeGreaterThan(Date.now() + DAY - 10_000);
      await service.upstash.redis("HSET", KEYS, field, [String(Date.now()), ...rest].join(" "));
    }
    const response = await create(service, "one");
    expect([response.status, await response.json()]).toMatchObject([409, { code: "duplicate_webhook" }]);
    expect(await service.upstash.redis("EXISTS", KEYS)).toBe(0);
  });

  it("does not see the keys of another API key", async () => {
    const service = await startWebhookService();
    await create(service, "one");
    const response = await create(service, "one", { key: "yours" });
    expect([response.status, response.headers.get("Idempotent-Replayed")]).toEqual([201, null]);
    expect((await webhooks(service, "yours")).length).toBe(1);
  });
});

describe("concurrent creations with the same Idempotency-Key", () => {
  it("create one webhook", async () => {
    const service = await startWebhookService();
    const responses = await Promise.all([1, 2, 3, 4].map(() => create(service, "one")));
    const statuses = responses.map(({ status }) => status);
    expect(statuses).toContain(201);
    expect(statuses.every((status) => status === 201 || status === 409)).toBe(true);
    expect((await webhooks(service)).length).toBe(1);
    expect((await service.testMessages()).length).toBe(1);
  });
});

describe("Idempotency-Key", () => {
  it.each([["€"], ["x".repeat(256)], [""]])("is refused as %j", async (key) => {
    const service = await startWebhookService();
    const encoded = key === "€" ? "\u00ff" : key;
    const response = await create(service, encoded);
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { code: "invalid_parameter", parameter: "Idempotency-Key" },
    ]);
  });

  it("is remembered for 50 requests at a time", async () => {
    const service = await startWebhookService();
    const entries = Array.from({ length: 50 }, (_, index) => [`f${index}`, `${Date.now() + DAY} x y`]);
    await service.upstash.redis("HSET", KEYS, ...entries.flat());
    const refused = await create(service, "one");
    expect([refused.status, await refused.json()]).toMatchObject([409, { code: "limit_reached" }]);
    await service.upstash.redis("HSET", KEYS, "f0", `${Date.now() - 1} x y`);
    expect((await create(service, "one")).status).toBe(201);
    expect(await service.upstash.redis("HLEN", KEYS)).toBe(50);
  });
});
