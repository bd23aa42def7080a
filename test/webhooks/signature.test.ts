import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { newSecret, SECRET, signedHeaders } from "../../functions/webhooks/signature.ts";

const timestamp = () => Math.floor(Date.now() / 1_000);
const BODY = '{"type":"short_interest.published","data":{"name":"テスト"}}';

describe("a signature", () => {
  it("is the one that the vendor of the standard makes", async () => {
    for (let time = 0; time < 20; time += 1) {
      const secret = newSecret();
      expect(secret).toMatch(SECRET);
      const at = timestamp();
      const headers = await signedHeaders({ id: "msg_1", body: BODY }, at, [secret]);
      expect(headers).toEqual({
        "webhook-id": "msg_1",
        "webhook-timestamp": String(at),
        "webhook-signature": new Webhook(secret).sign("msg_1", new Date(at * 1_000), BODY),
      });
    }
  });

  it("is verified with any of the secrets that sign, and with no other", async () => {
    const [first, second, third] = [newSecret(), newSecret(), newSecret()];
    const headers = await signedHeaders({ id: "msg_1", body: BODY }, timestamp(), [first, second]);
    for (const secret of [first, second]) expect(new Webhook(secret).verify(BODY, headers)).toBeTruthy();
    expect(() => new Webhook(third).verify(BODY, headers)).toThrow("No matching signature");
  });

  it("fails with each byte that is changed", async () => {
    const secret = newSecret();
    const headers = await signedHeaders({ id: "msg_1", body: BODY }, timestamp(), [secret]);
    const bytes = new TextEncoder().encode(BODY);
    for (const at of bytes.keys()) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
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

describe("a secret", () => {
  const of = (bytes: number) => `whsec_${new Uint8Array(bytes).fill(7).toBase64()}`;

  it.each([24, 25, 26, 27, 32, 63, 64])("has %d bytes", (bytes) => {
    expect(of(bytes)).toMatch(SECRET);
  });

  it.each([of(23), of(65), "whsec_", of(32).slice(6), `${of(32)}=`, of(24).replace("B", "-"), `${of(32)}\n`])(
    "is not %j",
    (text) => expect(text).not.toMatch(SECRET),
  );
});
