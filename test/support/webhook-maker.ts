import { createHash, randomBytes } from "node:crypto";
import type { LocalService } from "./local-service.ts";

/** The API key whose digest is in `API_KEYS`. */
export const KEY = "key";
export const API_KEYS = `me:${createHash("sha256").update(KEY).digest("hex")}`;

export const newSecret = () => `whsec_${randomBytes(32).toString("base64")}`;

/** Creates a webhook in a running Worker. The receiver must accept the test message. */
export function makeWebhook(
  service: LocalService,
  url: string,
  symbols: readonly string[],
  secret = newSecret(),
): Promise<Response> {
  return fetch(`${service.origin}/v1/webhooks`, {
    method: "POST",
    headers: { "X-API-Key": KEY, "Content-Type": "application/json" },
    body: JSON.stringify({ url, symbols, secret }),
  });
}
