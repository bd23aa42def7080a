import { describe, expect, it } from "vitest";
import { arrivals, type PostOffice, startPostOffice, tries } from "../support/post-office.ts";
import { verify } from "../support/verify.ts";

const read = async (response: Response) => response.json<Record<string, unknown>>();
const keyOf = (id: string) => `short-interest:webhooks:webhook:${id}`;
const newKey = () => crypto.getRandomValues(new Uint8Array(32)).toBase64();
const rotate = async (office: PostOffice, id: string, body: object = {}) =>
  read(await office.ask("POST", `/${id}/rotate`, body));
/** The test message that a webhook is sent now. */
async function testOf(office: PostOffice, id: string) {
  expect((await office.ask("POST", `/${id}/test`)).status).toBe(200);
  const message = (await office.tests()).at(-1);
  if (!message) throw new Error("There is no test message");
  return message;
}

describe("a rotation with revoke", () => {
  it("ends all older secrets at once", async () => {
    const office = await startPostOffice();
    const { id, secret: first } = await office.subscribe();
    const { secret: second } = await rotate(office, id);
    const revoked = await rotate(office, id, { revoke: true });
    expect(revoked).toEqual({ id, secret: expect.stringMatching(/^whsec_/), old_secret_until: null });
    const message = await testOf(office, id);
    expect(message.headers["webhook-signature"]).not.toContain(" ");
    expect(verify(message, String(revoked.secret))).toBeTruthy();
    for (const secret of [first, String(second)]) expect(() => verify(message, secret)).toThrow();
  });

  it("applies to the retry of a message that was first signed with an older secret", async () => {
    const office = await startPostOffice();
    const { id, secret: first } = await office.subscribe();
    await office.answerAt("/", { status: 500 });
    await office.publish();
    await office.deliver();
    const { secret } = await rotate(office, id, { revoke: true });
    await office.answerAt("/", {});
    await office.pass(60_000);
    const [before, after] = await arrivals(office);
    if (!before || !after) throw new Error("It was not sent twice");
    verify(before, first);
    verify(after, String(secret));
    expect(() => verify(after, first)).toThrow();
  });

  it("takes a secret of the caller's choice, and is never refused for too many secrets", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    for (let time = 0; time < 3; time += 1) await rotate(office, id);
    expect(await rotate(office, id)).toMatchObject({ code: "limit_reached" });
    expect(await rotate(office, id, { revoke: false })).toMatchObject({ code: "limit_reached" });
    const secret = `whsec_${new Uint8Array(32).fill(7).toBase64()}`;
    expect(await rotate(office, id, { secret, revoke: true })).toMatchObject({ secret });
    expect(await rotate(office, id)).toMatchObject({ old_secret_until: expect.any(Number) });
    verify(await testOf(office, id), secret);
  });

  it.each([["true"], [1], [null]])("refuses revoke: %j", async (revoke) => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    expect(await rotate(office, id, { revoke })).toMatchObject({
      status: 400,
      code: "invalid_parameter",
      parameter: "revoke",
    });
  });
});

describe("signing secrets in Redis", () => {
  it("are encrypted after creation and after rotations", async () => {
    const office = await startPostOffice();
    const { id, secret } = await office.subscribe();
    const rotated = [await rotate(office, id), await rotate(office, id, { secret })];
    await rotate(office, id, { revoke: true });
    await office.subscribe("/other");
    const keys = (await office.upstash.redis("KEYS", "short-interest:webhooks:webhook:*")) as string[];
    expect(keys.length).toBe(2);
    for (const key of keys) {
      const stored = JSON.stringify(await office.upstash.redis("HGETALL", key));
      expect(stored).not.toContain("whsec_");
      for (const each of [secret, ...rotated.map((answer) => String(answer.secret))]) {
        expect(stored).not.toContain(each.slice("whsec_".length));
      }
    }
  });

  it("encrypted under an old key sign while WEBHOOK_SECRET_KEY still lists that key", async () => {
    const [old, next] = [newKey(), newKey()];
    const office = await startPostOffice({}, { WEBHOOK_SECRET_KEY: old });
    const { id, secret } = await office.subscribe();
    await office.publish();
    await office.deliver({ WEBHOOK_SECRET_KEY: `${next},${old}` });
    const [message] = await arrivals(office);
    expect(message && verify(message, secret)).toBeTruthy();
    expect(await tries(office, id)).toMatchObject([{ status: 204 }]);
  });

  it("stored in clear still sign, and the next rotation encrypts them", async () => {
    const office = await startPostOffice();
    const { id } = await office.subscribe();
    const secret = `whsec_${new Uint8Array(32).fill(3).toBase64()}`;
    await office.upstash.redis("HSET", keyOf(id), "secrets", secret);
    verify(await testOf(office, id), secret);
    await rotate(office, id, { revoke: true });
    expect(await office.upstash.redis("HGET", keyOf(id), "secrets")).not.toContain("whsec_");
  });

  it("that no key decrypts delay the message until the key is back", async () => {
    const office = await startPostOffice();
    const { id, secret } = await office.subscribe();
    await office.publish();
    await office.deliver({ WEBHOOK_SECRET_KEY: newKey() });
    expect(await arrivals(office)).toEqual([]);
    expect(await tries(office, id)).toEqual([]);
    await office.pass(3_600_000);
    const messages = await arrivals(office);
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

  it("the creation of a webhook says so, and all other requests are answered", async () => {
    const office = await startPostOffice({}, { WEBHOOK_SECRET_KEY: undefined });
    const create = { url: office.receiver.origin, symbols: ["US.AAPL"] };
    expect(await read(await office.ask("POST", "", create))).toMatchObject(MISCONFIGURED);
    expect((await office.ask("GET", "")).status).toBe(200);
    expect(await office.tests()).toEqual([]);
    const page = await office.get("/v1/short-interest/US.AAPL", { headers: { "X-API-Key": "mine" } });
    expect(page.status).toBe(200);
  });

  it("messages wait in the outbox, and cost the queue nothing", async () => {
    const office = await startPostOffice();
    await office.subscribe();
    await office.publish();
    await office.deliver({ WEBHOOK_SECRET_KEY: undefined });
    expect(await arrivals(office)).toEqual([]);
    expect(office.queue.messages).toEqual([]);
    await office.forward(16 * 60_000);
    await office.runWatch();
    await office.deliver();
    expect((await arrivals(office)).length).toBe(1);
  });
});
