import { describe, expect, it, vi } from "vitest";
import { verify } from "../support/verify.ts";
import { startWebhookService } from "../support/webhook-service.ts";

const read = async (response: Response) => response.json<Record<string, unknown>>();
const NEWEST = "short-interest:webhooks:symbol-status";
const WATCH = "short-interest:webhooks:poll-schedule";

describe("a new webhook", () => {
  it("is made when its receiver answers a signed test message well, and tells its secret once", async () => {
    const service = await startWebhookService();
    const url = `${service.receiver.origin}/hook?x=1`;
    const wanted = { url, symbols: ["hk.700", "US.AAPL", "US.aapl"], description: "テスト" };
    const response = await service.request("POST", "", wanted);
    expect(response.status).toBe(201);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const { secret, ...made } = await read(response);
    expect(made).toEqual({
      id: expect.stringMatching(/^wh_[0-9a-f]{32}$/),
      url,
      symbols: ["HK.00700", "US.AAPL"],
      description: "テスト",
      active: true,
      reason: null,
      failing_since: null,
      created_at: expect.any(Number),
    });
    expect(response.headers.get("Location")).toBe(`/v1/webhooks/${made.id}`);
    const [message] = await service.testMessages();
    expect(message && verify(message, String(secret))).toMatchObject({
      type: "webhook.test",
      data: { webhook: made.id },
    });
    for (const path of ["", `/${made.id}`, `/${made.id}/deliveries`]) {
      expect(await (await service.request("GET", path)).text()).not.toContain("whsec_");
    }
  });

  it("may have a secret that its receiver knows already", async () => {
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
  ])("is not made where its receiver answers %j", async (answer, what) => {
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
      detail: expect.stringContaining(what),
    });
    expect(await read(await service.request("GET", ""))).toEqual({ items: [] });
    expect(await service.upstash.redis("EXISTS", WATCH)).toBe(0);
  });

  it("is not made where nobody listens, and what stood in the way is not said back", async () => {
    const service = await startWebhookService({}, { WEBHOOK_TRUSTED_ORIGINS: "http://127.0.0.1:1" });
    const response = await service.request("POST", "", { url: "http://127.0.0.1:1/", symbols: ["US.AAPL"] });
    expect(await response.json()).toMatchObject({
      detail: "The test message got no response (unreachable); the receiver must respond with 2xx",
    });
  });

  it("is the twentieth of a key at most, also where many are made at once", async () => {
    const service = await startWebhookService();
    let made = 0;
    const make = () => {
      made += 1;
      return service.request("POST", "", { url: `${service.receiver.origin}/${made}`, symbols: ["US.AAPL"] });
    };
    const statuses = (await Promise.all(Array.from({ length: 25 }, make))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 201).length).toBe(20);
    expect(statuses.filter((status) => status === 409).length).toBe(5);
    expect(await (await make()).json()).toMatchObject({ code: "limit_reached" });
    const { items } = await (await service.request("GET", "")).json<{ items: { id: string }[] }>();
    expect(items.length).toBe(20);
    await service.request("DELETE", `/${items[0]?.id}`);
    expect((await make()).status).toBe(201);
    // Another key has its own twenty.
    await service.subscribe("/", ["US.AAPL"], "yours");
  });

  it("is not made where a key has sent too many test messages", async () => {
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

describe("a webhook", () => {
  it("is seen, changed and deleted by its owner alone", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    const other = await service.subscribe("/yours", ["US.TSLA"], "yours");
    const asks = [
      ["GET", ""],
      ["PATCH", "", {}],
      ["DELETE", ""],
      ["POST", "/rotate"],
      ["POST", "/test"],
      ["GET", "/deliveries"],
    ] as const;
    for (const [method, path, body] of asks) {
      for (const strange of [id, "wh_00000000000000000000000000000000", "x", "%00", "wh_%20x"]) {
        const response = await service.request(method, `/${strange}${path}`, body, "yours");
        expect(await response.json(), `${method} ${path}`).toMatchObject({ status: 404, code: "not_found" });
      }
    }
    const listed = async (key: string) =>
      (
        await (await service.request("GET", "", undefined, key)).json<{ items: { id: string }[] }>()
      ).items.map((each) => each.id);
    expect([await listed("mine"), await listed("yours")]).toEqual([[id], [other.id]]);
    expect((await service.testMessages()).length).toBe(2);
  });

  it("tells what is known of its symbols", async () => {
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

  it("is changed in part, and verified where it is sent to another address", async () => {
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
    // What was seen of a symbol that it goes on with is not forgotten; of the other one it is.
    expect(await service.upstash.redis("HKEYS", NEWEST)).toEqual(["US.TSLA"]);
    expect(await service.upstash.redis("ZRANGE", WATCH, "0", "-1")).toEqual(["HK.02800", "US.TSLA"]);
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

  it("can be paused, and begins again where it is verified", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.runPoller();
    expect(await read(await service.request("PATCH", `/${id}`, { active: false }))).toMatchObject({
      active: false,
      reason: "paused",
    });
    expect(await service.upstash.redis("EXISTS", WATCH, NEWEST)).toBe(0);
    await service.request("PATCH", `/${id}`, { symbols: ["US.TSLA"] });
    expect(await service.upstash.redis("EXISTS", WATCH)).toBe(0);
    expect(await read(await service.request("PATCH", `/${id}`, { active: true }))).toMatchObject({
      active: true,
      reason: null,
    });
    expect(await service.upstash.redis("ZRANGE", WATCH, "0", "-1")).toEqual(["US.TSLA"]);
    expect((await service.testMessages()).length).toBe(2);
  });

  it("is changed by two at once without one undoing the other", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/old");
    await service.request("PATCH", `/${id}`, { active: false });
    await service.answerAt("/old", { delayMs: 300 });
    const before = (await service.testMessages()).length;
    const beginning = service.request("PATCH", `/${id}`, { active: true });
    await vi.waitFor(async () => expect((await service.testMessages()).length).toBe(before + 1));
    const url = `${service.receiver.origin}/new`;
    expect((await service.request("PATCH", `/${id}`, { url })).status).toBe(200);
    expect(await read(await beginning)).toMatchObject({ url, active: true });
  });

  it("that has ended is not said to be paused", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    await service.answerAt("/", { status: 410 });
    await service.publish();
    await service.deliver();
    expect(await read(await service.request("PATCH", `/${id}`, { active: false }))).toMatchObject({
      reason: "gone",
    });
  });

  it("leaves nothing behind when it is deleted", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe("/", ["US.AAPL", "HK.00700"]);
    await service.answerAt("/", { status: 500 });
    await service.publish();
    await service.deliver();
    expect((await service.request("DELETE", `/${id}`)).status).toBe(204);
    expect((await service.request("GET", `/${id}`)).status).toBe(404);
    await service.pass(3_600_000);
    const left = (await service.upstash.redis("KEYS", "short-interest:webhooks:*")) as string[];
    // The messages themselves leave by themselves.
    expect(left.filter((key) => !key.startsWith("short-interest:webhooks:event:"))).toEqual([]);
    for (const key of left) expect(await service.upstash.redis("PTTL", key)).toBeGreaterThan(0);
  });

  it("leaves nothing behind when it is deleted during a test", async () => {
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

  it("is tested when it is wanted, and says how that went", async () => {
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

  it("remembers its last hundred tries", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    for (let time = 0; time < 110; time += 1) await service.request("POST", `/${id}/test`);
    const { items } = await (await service.request("GET", `/${id}/deliveries`)).json<{ items: unknown[] }>();
    expect(items.length).toBe(100);
  });
});
