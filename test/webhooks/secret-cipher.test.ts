import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { createSecretCipher, signingSecrets } from "../../functions/webhooks/secret-cipher.ts";

const key = (byte: number) => new Uint8Array(32).fill(byte);
const [OLD, NEW] = [key(1), key(2)];
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const failureOf = (work: Promise<unknown>) => work.then(() => undefined, Failure.from);
const UNREADABLE = {
  code: "misconfigured",
  parameter: "WEBHOOK_SECRET_KEY",
  detail: "WEBHOOK_SECRET_KEY has no key that decrypts the secrets of a webhook",
};

describe("an encrypted signing secret", () => {
  it("shows nothing of the secret, is another text each time, and fits into a stored list", async () => {
    const cipher = createSecretCipher([NEW]);
    const texts = await Promise.all(Array.from({ length: 50 }, () => cipher.encrypt("wh_1", SECRET)));
    expect(new Set(texts).size).toBe(50);
    for (const text of texts) {
      expect(text).toMatch(/^aes256gcm:[A-Za-z0-9+/]+={0,2}$/);
      expect(atob(text.slice("aes256gcm:".length))).not.toContain(SECRET.slice(6, 16));
      expect(await cipher.decrypt("wh_1", text)).toBe(SECRET);
    }
  });

  it("is readable after a new key was put before the old one, and not after the old one was taken away", async () => {
    const stored = await createSecretCipher([OLD]).encrypt("wh_1", SECRET);
    const rotated = createSecretCipher([NEW, OLD]);
    expect(await rotated.decrypt("wh_1", stored)).toBe(SECRET);
    expect(await rotated.isCurrent("wh_1", stored)).toBe(false);
    const renewed = await rotated.encrypt("wh_1", SECRET);
    expect(await rotated.isCurrent("wh_1", renewed)).toBe(true);
    const alone = createSecretCipher([NEW]);
    expect(await alone.decrypt("wh_1", renewed)).toBe(SECRET);
    expect(await failureOf(alone.decrypt("wh_1", stored))).toMatchObject(UNREADABLE);
  });

  it("is refused for another webhook", async () => {
    const cipher = createSecretCipher([NEW]);
    const stored = await cipher.encrypt("wh_1", SECRET);
    expect(await failureOf(cipher.decrypt("wh_2", stored))).toMatchObject(UNREADABLE);
    expect(await cipher.isCurrent("wh_2", stored)).toBe(false);
  });

  it("is refused after one bit was flipped", async () => {
    const cipher = createSecretCipher([NEW]);
    const stored = await cipher.encrypt("wh_1", SECRET);
    const bytes = Uint8Array.fromBase64(stored.slice("aes256gcm:".length));
    for (const [at, byte] of bytes.entries()) {
      bytes[at] = byte ^ 1;
      const changed = `aes256gcm:${bytes.toBase64()}`;
      expect(await failureOf(cipher.decrypt("wh_1", changed)), `byte ${at}`).toMatchObject(UNREADABLE);
      bytes[at] = byte;
    }
    expect(await failureOf(cipher.decrypt("wh_1", "aes256gcm:"))).toMatchObject(UNREADABLE);
    expect(await failureOf(cipher.decrypt("wh_1", "aes256gcm:*"))).toMatchObject(UNREADABLE);
  });
});

it("a signing secret that was stored in clear is readable", async () => {
  const cipher = createSecretCipher([NEW]);
  expect(await cipher.decrypt("wh_1", SECRET)).toBe(SECRET);
  expect(await cipher.isCurrent("wh_1", SECRET)).toBe(false);
});

it.each([[undefined], [[]]])("without a key (%j) only secrets in clear are readable", async (keys) => {
  const cipher = createSecretCipher(keys);
  const stored = await createSecretCipher([NEW]).encrypt("wh_1", SECRET);
  expect(await cipher.decrypt("wh_1", SECRET)).toBe(SECRET);
  for (const failing of [cipher.decrypt("wh_1", stored), cipher.encrypt("wh_1", SECRET)]) {
    await expect(failing).rejects.toThrow("WEBHOOK_SECRET_KEY is not set, but webhooks need it");
  }
});

it("a message is signed with the older secrets that a key decrypts, and needs the newest", async () => {
  const lost = await createSecretCipher([OLD]).encrypt("wh_1", SECRET);
  const cipher = createSecretCipher([NEW]);
  const newest = await cipher.encrypt("wh_1", `${SECRET}A`);
  expect(await signingSecrets(cipher, "wh_1", [newest, lost, SECRET])).toEqual([`${SECRET}A`, SECRET]);
  await expect(signingSecrets(cipher, "wh_1", [lost, newest])).rejects.toMatchObject(UNREADABLE);
});
