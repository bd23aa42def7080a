import { describe, expect, it, vi } from "vitest";
import { verify } from "../support/verify.ts";
import { arrivals, deliveryLog, getWebhook, startWebhookService } from "../support/webhook-service.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("a published row", () => {
  it("reaches every subscriber of its symbol, signed, and nobody else", async () => {
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
    // For an hour of watching on, nothing comes twice.
    await service.pass(2 * DAY);
    expect((await service.messages()).length).toBe(4);
  });

  it("keeps every digit of its counts", async () => {
    const service = await startWebhookService();
    await service.subscribe("/", ["US.HUGE"]);
    await service.publish();
    await service.pass(MINUTE);
    expect((await arrivals(service))[0]?.body).toContain('"shares_short":9007199254740993,');
  });
});

describe("a webhook", () => {
  it("is sent nothing after its address has become one that nothing is sent to", async () => {
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
  ])("is sent nothing after its address has become that of %s", async (_, url, vars) => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    const key = `short-interest:webhooks:webhook:${id}`;
    await service.upstash.redis("HSET", key, "url", url, "host", "gateway.example");
    await service.publish();
    await service.deliver(vars);
    expect(await deliveryLog(service, id)).toMatchObject([{ status: null, error: "forbidden_url" }]);
  });

  it("waits while its owner has no key, and ends when that lasts", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.publish();
    const yoursAlone = { API_KEYS: service.keys.split(",")[1] };
    await service.deliver(yoursAlone);
    expect(await deliveryLog(service, id)).toMatchObject([
      { status: null, error: "revoked", next_attempt_at: expect.any(Number) },
    ]);
    await service.forward(6_000);
    await service.deliver();
    expect((await arrivals(service)).length).toBe(1);

    const other = await service.subscribe("/other", ["US.TSLA"]);
    await service.publish();
    await service.pass(4 * DAY, yoursAlone);
    expect((await arrivals(service, "/other")).length).toBe(0);
    expect(await getWebhook(service, other.id)).toMatchObject({ active: false, reason: "revoked" });
  });

  it("waits while nobody has a key", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.publish();
    await expect(service.deliver({ API_KEYS: undefined })).resolves.toBe(1);
    expect(await deliveryLog(service, id)).toEqual([]);
    await service.deliver();
    expect((await arrivals(service)).length).toBe(1);
  });

  it("that has moved is sent what its old receiver refuses, and does not end with that one", async () => {
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

  it("that is paused has what was under way after that", async () => {
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

  it("that is slow is not sent a second message by a watch that comes in between", async () => {
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

  it("that answers a test well does not fail any more", async () => {
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

  it("signs with both secrets for a day after a rotation, and then with the new one", async () => {
    const service = await startWebhookService();
    const { id, secret: first } = await service.subscribe();
    const rotate = async () => (await service.request("POST", `/${id}/rotate`)).json<{ secret: string }>();
    const [{ secret: second }, { secret: third }] = [await rotate(), await rotate()];
    expect((await service.request("POST", `/${id}/test`)).status).toBe(200);
    const tested = (await service.testMessages()).at(-1);
    for (const secret of [first, second, third]) expect(tested && verify(tested, secret)).toBeTruthy();
    // The row comes more than a day later.
    await service.publish();
    await service.deliver();
    const [message] = await arrivals(service);
    expect(message && verify(message, third)).toBeTruthy();
    for (const secret of [first, second]) expect(() => message && verify(message, secret)).toThrow();
  });
});

describe("the queue", () => {
  it("may hand out a message twice, at once or later", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await service.publish();
    const twice = () => service.queue.messages.push(...service.queue.messages.map((each) => ({ ...each })));
    twice();
    twice();
    const copies = [...service.queue.messages];
    await service.deliver();
    expect((await arrivals(service)).length).toBe(1);
    service.queue.messages.push(...copies);
    await service.pass(HOUR);
    expect((await arrivals(service)).length).toBe(1);
  });

  it("may lose a message", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await service.publish();
    service.queue.messages = [];
    await service.pass(40 * MINUTE);
    expect((await arrivals(service)).length).toBe(1);
  });

  it("may refuse to take any", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    service.queue.broken = true;
    await service.publish().catch(() => undefined);
    service.queue.broken = false;
    await service.pass(40 * MINUTE);
    expect((await arrivals(service)).length).toBe(1);
  });

  it("sends back what is not a delivery, until it is dead", async () => {
    const service = await startWebhookService();
    service.queue.messages.push({ body: JSON.parse('{"x":1}'), deliverAt: 0, attempts: 1 });
    await service.deliver();
    expect(service.queue.messages).toMatchObject([{ attempts: 2 }]);
  });
});

describe("Upstash", () => {
  it.each(["hang", "500", "HTML", "nonsense"] as const)(
    "may be gone for a minute at any step: %s",
    async (fault) => {
      // Of the deliveries it is asked at the begin and at the end; of the watch, in between as well.
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
