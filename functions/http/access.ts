import { Failure } from "../failure.ts";
import { addressOf } from "./client.ts";

/** A key that reads. Of the key itself nothing is stored. */
export interface ApiKey {
  readonly name: string;
  /** SHA-256 of the key. */
  readonly digest: Uint8Array<ArrayBuffer>;
  /** SHA-256 of what OpenD's own clients send of it, its MD5; absent where they may not use it. */
  readonly opendDigest?: Uint8Array<ArrayBuffer> | undefined;
}

export interface AccessRule {
  /** Undefined where everybody may read. */
  readonly apiKeys: readonly ApiKey[] | undefined;
  /** Cloudflare's counter, per location: of requests where there are no keys, and of what keys send to others. */
  readonly requests: Pick<RateLimit, "limit"> | undefined;
}

const holderOf = ({ name }: ApiKey) => `key:${name}`;

/** Whether it names the holder of a key, as `admit` does. */
export function isHolder(client: string, { apiKeys = [] }: Pick<AccessRule, "apiKeys">): boolean {
  return apiKeys.some((key) => holderOf(key) === client);
}

/** The period of the counter is not told, and is one minute at most. */
const COUNTER_PERIOD_MS = 60_000;

/**
 * Lets a request in.
 * @returns whom it counts for: the name of its key, or its address
 * @throws Failure `unauthorized` without a valid key where one is needed, `too_many_requests`
 */
export async function admit(headers: Headers, rule: AccessRule): Promise<string> {
  if (rule.apiKeys) return clientOfKey(presentedKey(headers), rule.apiKeys, ({ digest }) => digest);
  return admitAddress(headers, rule);
}

/**
 * Lets one of OpenD's own clients in.
 * @param md5 what it sends of its key, lowercase hexadecimal; empty for none
 * @throws Failure as `admit` does
 */
export async function admitOpendClient(headers: Headers, md5: string, rule: AccessRule): Promise<string> {
  if (rule.apiKeys) return clientOfKey(md5 || undefined, rule.apiKeys, ({ opendDigest }) => opendDigest);
  return addressOf(headers);
}

/**
 * Counts a request against its address.
 * @throws Failure `too_many_requests`
 */
export async function admitAddress(headers: Headers, { requests }: AccessRule): Promise<string> {
  const client = addressOf(headers);
  const counted = await requests?.limit({ key: client });
  if (counted?.success === false) throw tooMany("There are too many requests from your address");
  return client;
}

/**
 * Counts what the holder of a key makes this service do to others, by the same measure.
 * @throws Failure `too_many_requests`
 */
export async function countCostly(
  client: string,
  what: "test messages" | "looks at OpenD" | "looks at the metrics",
  { requests }: AccessRule,
): Promise<void> {
  const counted = await requests?.limit({ key: `${what} ${client}` });
  if (counted?.success === false) throw tooMany(`There are too many ${what} for your key`);
}

function tooMany(detail: string): Failure {
  return new Failure("too_many_requests", detail, { retryAfterMs: COUNTER_PERIOD_MS });
}

async function clientOfKey(
  presented: string | undefined,
  apiKeys: readonly ApiKey[],
  digestOf: (key: ApiKey) => Uint8Array<ArrayBuffer> | undefined,
): Promise<string> {
  if (presented === undefined) {
    throw new Failure("unauthorized", "A key is needed: Authorization: Bearer, or X-API-Key");
  }
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(presented));
  // All are compared, so that the time tells nothing of which one it is.
  const [key] = apiKeys.filter((each) => {
    const known = digestOf(each);
    return known !== undefined && crypto.subtle.timingSafeEqual(known, digest);
  });
  if (key === undefined) throw new Failure("unauthorized", "The key is not known");
  return holderOf(key);
}

function presentedKey(headers: Headers): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get("Authorization") ?? "")?.[1];
  return bearer ?? (headers.get("X-API-Key")?.trim() || undefined);
}
