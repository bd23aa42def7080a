import { Failure } from "../errors.ts";
import { clientIdOfAddress } from "./client-address.ts";

/** An API key. The key itself is not stored. */
export interface ApiKey {
  readonly name: string;
  /** SHA-256 of the key. */
  readonly digest: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the key's MD5, which OpenD's own clients send; absent if they may not use the key. */
  readonly opendDigest?: Uint8Array<ArrayBuffer> | undefined;
  /** A key for URLs: it may be sent as `?key=`. Sent in any way, it only reads `/v1/short-interest`. */
  readonly forUrls?: boolean;
}

/** The facts of a request that decide which keys it may present. */
export interface AuthRequest {
  readonly headers: Headers;
  /** The key of its URL; undefined without one. */
  readonly queryKey: string | undefined;
  /** Whether it only reads short interest. */
  readonly isRead: boolean;
}

type RateLimiter = Pick<RateLimit, "limit">;

export interface AuthConfig {
  /** Undefined if no key is required. */
  readonly apiKeys: readonly ApiKey[] | undefined;
  /**
   * Cloudflare's rate limit per location, `REQUESTS_PER_CLIENT`. Without keys it counts all requests of an address;
   * with keys, failed authentications of an address and expensive operations of a key.
   */
  readonly requestsPerClient: RateLimiter | undefined;
  /** Cloudflare's rate limit per location for requests with a key, `REQUESTS_PER_KEY`. */
  readonly requestsPerKey: RateLimiter | undefined;
}

const clientIdOfKey = ({ name }: ApiKey) => `key:${name}`;

/** Whether `client` may own webhooks: a key for URLs may not. */
export function mayOwnWebhooks(client: string, { apiKeys = [] }: Pick<AuthConfig, "apiKeys">): boolean {
  return apiKeys.some((key) => clientIdOfKey(key) === client && !key.forUrls);
}

/** Cloudflare does not report when the counter resets. Its period is one minute. */
const COUNTER_PERIOD_MS = 60_000;
const FROM_ADDRESS = "requests from your address";

/**
 * Authenticates a request and counts it against a rate limit. A failed authentication counts as a request of its
 * address. A valid key is never refused because of its address, which clients may share.
 * @returns the client ID: of the key, or the address if no keys are configured
 * @throws Failure `unauthorized` without a valid key if one is required, `too_many_requests`
 */
export async function authenticateClient(request: AuthRequest, config: AuthConfig): Promise<string> {
  const { headers, isRead } = request;
  if (!config.apiKeys) return limitAddress(headers, config);
  const inHeader = presentedKey(headers);
  const inUrl = inHeader === undefined && isRead;
  const key = inUrl ? request.queryKey || undefined : inHeader;
  // A key that may not be used here is like an unknown one.
  const digestOf = ({ digest, forUrls = false }: ApiKey) =>
    (inUrl && !forUrls) || (!isRead && forUrls) ? undefined : digest;
  const client = await clientOfKey(key, config.apiKeys, digestOf).catch((refusal: unknown) =>
    countFailed(headers, config, refusal),
  );
  await limitRequests(client, config);
  return client;
}

/**
 * Counts a request against the rate limit of its client. On a WebSocket connection, count each request.
 * @param client as returned by `authenticateClient` and `authenticateOpendClient`
 * @throws Failure `too_many_requests`
 */
export async function limitRequests(client: string, config: AuthConfig): Promise<void> {
  if (config.apiKeys) await count(config.requestsPerKey, client, "requests with your API key");
  else await count(config.requestsPerClient, client, FROM_ADDRESS);
}

/**
 * Authenticates one of OpenD's own clients.
 * @param md5 the MD5 of its key in lowercase hexadecimal; empty for no key
 * @returns the client ID
 * @throws Failure `unauthorized` without a valid key if one is required, `too_many_requests`
 */
export async function authenticateOpendClient(
  headers: Headers,
  md5: string,
  config: AuthConfig,
): Promise<string> {
  if (!config.apiKeys) return clientIdOfAddress(headers);
  const client = clientOfKey(md5 || undefined, config.apiKeys, ({ opendDigest }) => opendDigest);
  return client.catch((refusal: unknown) => countFailed(headers, config, refusal));
}

/** Counts a failed authentication against its address. */
async function countFailed(headers: Headers, config: AuthConfig, refusal: unknown): Promise<never> {
  await limitAddress(headers, config);
  throw refusal;
}

/**
 * Counts a request against the rate limit of its address.
 * @returns the client ID of the address
 * @throws Failure `too_many_requests`
 */
export async function limitAddress(headers: Headers, { requestsPerClient }: AuthConfig): Promise<string> {
  const client = clientIdOfAddress(headers);
  await count(requestsPerClient, client, FROM_ADDRESS);
  return client;
}

/**
 * Rate-limits expensive operations per key.
 * @throws Failure `too_many_requests`
 */
export async function limitExpensive(
  client: string,
  operation: "test messages" | "replays" | "readiness checks" | "metrics requests",
  { requestsPerClient }: AuthConfig,
): Promise<void> {
  await count(requestsPerClient, `${operation} ${client}`, `${operation} with your API key`);
}

async function count(limiter: RateLimiter | undefined, key: string, what: string): Promise<void> {
  const counted = await limiter?.limit({ key });
  if (counted?.success !== false) return;
  throw new Failure("too_many_requests", `Too many ${what}`, { retryAfterMs: COUNTER_PERIOD_MS });
}

async function clientOfKey(
  presented: string | undefined,
  apiKeys: readonly ApiKey[],
  digestOf: (key: ApiKey) => Uint8Array<ArrayBuffer> | undefined,
): Promise<string> {
  if (presented === undefined) {
    throw new Failure("unauthorized", "Missing API key: send Authorization: Bearer or X-API-Key");
  }
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(presented));
  // Compares with all keys, so that the time does not depend on which one matches.
  const [key] = apiKeys.filter((apiKey) => {
    const known = digestOf(apiKey);
    return known !== undefined && crypto.subtle.timingSafeEqual(known, digest);
  });
  if (key === undefined) throw new Failure("unauthorized", "Invalid API key");
  return clientIdOfKey(key);
}

function presentedKey(headers: Headers): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get("Authorization") ?? "")?.[1];
  return bearer ?? (headers.get("X-API-Key")?.trim() || undefined);
}
