import { Failure } from "../failure.ts";
import { addressOf } from "./client.ts";

/** A key that reads. Of the key itself nothing is stored. */
export interface ApiKey {
  readonly name: string;
  /** SHA-256 of the key. */
  readonly digest: Uint8Array<ArrayBuffer>;
}

export interface AccessRule {
  /** Undefined where everybody may read. */
  readonly apiKeys: readonly ApiKey[] | undefined;
  /** Cloudflare's counter of requests, per location; it counts only where there are no keys. */
  readonly requests: Pick<RateLimit, "limit"> | undefined;
}

/** The period of the counter is not told, and is one minute at most. */
const COUNTER_PERIOD_MS = 60_000;

/**
 * Lets a request in.
 * @returns whom it counts for: the name of its key, or its address
 * @throws Failure `unauthorized` without a valid key where one is needed, `too_many_requests`
 */
export async function admit(headers: Headers, { apiKeys, requests }: AccessRule): Promise<string> {
  if (apiKeys) return `key:${await nameOfKey(headers, apiKeys)}`;
  const client = addressOf(headers);
  const counted = await requests?.limit({ key: client });
  if (counted?.success === false) {
    throw new Failure("too_many_requests", "There are too many requests from your address", {
      retryAfterMs: COUNTER_PERIOD_MS,
    });
  }
  return client;
}

async function nameOfKey(headers: Headers, apiKeys: readonly ApiKey[]): Promise<string> {
  const presented = presentedKey(headers);
  if (presented === undefined) {
    throw new Failure("unauthorized", "A key is needed: Authorization: Bearer, or X-API-Key");
  }
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(presented));
  // All are compared, so that the time tells nothing of which one it is.
  const fitting = apiKeys.filter((key) => crypto.subtle.timingSafeEqual(key.digest, digest));
  const [key] = fitting;
  if (key === undefined) throw new Failure("unauthorized", "The key is not known");
  return key.name;
}

function presentedKey(headers: Headers): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get("Authorization") ?? "")?.[1];
  return bearer ?? (headers.get("X-API-Key")?.trim() || undefined);
}
