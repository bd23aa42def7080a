/**
 * The layout of webhooks in Redis. Times are Unix times in milliseconds. Each script declares all keys that it touches:
 * Upstash locks the whole database while it reads an undeclared key from disk.
 *
 * - `webhook:{id}`: a hash, the subscription;
 * - `owner:{owner}`: a sorted set, the webhooks of an owner by creation time;
 * - `subscribers:{symbol}`: a set, the active webhooks that want the symbol;
 * - `watch`: a sorted set, the wanted symbols by the time of their next look;
 * - `newest`: a hash, what was last seen of each of them, as `timestamp checkedAt code`;
 * - `event:{id}`: the body of a message, the same for all receivers;
 * - `pending`: a sorted set, undelivered messages as `event webhook`, by the time to look at them again. A message
 *   leaves it when it is delivered or given up;
 * - `tries`: a hash, of those that were tried, `tries dueAt claimedUntil`;
 * - `deliveries:{webhook}`: a list, the last tries as JSON, newest first.
 */
const PREFIX = "short-interest:webhooks:";

export const KEYS = {
  webhook: (id: string) => `${PREFIX}webhook:${id}`,
  owned: (owner: string) => `${PREFIX}owner:${owner}`,
  subscribers: (symbol: string) => `${PREFIX}subscribers:${symbol}`,
  event: (id: string) => `${PREFIX}event:${id}`,
  log: (id: string) => `${PREFIX}deliveries:${id}`,
  watch: `${PREFIX}watch`,
  newest: `${PREFIX}newest`,
  pending: `${PREFIX}pending`,
  tries: `${PREFIX}tries`,
} as const;

/** Tries that are remembered of each webhook. */
export const MOST_TRIES = 100;
