import type { WebhookMessage } from "./messages.ts";

/** Signatures of Standard Webhooks (https://www.standardwebhooks.com): version `v1`, HMAC-SHA256. */

const PREFIX = "whsec_";
const SECRET_BYTES = 32;

/** `whsec_` and 24 to 64 bytes in base64. OpenAPI publishes the expression, so it uses only common syntax. */
export const SECRET =
  /^whsec_(([A-Za-z0-9+/]{4}){8,20}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?|([A-Za-z0-9+/]{4}){21}([A-Za-z0-9+/]{2}==)?)$/;

export function newSecret(): string {
  return PREFIX + crypto.getRandomValues(new Uint8Array(SECRET_BYTES)).toBase64();
}

/**
 * The `webhook-*` headers of an attempt.
 * @param timestamp start of the attempt, Unix time in seconds
 * @param secrets in clear. Each adds a signature; a receiver accepts the message if it knows one of them
 */
export async function signedHeaders(
  { id, body }: WebhookMessage,
  timestamp: number,
  secrets: readonly string[],
): Promise<Record<string, string>> {
  const content = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const signatures = await Promise.all(secrets.map((secret) => sign(content, secret)));
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures.join(" "),
  };
}

async function sign(content: BufferSource, secret: string): Promise<string> {
  const bytes = Uint8Array.fromBase64(secret.slice(PREFIX.length));
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign"]);
  return `v1,${new Uint8Array(await crypto.subtle.sign("HMAC", key, content)).toBase64()}`;
}
