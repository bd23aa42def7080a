import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { newSecret, SECRET, signedHeaders } from "../../functions/webhooks/signature.ts";

const timestamp = () => Math.floor(Date.now() / 1_000);
const BODY = '{"type":"short_interest.published","data":{"name":"テスト"}}';

describe("signedHeaders", () => {
  it("equal those of the standardwebhooks package", async () => {
    for (let count = 0; count < 20; count += 1) {
      const secret = newSecret();
      expect(secret).toMatch(SECRET);
      const sentAt = timestamp();
      const headers = await signedHeaders({ id: "msg_1", body: BODY }, sentAt, [secret]);
      expect(headers).toEqual({
        "webhook-id": "msg_1",
        "webhook-timestamp": String(sentAt),
        "webhook-signature": new Webhook(secret).sign("msg_1", new Date(sentAt * 1_000), BODY),
      });
    }
  });

  it("are verified by each signing secret and by no other", async () => {
    const [first, second, third] = [newSecret(), newSecret(), newSecret()];
    const headers = await signedHeaders({ id: "msg_1", body: BODY }, timestamp(), [first, second]);
    for (const secret of [first, second]) expect(new Webhook(secret).verify(BODY, headers)).toBeTruthy();
    expect(() => new Webhook(third).verify(BODY, headers)).toThrow("No matching signature");
  });

  it("do not verify a message with any changed byte or header", async () => {
    const secret = newSecret();
    const headers = await signedHeaders({ id: "msg_1", body: BODY }, timestamp(), [secret]);
    const bytes = new TextEncoder().encode(BODY);
    for (const index of bytes.keys()) {
      const changed = bytes.slice();
      changed[index] = (changed[index] ?? 0) ^ 1;
      const verifying = () => new Webhook(secret).verify(new TextDecoder().decode(changed), headers);
      expect(verifying).toThrow("No matching signature");
    }
    for (const [name, value] of [
      ["webhook-id", "msg_2"],
      ["webhook-timestamp", String(timestamp() + 1)],
    ] as const) {
      expect(() => new Webhook(secret).verify(BODY, { ...headers, [name]: value })).toThrow("No matching");
    }
  });
});

describe("SECRET", () => {
  const secretOf = (bytes: number) => `whsec_${new Uint8Array(bytes).fill(7).toBase64()}`;

  it.each([24, 25, 26, 27, 32, 63, 64])("matches a secret of %d bytes", (bytes) => {
    expect(secretOf(bytes)).toMatch(SECRET);
  });

  it.each([
    secretOf(23),
    secretOf(65),
    "whsec_",
    secretOf(32).slice(6),
    `${secretOf(32)}=`,
    secretOf(24).replace("B", "-"),
    `${secretOf(32)}\n`,
  ])("does not match %j", (text) => expect(text).not.toMatch(SECRET));
});
