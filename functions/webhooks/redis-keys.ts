/**
 * Redis keys of webhooks. Times are Unix times in milliseconds. Each script declares all keys that it touches, because
 * Upstash locks the whole database while it reads an undeclared key from disk.
 *
 * - `webhook:{id}`: hash, one webhook;
 * - `owner:{owner}`: sorted set, an owner's webhook IDs by creation time;
 * - `digests:{owner}`: hash, webhook ID → digest of its URL and symbols, to detect duplicates;
 * - `subscribers:{symbol}`: set, IDs of the active webhooks with this symbol, and `id@watchedUntil` of inactive ones;
 * - `poll-schedule`: sorted set, subscribed symbols by the time of their next poll;
 * - `symbol-status`: hash, symbol → last poll as `newestTimestamp checkedAt errorCode`;
 * - `event:{id}`: string, a message body, shared by all receivers. It expires after `MESSAGE_TTL_MS`;
 * - `pending`: sorted set, pending deliveries as `messageId webhookId`, by the time of their next check;
 * - `attempts:{webhook}`: hash, message ID → `attempts retryAt claimedUntil published`, from the first attempt on. The
 *   messages of a paused webhook are parked: they are here, but not in `pending`. Those that only a replay sends are
 *   held: `held 0 0 published`;
 * - `idempotency:{owner}`: hash, digest of an `Idempotency-Key` → `expiry fingerprint response`, at most
 *   `MAX_IDEMPOTENCY_KEYS`;
 * - `deliveries:{webhook}`: list, the delivery log as JSON entries, newest first, at most `MAX_LOG_ENTRIES`.
 */
const PREFIX = "short-interest:webhooks:";

export const KEYS = {
  webhook: (id: string) => `${PREFIX}webhook:${id}`,
  owner: (owner: string) => `${PREFIX}owner:${owner}`,
  digests: (owner: string) => `${PREFIX}digests:${owner}`,
  subscribers: (symbol: string) => `${PREFIX}subscribers:${symbol}`,
  event: (id: string) => `${PREFIX}event:${id}`,
  deliveries: (id: string) => `${PREFIX}deliveries:${id}`,
  pollSchedule: `${PREFIX}poll-schedule`,
  symbolStatus: `${PREFIX}symbol-status`,
  attempts: (id: string) => `${PREFIX}attempts:${id}`,
  pending: `${PREFIX}pending`,
  idempotency: (owner: string) => `${PREFIX}idempotency:${owner}`,
} as const;

/** Entries in the delivery log of a webhook, and in the response of `GET /v1/webhooks/{id}/deliveries`. */
export const MAX_LOG_ENTRIES = 100;
/**
 * Lifetime of a message, in milliseconds, and so the longest pause after which it is still sent. For as long, an inactive
 * webhook gets new messages. Must be longer than all retries: 76 h by `RETRY_SCHEDULE`, up to 9 days if each Retry-After
 * is `MAX_RETRY_AFTER_MS`.
 */
export const MESSAGE_TTL_MS = 14 * 24 * 3_600_000;
