import { Failure } from "../errors.ts";
import { addressOf } from "./client.ts";

/** A key that reads. Of the key itself nothing is stored. */
export interface ApiKey {
  readonly name: string;
  /** SHA-256 of the key. */
  readonly digest: Uint8Array<ArrayBuffer>;
  /** SHA-256 of what OpenD's own clients send of it, its MD5; absent where they may not use it. */
  readonly opendDigest?: Uint8Array<ArrayBuffer> | undefined;
}

type RateLimiter = Pick<RateLimit, "limit">;

export interface AccessRule {
  /** Undefined where everybody may read. */
  readonly apiKeys: readonly ApiKey[] | undefined;
  /**
   * Cloudflare's rate limit per location, `REQUESTS_PER_CLIENT`: for requests of an address without keys; with keys,
   * for failed authentications of an address and expensive operations of a key.
   */
  readonly requests: RateLimiter | undefined;
  /** Cloudflare's rate limit per location for requests of a key, `REQUESTS_PER_KEY`. */
  readonly requestsPerKey: RateLimiter | undefined;
}

const holderOf = ({ name }: ApiKey) => `key:${name}`;

/** Whether it names the holder of a key, as `admit` does. */
export function isHolder(client: string, { apiKeys = [] }: Pick<AccessRule, "apiKeys">): boolean {
  return apiKeys.some((key) => holderOf(key) === client);
}

/** The period of the counter is not told, and is one minute at most. */
const COUNTER_PERIOD_MS = 60_000;
const FROM_ADDRESS = "requests from your address";

/**
 * Authenticates a request and counts it against a rate limit. A failed authentication counts as a request of its
 * address. A valid key is never refused for its address, which strangers may share.
 * @returns the client that the request counts for: its key, or its address where no keys are configured
 * @throws Failure `unauthorized` without a valid key where one is needed, `too_many_requests`
 */
export async function admit(headers: Headers, rule: AccessRule): Promise<string> {
  if (!rule.apiKeys) return admitAddress(headers, rule);
  const key = presentedKey(headers);
  const client = await clientOfKey(key, rule.apiKeys, ({ digest }) => digest).catch((refusal: unknown) =>
    countFailed(headers, rule, refusal),
  );
  await limitRequests(client, rule);
  return client;
}

/**
 * Counts a request against the rate limit of its client. On a connection, count each request.
 * @param client as `admit` and `admitOpendClient` return it
 * @throws Failure `too_many_requests`
 */
export async function limitRequests(client: string, rule: AccessRule): Promise<void> {
  if (rule.apiKeys) await count(rule.requestsPerKey, client, "requests with your key");
  else await count(rule.requests, client, FROM_ADDRESS);
}

/**
 * Lets one of OpenD's own clients in.
 * @param md5 what it sends of its key, lowercase hexadecimal; empty for none
 * @throws Failure `unauthorized` without a valid key where one is needed, `too_many_requests`
 */
export async function admitOpendClient(headers: Headers, md5: string, rule: AccessRule): Promise<string> {
  if (!rule.apiKeys) return addressOf(headers);
  const client = clientOfKey(md5 || undefined, rule.apiKeys, ({ opendDigest }) => opendDigest);
  return client.catch((refusal: unknown) => countFailed(headers, rule, refusal));
}

/** Counts a failed authentication against its address. */
async function countFailed(headers: Headers, rule: AccessRule, refusal: unknown): Promise<never> {
  await admitAddress(headers, rule);
  throw refusal;
}

/**
 * Counts a request against its address.
 * @throws Failure `too_many_requests`
 */
export async function admitAddress(headers: Headers, { requests }: AccessRule): Promise<string> {
  const client = addressOf(headers);
  await count(requests, client, FROM_ADDRESS);
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
  await count(requests, `${what} ${client}`, `${what} for your key`);
}

async function count(limiter: RateLimiter | undefined, key: string, what: string): Promise<void> {
  const counted = await limiter?.limit({ key });
  if (counted?.success !== false) return;
  throw new Failure("too_many_requests", `There are too many ${what}`, { retryAfterMs: COUNTER_PERIOD_MS });
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
