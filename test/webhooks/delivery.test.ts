import { describe, expect, it, vi } from "vitest";
import { verify } from "../support/verify.ts";
import { arrivals, deliveryLog, getWebhook, startWebhookService } from "../support/webhook-service.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("a published message", () => {
  it("is sent, signed, to the subscribers of its symbol only", async () => {
    const service = await startWebhookService();
    const first = await service.subscribe("/first", ["US.AAPL", "HK.700"]);
    await service.subscribe("/second", ["us.aapl"], "yours");
    await service.subscribe("/third", ["US.TSLA"]);
    await service.publish();
    await service.pass(MINUTE);
    expect((await arrivals(service, "/third")).length).toBe(1);
    const both = await arrivals(service, "/first");
    expect(both.length).toBe(2);
    for (const message of both) {
      expect(message.method).toBe("POST");
      expect(message.headers["content-type"]).toBe("application/json");
      expect(message.body.length).toBeLessThan(20_000);
      expect(verify(message, first.secret)).toEqual(JSON.parse(message.body));
    }
    const second = await arrivals(service, "/second");
    expect(second.length).toBe(1);
    expect(JSON.parse(second[0]?.body ?? "")).toEqual({
      type: "short_interest.published",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      data: {
        symbol: "US.AAPL",
        market: "US",
        row: expect.objectContaining({ timestamp_str: "2026-04-30", shares_short: expect.any(Number) }),
        previous: expect.objectContaining({ timestamp_str: "2026-04-15" }),
      },
    });
    // Later polls send nothing twice.
    await service.pass(2 * DAY);
    expect((await service.messages()).length).toBe(4);
  });

  it("keeps all digits of integers above 2^53", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", ["US.HUGE"]);
    await service.publish();
    await service.pass(MINUTE);
    expect((await arrivals(service))[0]?.body).toContain('"shares_short":9007199254740993,');
  });
});

describe("a delivery", () => {
  it("fails with forbidden_url if the stored URL breaks a rule", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.upstash.redis(
      "HSET",
      `short-interest:webhooks:webhook:${id}`,
      "url",
      "https://127.0.0.1/x",
    );
    await service.publish();
    await service.deliver();
    expect(await deliveryLog(service, id)).toMatchObject([{ status: null, error: "forbidden_url" }]);
  });

  it.each([
    ["OpenD", "https://opend.example/", { OPEND_URL: "wss://opend.example" }],
    ["this service", "https://gateway.example/", {}],
    ["this service with a dot", "https://gateway.example../", {}],
    ["this service by another name", "https://other.example/", { OWN_HOSTS: "other.example" }],
  ])("fails with forbidden_url if the stored URL is that of %s", async (_, url, vars) => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    const key = `short-interest:webhooks:webhook:${id}`;
    await service.upstash.redis("HSET", key, "url", url, "host", "gateway.example");
    await service.publish();
    await service.deliver(vars);
    expect(await deliveryLog(service, id)).toMatchObject([{ status: null, error: "forbidden_url" }]);
  });

  it("is retried while its owner has no key, and then disables the webhook as revoked", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.publish();
    const yoursOnly = { API_KEYS: service.keys.split(",")[1] };
    await service.deliver(yoursOnly);
    expect(await deliveryLog(service, id)).toMatchObject([
      { status: null, error: "revoked", next_attempt_at: expect.any(Number) },
    ]);
    await service.forward(6_000);
    await service.deliver();
    expect((await arrivals(service)).length).toBe(1);

    const other = await service.subscribe("/other", ["US.TSLA"]);
    await service.publish();
    await service.pass(4 * DAY, yoursOnly);
    expect((await arrivals(service, "/other")).length).toBe(0);
    expect(await getWebhook(service, other.id)).toMatchObject({ active: false, reason: "revoked" });
  });

  it("is postponed while API_KEYS is not set", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.publish();
    await expect(service.deliver({ API_KEYS: undefined })).resolves.toBe(1);
    expect(await deliveryLog(service, id)).toEqual([]);
    await service.deliver();
    expect((await arrivals(service)).length).toBe(1);
  });

  it("is sent to the new URL if that changes during the attempt, and a 410 of the old URL does not count", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/old");
    await service.answerAt("/old", { status: 410, delayMs: 300 });
    await service.publish();
    const delivering = service.deliver();
    await vi.waitFor(async () => expect((await arrivals(service, "/old")).length).toBe(1));
    const url = `${service.receiver.origin}/new`;
    expect((await service.request("PATCH", `/${id}`, { url })).status).toBe(200);
    await delivering;
    await service.pass(HOUR);
    expect((await arrivals(service, "/new")).length).toBe(1);
    expect(await getWebhook(service, id)).toMatchObject({ url, active: true, failing_since: null });
  });

  it("is kept while the webhook is paused", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.answerAt("/", { status: 500 });
    await service.publish();
    await service.deliver();
    await service.request("PATCH", `/${id}`, { active: false });
    await service.answerAt("/", {});
    await service.pass(5 * HOUR);
    expect((await arrivals(service)).length).toBe(1);
    await service.request("PATCH", `/${id}`, { active: true });
    await service.pass(HOUR);
    expect((await arrivals(service)).length).toBe(2);
  });

  it("is not repeated by a poller run during a slow attempt", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await service.answerAt("/", { delayMs: 300 });
    await service.publish();
    const delivering = service.deliver();
    await vi.waitFor(async () => expect((await arrivals(service)).length).toBe(1));
    service.clock.forward(9 * MINUTE);
    await service.runPoller();
    await service.deliver();
    await delivering;
    await service.pass(HOUR);
    expect((await arrivals(service)).length).toBe(1);
  });

  it("resets failing_since after a successful test message", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.answerAt("/", { status: 500 });
    await service.publish();
    await service.deliver();
    await service.request("POST", `/${id}/test`);
    expect((await getWebhook(service, id)).failing_since).toEqual(expect.any(Number));
    await service.answerAt("/", {});
    await service.request("POST", `/${id}/test`);
    expect((await getWebhook(service, id)).failing_since).toBeNull();
  });

  it("is signed with old and new secrets for a day after a rotation, then with the new one only", async () => {
    const service = await startWebhookService();
    const { id, secret: first } = await service.subscribe();
    const rotate = async () => (await service.request("POST", `/${id}/rotate`)).json<{ secret: string }>();
    const [{ secret: second }, { secret: third }] = [await rotate(), await rotate()];
    expect((await service.request("POST", `/${id}/test`)).status).toBe(200);
    const tested = (await service.testMessages()).at(-1);
    for (const secret of [first, second, third]) expect(tested && verify(tested, secret)).toBeTruthy();
    // publish() takes more than a day.
    await service.publish();
    await service.deliver();
    const [message] = await arrivals(service);
    expect(message && verify(message, third)).toBeTruthy();
    for (const secret of [first, second]) expect(() => message && verify(message, secret)).toThrow();
  });
});

describe("the delivery queue", () => {
  it("may deliver a job several times, at once or later, without a second attempt", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await service.publish();
    const duplicateAll = () =>
      service.queue.messages.push(...service.queue.messages.map((job) => ({ ...job })));
    duplicateAll();
    duplicateAll();
    const copies = [...service.queue.messages];
    await service.deliver();
    expect((await arrivals(service)).length).toBe(1);
    service.queue.messages.push(...copies);
    await service.pass(HOUR);
    expect((await arrivals(service)).length).toBe(1);
  });

  it("may lose a job: the outbox dispatches it again", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await service.publish();
    service.queue.messages = [];
    await service.pass(40 * MINUTE);
    expect((await arrivals(service)).length).toBe(1);
  });

  it("may refuse jobs: the outbox dispatches them again", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    service.queue.broken = true;
    await service.publish().catch(() => undefined);
    service.queue.broken = false;
    await service.pass(40 * MINUTE);
    expect((await arrivals(service)).length).toBe(1);
  });

  it("retries an invalid job until the queue drops it", async () => {
    const service = await startWebhookService();
    service.queue.messages.push({ body: JSON.parse('{"x":1}'), deliverAt: 0, attempts: 1 });
    await service.deliver();
    expect(service.queue.messages).toMatchObject([{ attempts: 2 }]);
  });
});

describe("an outage of Upstash", () => {
  it.each(["hang", "500", "HTML", "nonsense"] as const)(
    "of a minute (%s) at any step of a delivery neither loses nor repeats a message",
    async (fault) => {
      // A delivery runs one command before the attempt and one after it.
      for (const after of [0, 1]) {
        const service = await startWebhookService();
        await service.subscribe();
        await service.publish();
        await service.upstash.fail(fault, after);
        await service.deliver();
        await service.forward(MINUTE);
        await service.deliver();
        await service.upstash.fail(null);
        await service.pass(HOUR);
        expect((await arrivals(service)).length).toBe(1);
        expect(await service.upstash.redis("ZCARD", "short-interest:webhooks:pending")).toBe(0);
      }
    },
    60_000,
  );
});
