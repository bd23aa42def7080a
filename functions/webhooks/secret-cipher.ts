import { Failure } from "../errors.ts";

/** Encrypts the signing secrets of webhooks for Redis: AES-256-GCM under keys that only the Worker has. */
export interface SecretCipher {
  /**
   * Encrypts under the first key.
   * @throws Failure `misconfigured` without a key
   * @param webhookId is bound to the result, which decrypts for no other webhook
   */
  encrypt(webhookId: string, secret: string): Promise<string>;
  /**
   * Decrypts under any of the keys. A secret that was stored in clear is returned as it is.
   * @throws Failure `misconfigured` where no key decrypts it for this webhook
   */
  decrypt(webhookId: string, stored: string): Promise<string>;
  /** Whether it is encrypted under the first key. */
  isCurrent(webhookId: string, stored: string): Promise<boolean>;
}

const ALGORITHM = "AES-GCM";
/** Before the nonce, ciphertext and tag in base64. Base64 has neither of the separators of a stored list, space and @. */
const PREFIX = "aes256gcm:";
const NONCE_BYTES = 12;
const VARIABLE = "WEBHOOK_SECRET_KEY";
const NOT_SET = "is not set, but webhooks need it";

/**
 * The secrets that sign a message. The newest one must be readable; older ones that no key decrypts are left out.
 * @throws Failure `misconfigured` if no key decrypts the newest one
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

/**
 * Without a key it reads the secrets that were stored in clear.
 * @param keys 32 bytes each; the first encrypts, all decrypt
 */
export function createSecretCipher(keys: readonly Uint8Array<ArrayBuffer>[] = []): SecretCipher {
  const [first] = keys;

  return {
    async encrypt(webhookId, secret) {
      if (!first) throw misconfigured(NOT_SET);
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
      const bytes = new TextEncoder().encode(secret);
      const encrypted = await crypto.subtle.encrypt(
        parameters(nonce, webhookId),
        await imported(first),
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

/** @returns undefined where another key, or another webhook's id, has encrypted it */
async function decryptUnder(
  key: Uint8Array<ArrayBuffer>,
  webhookId: string,
  stored: string,
): Promise<string | undefined> {
  try {
    const bytes = Uint8Array.from(atob(stored.slice(PREFIX.length)), (char) => char.charCodeAt(0));
    const algorithm = parameters(bytes.slice(0, NONCE_BYTES), webhookId);
    const secret = await crypto.subtle.decrypt(algorithm, await imported(key), bytes.slice(NONCE_BYTES));
    return new TextDecoder().decode(secret);
  } catch {
    return undefined;
  }
}

function parameters(iv: Uint8Array<ArrayBuffer>, webhookId: string) {
  return { name: ALGORITHM, iv, additionalData: new TextEncoder().encode(webhookId) };
}

function imported(key: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", key, ALGORITHM, false, ["encrypt", "decrypt"]);
}

function base64Of(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function misconfigured(problem: string): Failure {
  return new Failure("misconfigured", `${VARIABLE} ${problem}`, { parameter: VARIABLE });
}
