/**
 * The layout of webhooks in Redis. Times are Unix times in milliseconds. Each script declares all keys that it touches:
 * Upstash locks the whole database while it reads an undeclared key from disk.
 *
 * - `webhook:{id}`: a hash, the subscription;
 * - `owner:{owner}`: a sorted set, the webhooks of an owner by creation time;
 * - `digests:{owner}`: a hash, of each webhook of an owner a digest of its URL and symbols, to find duplicates;
 * - `subscribers:{symbol}`: a set, the active webhooks that want the symbol;
 * - `watch`: a sorted set, the wanted symbols by the time of their next look;
 * - `newest`: a hash, what was last seen of each of them, as `timestamp checkedAt code`;
 * - `event:{id}`: the body of a message, the same for all receivers;
 * - `pending`: a sorted set, the schedule: undelivered messages as `event webhook`, by the time to look at them again;
 * - `tries:{webhook}`: a hash, the state of each message that an attempt has claimed before, as
 *   `tries dueAt claimedUntil`. Messages of a paused webhook are parked: they are here, and not in `pending`;
 * - `deliveries:{webhook}`: a list, the last tries as JSON, newest first.
 */
const PREFIX = "short-interest:webhooks:";

export const KEYS = {
  webhook: (id: string) => `${PREFIX}webhook:${id}`,
  owned: (owner: string) => `${PREFIX}owner:${owner}`,
  digests: (owner: string) => `${PREFIX}digests:${owner}`,
  subscribers: (symbol: string) => `${PREFIX}subscribers:${symbol}`,
  event: (id: string) => `${PREFIX}event:${id}`,
  log: (id: string) => `${PREFIX}deliveries:${id}`,
  watch: `${PREFIX}watch`,
  newest: `${PREFIX}newest`,
  tries: (id: string) => `${PREFIX}tries:${id}`,
  pending: `${PREFIX}pending`,
} as const;

/** Tries that are remembered of each webhook. */
export const MOST_TRIES = 100;
/** How long a message lives, in milliseconds. It is tried for 76 h, or once a day where the receiver asks for that. */
export const MESSAGE_LIFE_MS = 14 * 24 * 3_600_000;
