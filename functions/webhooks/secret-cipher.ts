import { Failure } from "../errors.ts";

/** Encrypts signing secrets before they are stored in Redis: AES-256-GCM under the keys of `WEBHOOK_SECRET_KEY`. */
export interface SecretCipher {
  /**
   * Encrypts under the first key.
   * @param webhookId additional authenticated data: the result can be decrypted only for this webhook
   * @throws Failure `misconfigured` without a key
   */
  encrypt(webhookId: string, secret: string): Promise<string>;
  /**
   * Decrypts under any of the keys. A secret stored in plain text is returned unchanged.
   * @throws Failure `misconfigured` if no key decrypts it for this webhook
   */
  decrypt(webhookId: string, stored: string): Promise<string>;
  /** Whether `stored` is encrypted under the first key. */
  isCurrent(webhookId: string, stored: string): Promise<boolean>;
}

const ALGORITHM = "AES-GCM";
/** Followed by nonce, ciphertext and tag in base64, which contains neither separator of a stored list, space and `@`. */
const PREFIX = "aes256gcm:";
const NONCE_BYTES = 12;
const VARIABLE = "WEBHOOK_SECRET_KEY";
const NOT_SET = "is not set, but webhooks need it";

/**
 * Decrypts the secrets that sign a message. Older secrets that no key decrypts are omitted.
 * @throws Failure `misconfigured` if no key decrypts the newest secret
 */
export async function signingSecrets(
  cipher: SecretCipher,
  webhookId: string,
  [newest = "", ...older]: readonly string[],
): Promise<string[]> {
  const others = await Promise.allSettled(older.map((stored) => cipher.decrypt(webhookId, stored)));
  const readable = others.flatMap((other) => (other.status === "fulfilled" ? [other.value] : []));
  return [await cipher.decrypt(webhookId, newest), ...readable];
}

/** @param keys 32 bytes each; the first encrypts, all decrypt. Without keys only plain-text secrets can be read */
export function createSecretCipher(keys: readonly Uint8Array<ArrayBuffer>[] = []): SecretCipher {
  const [first] = keys;

  return {
    async encrypt(webhookId, secret) {
      if (!first) throw misconfigured(NOT_SET);
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
      const bytes = new TextEncoder().encode(secret);
      const encrypted = await crypto.subtle.encrypt(
        aesParams(nonce, webhookId),
        await importKey(first),
        bytes,
      );
      return PREFIX + base64Of(Uint8Array.of(...nonce, ...new Uint8Array(encrypted)));
    },
    async decrypt(webhookId, stored) {
      if (!stored.startsWith(PREFIX)) return stored;
      for (const key of keys) {
        const secret = await decryptUnder(key, webhookId, stored);
        if (secret !== undefined) return secret;
      }
      throw misconfigured(first ? "has no key that decrypts the secrets of a webhook" : NOT_SET);
    },
    isCurrent: async (webhookId, stored) =>
      first !== undefined &&
      stored.startsWith(PREFIX) &&
      (await decryptUnder(first, webhookId, stored)) !== undefined,
  };
}

/** @returns undefined if it was encrypted under another key or for another webhook */
async function decryptUnder(
  key: Uint8Array<ArrayBuffer>,
  webhookId: string,
  stored: string,
): Promise<string | undefined> {
  try {
    const bytes = Uint8Array.from(atob(stored.slice(PREFIX.length)), (char) => char.charCodeAt(0));
    const algorithm = aesParams(bytes.slice(0, NONCE_BYTES), webhookId);
    const secret = await crypto.subtle.decrypt(algorithm, await importKey(key), bytes.slice(NONCE_BYTES));
    return new TextDecoder().decode(secret);
  } catch {
    return undefined;
  }
}

function aesParams(iv: Uint8Array<ArrayBuffer>, webhookId: string) {
  return { name: ALGORITHM, iv, additionalData: new TextEncoder().encode(webhookId) };
}

function importKey(key: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key, ALGORITHM, false, ["encrypt", "decrypt"]);
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function misconfigured(problem: string): Failure {
  return new Failure("misconfigured", `${VARIABLE} ${problem}`, { parameter: VARIABLE });
}
