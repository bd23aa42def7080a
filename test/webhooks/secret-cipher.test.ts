import { describe, expect, it } from "vitest";
import { Failure } from "../../functions/errors.ts";
import { createSecretCipher, signingSecrets } from "../../functions/webhooks/secret-cipher.ts";

const key = (byte: number) => new Uint8Array(32).fill(byte);
const [OLD_KEY, NEW_KEY] = [key(1), key(2)];
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const failureOf = (work: Promise<unknown>) => work.then(() => undefined, Failure.from);
const UNREADABLE = {
  code: "misconfigured",
  parameter: "WEBHOOK_SECRET_KEY",
  detail: "WEBHOOK_SECRET_KEY has no key that decrypts the secrets of a webhook",
};

describe("an encrypted signing secret", () => {
  it("does not contain the secret, differs each time, and fits into a stored list", async () => {
    const cipher = createSecretCipher([NEW_KEY]);
    const texts = await Promise.all(Array.from({ length: 50 }, () => cipher.encrypt("wh_1", SECRET)));
    expect(new Set(texts).size).toBe(50);
    for (const text of texts) {
      expect(text).toMatch(/^aes256gcm:[A-Za-z0-9+/]+={0,2}$/);
      expect(atob(text.slice("aes256gcm:".length))).not.toContain(SECRET.slice(6, 16));
      expect(await cipher.decrypt("wh_1", text)).toBe(SECRET);
    }
  });

  it("can be decrypted while its key is listed, and not after the key is removed", async () => {
    const stored = await createSecretCipher([OLD_KEY]).encrypt("wh_1", SECRET);
    const rotated = createSecretCipher([NEW_KEY, OLD_KEY]);
    expect(await rotated.decrypt("wh_1", stored)).toBe(SECRET);
    expect(await rotated.isCurrent("wh_1", stored)).toBe(false);
    const renewed = await rotated.encrypt("wh_1", SECRET);
    expect(await rotated.isCurrent("wh_1", renewed)).toBe(true);
    const newKeyOnly = createSecretCipher([NEW_KEY]);
    expect(await newKeyOnly.decrypt("wh_1", renewed)).toBe(SECRET);
    expect(await failureOf(newKeyOnly.decrypt("wh_1", stored))).toMatchObject(UNREADABLE);
  });

  it("cannot be decrypted for another webhook", async () => {
    const cipher = createSecretCipher([NEW_KEY]);
    const stored = await cipher.encrypt("wh_1", SECRET);
    expect(await failureOf(cipher.decrypt("wh_2", stored))).toMatchObject(UNREADABLE);
    expect(await cipher.isCurrent("wh_2", stored)).toBe(false);
  });

  it("cannot be decrypted after one bit was flipped", async () => {
    const cipher = createSecretCipher([NEW_KEY]);
    const stored = await cipher.encrypt("wh_1", SECRET);
    const bytes = Uint8Array.fromBase64(stored.slice("aes256gcm:".length));
    for (const [index, byte] of bytes.entries()) {
      bytes[index] = byte ^ 1;
      const changed = `aes256gcm:${bytes.toBase64()}`;
      expect(await failureOf(cipher.decrypt("wh_1", changed)), `byte ${index}`).toMatchObject(UNREADABLE);
      bytes[index] = byte;
    }
    expect(await failureOf(cipher.decrypt("wh_1", "aes256gcm:"))).toMatchObject(UNREADABLE);
    expect(await failureOf(cipher.decrypt("wh_1", "aes256gcm:*"))).toMatchObject(UNREADABLE);
  });
});

it("SecretCipher.decrypt returns a plain-text secret unchanged", async () => {
  const cipher = createSecretCipher([NEW_KEY]);
  expect(await cipher.decrypt("wh_1", SECRET)).toBe(SECRET);
  expect(await cipher.isCurrent("wh_1", SECRET)).toBe(false);
});

it.each([[undefined], [[]]])("SecretCipher without keys (%j) reads only plain-text secrets", async (keys) => {
  const cipher = createSecretCipher(keys);
  const stored = await createSecretCipher([NEW_KEY]).encrypt("wh_1", SECRET);
  expect(await cipher.decrypt("wh_1", SECRET)).toBe(SECRET);
  for (const failing of [cipher.decrypt("wh_1", stored), cipher.encrypt("wh_1", SECRET)]) {
    await expect(failing).rejects.toThrow("WEBHOOK_SECRET_KEY is not set, but webhooks need it");
  }
});

it("signingSecrets omits older secrets that no key decrypts, and throws without the newest", async () => {
  const lost = await createSecretCipher([OLD_KEY]).encrypt("wh_1", SECRET);
  const cipher = createSecretCipher([NEW_KEY]);
  const newest = await cipher.encrypt("wh_1", `${SECRET}A`);
  expect(await signingSecrets(cipher, "wh_1", [newest, lost, SECRET])).toEqual([`${SECRET}A`, SECRET]);
  await expect(signingSecrets(cipher, "wh_1", [lost, newest])).rejects.toMatchObject(UNREADABLE);
});
