import { describe, expect, it, vi } from "vitest";
import { verify } from "../support/verify.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const read = async (response: Response) => response.json<Record<string, unknown>>();
const SYMBOL_STATUS = "short-interest:webhooks:symbol-status";
const POLL_SCHEDULE = "short-interest:webhooks:poll-schedule";

describe("POST /v1/webhooks", () => {
  it("creates a webhook whose receiver accepts a signed test message, and returns its secret once", async () => {
    const service = await startWebhookService();
    const url = `${service.receiver.origin}/hook?x=1`;
    const settings = { url, symbols: ["hk.700", "US.AAPL", "US.aapl"], description: "テスト" };
    const response = await service.request("POST", "", settings);
    expect(response.status).toBe(201);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const { secret, ...webhook } = await read(response);
    expect(webhook).toEqual({
      id: expect.stringMatching(/^wh_[0-9a-f]{32}$/),
      url,
      symbols: ["HK.00700", "US.AAPL"],
      description: "テスト",
      active: true,
      reason: null,
      failing_since: null,
      created_at: expect.any(Number),
    });
    expect(response.headers.get("Location")).toBe(`/v1/webhooks/${webhook.id}`);
    const [message] = await service.testMessages();
    expect(message && verify(message, String(secret))).toMatchObject({
      type: "webhook.test",
      data: { webhook: webhook.id },
    });
    for (const path of ["", `/${webhook.id}`, `/${webhook.id}/deliveries`]) {
      expect(await (await service.request("GET", path)).text()).not.toContain("whsec_");
    }
  });

  it("accepts a secret that the receiver already knows", async () => {
    const service = await startWebhookService();
    const secret = `whsec_${new Uint8Array(32).fill(1).toBase64()}`;
    const response = await service.request("POST", "", {
      url: service.receiver.origin,
      symbols: ["US.A"],
      secret,
    });
    expect((await read(response)).secret).toBe(secret);
    const [message] = await service.testMessages();
    expect(message && verify(message, secret)).toBeTruthy();
  });

  it.each([
    [{ status: 500 }, "with status 500;"],
    [{ status: 302, headers: { Location: "/" } }, "with status 302;"],
    [{ status: 410 }, "with status 410;"],
  ])("refuses a receiver that responds with %j", async (answer, outcome) => {
    const service = await startWebhookService();
    await service.answerAt("/", answer);
    const response = await service.request("POST", "", {
      url: service.receiver.origin,
      symbols: ["US.AAPL"],
    });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      code: "unverified_endpoint",
      parameter: "url",
      detail: expect.stringContaining(outcome),
    });
    expect(await read(await service.request("GET", ""))).toEqual({ items: [] });
    expect(await service.upstash.redis("EXISTS", POLL_SCHEDULE)).toBe(0);
  });

  it("refuses an unreachable receiver, and hides the cause", async () => {
    const service = await startWebhookService({}, { WEBHOOK_TRUSTED_ORIGINS: "http://127.0.0.1:1" });
    const response = await service.request("POST", "", { url: "http://127.0.0.1:1/", symbols: ["US.AAPL"] });
    expect(await response.json()).toMatchObject({
      detail: "The test message got no response (unreachable); the receiver must respond with 2xx",
    });
  });

  it("creates at most 20 webhooks of a key, also in concurrent requests", async () => {
    const service = await startWebhookService();
    let count = 0;
    const create = () => {
      count += 1;
      return service.request("POST", "", {
        url: `${service.receiver.origin}/${count}`,
        symbols: ["US.AAPL"],
      });
    };
    const statuses = (await Promise.all(Array.from({ length: 25 }, create))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 201).length).toBe(20);
    expect(statuses.filter((status) => status === 409).length).toBe(5);
    expect(await (await create()).json()).toMatchObject({ code: "limit_reached" });
    const { items } = await (await service.request("GET", "")).json<{ items: { id: string }[] }>();
    expect(items.length).toBe(20);
    await service.request("DELETE", `/${items[0]?.id}`);
    expect((await create()).status).toBe(201);
    // The limit of another key is separate.
    await service.subscribe("/", ["US.AAPL"], "yours");
  });

  it("returns 429 if a key has sent too many test messages", async () => {
    const limit = async ({ key }: { key: string }) => ({ success: key !== "test messages key:me" });
    const service = await startWebhookService({}, { REQUESTS_PER_CLIENT: { limit } });
    const response = await service.request("POST", "", {
      url: service.receiver.origin,
      symbols: ["US.AAPL"],
    });
    expect(await response.json()).toMatchObject({ status: 429, code: "too_many_requests", retry_after: 60 });
    expect(await service.testMessages()).toEqual([]);
  });
});

describe("/v1/webhooks/{id}", () => {
  it("returns 404 for webhooks of other keys and unknown IDs", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    const other = await service.subscribe("/yours", ["US.TSLA"], "yours");
    const requests = [
      ["GET", ""],
      ["PATCH", "", {}],
      ["DELETE", ""],
      ["POST", "/rotate"],
      ["POST", "/test"],
      ["GET", "/deliveries"],
    ] as const;
    for (const [method, path, body] of requests) {
      for (const unknownId of [id, "wh_00000000000000000000000000000000", "x", "%00", "wh_%20x"]) {
        const response = await service.request(method, `/${unknownId}${path}`, body, "yours");
        expect(await response.json(), `${method} ${path}`).toMatchObject({ status: 404, code: "not_found" });
      }
    }
    const listIds = async (key: string) =>
      (
        await (await service.request("GET", "", undefined, key)).json<{ items: { id: string }[] }>()
      ).items.map(({ id }) => id);
    expect([await listIds("mine"), await listIds("yours")]).toEqual([[id], [other.id]]);
    expect((await service.testMessages()).length).toBe(2);
  });

  it("GET returns the status of its symbols", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", ["HK.00700", "US.NOSUCH", "US.NONE"]);
    const symbolStatus = async () => (await read(await service.request("GET", `/${id}`))).symbol_status;
    const unknown = { newest_timestamp: null, checked_at: null, error: null };
    expect(await symbolStatus()).toEqual([
      { symbol: "HK.00700", ...unknown },
      { symbol: "US.NOSUCH", ...unknown },
      { symbol: "US.NONE", ...unknown },
    ]);
    await service.runPoller();
    expect(await symbolStatus()).toEqual([
      { symbol: "HK.00700", newest_timestamp: 1777478400, checked_at: expect.any(Number), error: null },
      {
        symbol: "US.NOSUCH",
        newest_timestamp: null,
        checked_at: expect.any(Number),
        error: "unknown_symbol",
      },
      { symbol: "US.NONE", newest_timestamp: null, checked_at: expect.any(Number), error: null },
    ]);
  });

  it("PATCH changes the given members, and verifies a new URL", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/a", ["US.AAPL", "US.TSLA"]);
    await service.runPoller();
    const change = (changes: object) => service.request("PATCH", `/${id}`, changes);
    expect(await read(await change({ description: "x" }))).toMatchObject({
      description: "x",
      symbols: ["US.AAPL", "US.TSLA"],
      url: `${service.receiver.origin}/a`,
    });
    expect(await read(await change({ symbols: ["US.TSLA", "HK.2800"] }))).toMatchObject({
      description: "x",
      symbols: ["US.TSLA", "HK.02800"],
    });
    // The status of a remaining symbol is kept, and that of a removed symbol is deleted.
    expect(await service.upstash.redis("HKEYS", SYMBOL_STATUS)).toEqual(["US.TSLA"]);
    expect(await service.upstash.redis("ZRANGE", POLL_SCHEDULE, "0", "-1")).toEqual(["HK.02800", "US.TSLA"]);
    expect((await service.testMessages()).length).toBe(1);
    await service.answerAt("/b", { status: 401 });
    expect((await change({ url: `${service.receiver.origin}/b` })).status).toBe(422);
    expect(await read(await change({}))).toMatchObject({ url: `${service.receiver.origin}/a` });
    await service.answerAt("/b", {});
    expect(await read(await change({ url: `${service.receiver.origin}/b` }))).toMatchObject({
      url: `${service.receiver.origin}/b`,
    });
    expect((await service.testMessages()).map(({ path }) => path)).toEqual(["/a", "/b", "/b"]);
  });

  it("PATCH pauses a webhook, and verifies it when it is resumed", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.runPoller();
    expect(await read(await service.request("PATCH", `/${id}`, { active: false }))).toMatchObject({
      active: false,
      reason: "paused",
    });
    // The symbols of a paused webhook are polled for 14 more days.
    expect(await service.upstash.redis("EXISTS", POLL_SCHEDULE, SYMBOL_STATUS)).toBe(2);
    await service.request("PATCH", `/${id}`, { symbols: ["US.TSLA"] });
    expect(await service.upstash.redis("ZRANGE", POLL_SCHEDULE, "0", "-1")).toEqual(["US.TSLA"]);
    expect(await read(await service.request("PATCH", `/${id}`, { active: true }))).toMatchObject({
      active: true,
      reason: null,
    });
    expect(await service.upstash.redis("ZRANGE", POLL_SCHEDULE, "0", "-1")).toEqual(["US.TSLA"]);
    expect((await service.testMessages()).length).toBe(2);
  });

  it("PATCH keeps the changes of a concurrent request", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/old");
    await service.request("PATCH", `/${id}`, { active: false });
    await service.answerAt("/old", { delayMs: 1_500 });
    const before = (await service.testMessages()).length;
    const resuming = service.request("PATCH", `/${id}`, { active: true });
    await vi.waitFor(async () => expect((await service.testMessages()).length).toBe(before + 1));
    const url = `${service.receiver.origin}/new`;
    expect((await service.request("PATCH", `/${id}`, { url })).status).toBe(200);
    expect(await read(await resuming)).toMatchObject({ url, active: true });
  });

  it("PATCH does not replace the reason of a disabled webhook by paused", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.answerAt("/", { status: 410 });
    await service.publish();
    await service.deliver();
    expect(await read(await service.request("PATCH", `/${id}`, { active: false }))).toMatchObject({
      reason: "gone",
    });
  });

  it("DELETE removes all keys except message bodies, which expire", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", ["US.AAPL", "HK.00700"]);
    await service.answerAt("/", { status: 500 });
    await service.publish();
    await service.deliver();
    expect((await service.request("DELETE", `/${id}`)).status).toBe(204);
    expect((await service.request("GET", `/${id}`)).status).toBe(404);
    await service.pass(3_600_000);
    const left = (await service.upstash.redis("KEYS", "short-interest:webhooks:*")) as string[];
    expect(left.filter((key) => !key.startsWith("short-interest:webhooks:event:"))).toEqual([]);
    for (const key of left) expect(await service.upstash.redis("PTTL", key)).toBeGreaterThan(0);
  });

  it("DELETE during a test message leaves no key", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.answerAt("/", { delayMs: 300 });
    const before = (await service.testMessages()).length;
    const testing = service.request("POST", `/${id}/test`);
    await vi.waitFor(async () => expect((await service.testMessages()).length).toBe(before + 1));
    await service.request("DELETE", `/${id}`);
    await testing;
    expect(await service.upstash.redis("KEYS", "short-interest:webhooks:*")).toEqual([]);
  });

  it("POST test sends a test message, and returns its delivery log entry", async () => {
    const service = await startWebhookService();
    const { id, secret } = await service.subscribe();
    const test = async () => read(await service.request("POST", `/${id}/test`));
    expect(await test()).toMatchObject({
      type: "webhook.test",
      status: 204,
      error: null,
      next_attempt_at: null,
    });
    await service.answerAt("/", { status: 503 });
    expect(await test()).toMatchObject({ status: 503 });
    for (const message of await service.testMessages()) verify(message, secret);
    const { items } = await read(await service.request("GET", `/${id}/deliveries`));
    expect(items).toMatchObject([{ status: 503 }, { status: 204 }, { status: 204 }]);
  });

  it("GET deliveries returns the last 100 attempts", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    for (let count = 0; count < 110; count += 1) await service.request("POST", `/${id}/test`);
    const { items } = await (await service.request("GET", `/${id}/deliveries`)).json<{ items: unknown[] }>();
    expect(items.length).toBe(100);
  });
});
