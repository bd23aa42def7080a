/**
 * Where webhooks are kept in Redis. Times are Unix times in milliseconds.
 *
 * - `webhook:{id}`: a hash of what is known of a subscription;
 * - `owner:{owner}`: the ids of an owner's, by the time they were made;
 * - `subscribers:{symbol}`: the ids of the active ones that want it;
 * - `watch`: the symbols that somebody wants, by when to look at them next;
 * - `newest`: what was last seen of each of them, as `timestamp checkedAt code`;
 * - `event:{id}`: the body of a message, the same for all who get it;
 * - `pending`: deliveries that have not come to an end, as `event webhook`, by when somebody should see to them
 *   if nobody does. What is in it is delivered, given up, or looked at again: it is the one thing that must not
 *   be lost;
 * - `tries`: of those that were tried, `tries dueAt claimedUntil`;
 * - `deliveries:{webhook}`: the last tries, newest first, as JSON.
 */
const PREFIX = "short-interest:webhooks:";

export const KEYS = {
  webhook: (id: string) => `${PREFIX}webhook:${id}`,
  owned: (owner: string) => `${PREFIX}owner:${owner}`,
  event: (id: string) => `${PREFIX}event:${id}`,
  log: (id: string) => `${PREFIX}deliveries:${id}`,
  watch: `${PREFIX}watch`,
  newest: `${PREFIX}newest`,
  pending: `${PREFIX}pending`,
  tries: `${PREFIX}tries`,
} as const;

/** Tries that are remembered of each webhook. */
export const MOST_TRIES = 100;

/**
 * Lua that others begin with: `subscribe(id, before, after, now)` makes a webhook that wanted the symbols `before`
 * one that wants those of `after`; both are lists with spaces. A symbol that nobody has wanted has its turn after
 * those that are due already. One that nobody wants any more is forgotten, so that whoever wants it later is told of
 * nothing that is old by then.
 */
export const SUBSCRIBE = `
local prefix = '${PREFIX}'
local function subscribe(id, before, after, now)
  local wanted = {}
  for symbol in string.gmatch(after, '%S+') do
    wanted[symbol] = true
    redis.call('SADD', prefix .. 'subscribers:' .. symbol, id)
    if not redis.call('ZSCORE', prefix .. 'watch', symbol) then redis.call('ZADD', prefix .. 'watch', now, symbol) end
  end
  for symbol in string.gmatch(before, '%S+') do
    if not wanted[symbol] then
      redis.call('SREM', prefix .. 'subscribers:' .. symbol, id)
      if redis.call('SCARD', prefix .. 'subscribers:' .. symbol) == 0 then
        redis.call('ZREM', prefix .. 'watch', symbol)
        redis.call('HDEL', prefix .. 'newest', symbol)
      end
    end
  end
end
local function unsubscribe(id)
  local webhook = redis.call('HMGET', prefix .. 'webhook:' .. id, 'active', 'symbols')
  if webhook[1] == '1' then subscribe(id, webhook[2], '', 0) end
end
`;
