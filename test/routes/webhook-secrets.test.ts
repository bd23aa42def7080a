import { describe, expect, it } from "vitest";
import { verify } from "../support/verify.ts";
import {
  arrivals,
  deliveryLog,
  startWebhookService,
  type WebhookService,
} from "../support/webhook-service.ts";

const read = async (response: Response) => response.json<Record<string, unknown>>();
const keyOf = (id: string) => `short-interest:webhooks:webhook:${id}`;
const newKey = () => crypto.getRandomValues(new Uint8Array(32)).toBase64();
const rotate = async (service: WebhookService, id: string, body: object = {}) =>
  read(await service.request("POST", `/${id}/rotate`, body));
/** Sends a test message, and returns it as received. */
async function sendTest(service: WebhookService, id: string) {
  expect((await service.request("POST", `/${id}/test`)).status).toBe(200);
  const message = (await service.testMessages()).at(-1);
  if (!message) throw new Error("No test message was received");
  return message;
}

describe("POST /v1/webhooks/{id}/rotate with revoke", () => {
  it("removes all older secrets at once", async () => {
    const service = await startWebhookService();
    const { id, secret: first } = await service.subscribe();
    const { secret: second } = await rotate(service, id);
    const revoked = await rotate(service, id, { revoke: true });
    expect(revoked).toEqual({ id, secret: expect.stringMatching(/^whsec_/), old_secrets_expire_at: null });
    const message = await sendTest(service, id);
    expect(message.headers["webhook-signature"]).not.toContain(" ");
    expect(verify(message, String(revoked.secret))).toBeTruthy();
    for (const secret of [first, String(second)]) expect(() => verify(message, secret)).toThrow();
  });

  it("applies to the retry of a message that was first signed with an older secret", async () => {
    const service = await startWebhookService();
    const { id, secret: first } = await service.subscribe();
    await service.answerAt("/", { status: 500 });
    await service.publish();
    await service.deliver();
    const { secret } = await rotate(service, id, { revoke: true });
    await service.answerAt("/", {});
    await service.pass(60_000);
    const [before, after] = await arrivals(service);
    if (!before || !after) throw new Error("The message was not sent twice");
    verify(before, first);
    verify(after, String(secret));
    expect(() => verify(after, first)).toThrow();
  });

  it("accepts a secret of the caller, and is not limited by the number of secrets", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    for (let count = 0; count < 3; count += 1) await rotate(service, id);
    expect(await rotate(service, id)).toMatchObject({ code: "limit_reached" });
    expect(await rotate(service, id, { revoke: false })).toMatchObject({ code: "limit_reached" });
    const secret = `whsec_${new Uint8Array(32).fill(7).toBase64()}`;
    expect(await rotate(service, id, { secret, revoke: true })).toMatchObject({ secret });
    expect(await rotate(service, id)).toMatchObject({ old_secrets_expire_at: expect.any(Number) });
    verify(await sendTest(service, id), secret);
  });

  it.each([["true"], [1], [null]])("refuses revoke: %j", async (revoke) => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    expect(await rotate(service, id, { revoke })).toMatchObject({
      status: 400,
      code: "invalid_parameter",
      parameter: "revoke",
    });
  });
});

describe("signing secrets in Redis", () => {
  it("are encrypted after creation and after rotations", async () => {
    const service = await startWebhookService();
    const { id, secret } = await service.subscribe();
    const rotated = [await rotate(service, id), await rotate(service, id, { secret })];
    await rotate(service, id, { revoke: true });
    await service.subscribe("/other");
    const keys = (await service.upstash.redis("KEYS", "short-interest:webhooks:webhook:*")) as string[];
    expect(keys.length).toBe(2);
    for (const key of keys) {
      const stored = JSON.stringify(await service.upstash.redis("HGETALL", key));
      expect(stored).not.toContain("whsec_");
      for (const plain of [secret, ...rotated.map((response) => String(response.secret))]) {
        expect(stored).not.toContain(plain.slice("whsec_".length));
      }
    }
  });

  it("sign if they are encrypted under an older key of WEBHOOK_SECRET_KEY", async () => {
    const [oldKey, currentKey] = [newKey(), newKey()];
    const service = await startWebhookService({}, { WEBHOOK_SECRET_KEY: oldKey });
    const { id, secret } = await service.subscribe();
    await service.publish();
    await service.deliver({ WEBHOOK_SECRET_KEY: `${currentKey},${oldKey}` });
    const [message] = await arrivals(service);
    expect(message && verify(message, secret)).toBeTruthy();
    expect(await deliveryLog(service, id)).toMatchObject([{ status: 204 }]);
  });

  it("sign if they are stored in plain text, and the next rotation encrypts them", async () => {
    const service = await startWebhookService();
    const { id } = await service.subscribe();
    const secret = `whsec_${new Uint8Array(32).fill(3).toBase64()}`;
    await service.upstash.redis("HSET", keyOf(id), "secrets", secret);
    verify(await sendTest(service, id), secret);
    await rotate(service, id, { revoke: true });
    expect(await service.upstash.redis("HGET", keyOf(id), "secrets")).not.toContain("whsec_");
  });

  it("delay a message while no key decrypts them", async () => {
    const service = await startWebhookService();
    const { id, secret } = await service.subscribe();
    await service.publish();
    await service.deliver({ WEBHOOK_SECRET_KEY: newKey() });
    expect(await arrivals(service)).toEqual([]);
    expect(await deliveryLog(service, id)).toEqual([]);
    await service.pass(3_600_000);
    const messages = await arrivals(service);
    expect(messages.length).toBe(1);
    for (const message of messages) verify(message, secret);
  });
});

describe("without WEBHOOK_SECRET_KEY", () => {
  const MISCONFIGURED = {
    status: 500,
    code: "misconfigured",
    parameter: "WEBHOOK_SECRET_KEY",
    detail: "WEBHOOK_SECRET_KEY is not set, but webhooks need it",
  };

  it("creating a webhook fails with misconfigured, and other requests succeed", async () => {
    const service = await startWebhookService({}, { WEBHOOK_SECRET_KEY: undefined });
    const create = { url: service.receiver.origin, symbols: ["US.AAPL"] };
    expect(await read(await service.request("POST", "", create))).toMatchObject(MISCONFIGURED);
    expect((await service.request("GET", "")).status).toBe(200);
    expect(await service.testMessages()).toEqual([]);
    const page = await service.get("/v1/short-interest/US.AAPL", { headers: { "X-API-Key": "mine" } });
    expect(page.status).toBe(200);
  });

  it("messages stay in the outbox without queue operations", async () => {
    const service = await startWebhookService();
    await service.subscribe();
    await service.publish();
    await service.deliver({ WEBHOOK_SECRET_KEY: undefined });
    expect(await arrivals(service)).toEqual([]);
    expect(service.queue.messages).toEqual([]);
    await service.forward(16 * 60_000);
    await service.runPoller();
    await service.deliver();
    expect((await arrivals(service)).length).toBe(1);
  });
});
