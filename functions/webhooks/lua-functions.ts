import { KEYS } from "./redis-keys.ts";

/** Lua functions that several scripts start with. */

/**
 * `addAll(key, score, members)` adds all members to a sorted set with the same score. It needs one command for 1,000
 * members: Upstash bills each command, and Lua limits the arguments of a call to about 8,000.
 */
export const ADD_ALL_FUNCTION = `
local function addAll(key, score, members)
  for first = 1, #members, 1000 do
    local pairs = {}
    for index = first, math.min(first + 999, #members) do
      table.insert(pairs, score)
      table.insert(pairs, members[index])
    end
    redis.call('ZADD', key, unpack(pairs))
  end
end
`;

/** The keys that `subscribe` needs: the symbols are those of the webhook before and after the change. */
export function subscribeKeys(symbols: Iterable<string>): string[] {
  return [KEYS.pollSchedule, KEYS.symbolStatus, ...Array.from(new Set(symbols), KEYS.subscribers)];
}

/**
 * `subscribe(id, before, after, now, firstKey)` changes a webhook's symbols from `before` to `after`, both separated by
 * spaces. `firstKey` is the position in KEYS of the first of `subscribeKeys`. A symbol's first subscriber schedules it
 * after all symbols that are already due. Its last subscriber deletes its status, so that the next subscriber starts
 * from a new baseline and gets no message about an old row.
 */
export const SUBSCRIBE_FUNCTIONS = `
local function subscribe(id, before, after, now, firstKey)
  local schedule, status, subscribers, isKept = KEYS[firstKey], KEYS[firstKey + 1], {}, {}
  for position = firstKey + 2, #KEYS do
    subscribers[string.match(KEYS[position], '[^:]+$')] = KEYS[position]
  end
  for symbol in string.gmatch(after, '%S+') do
    isKept[symbol] = true
    redis.call('SADD', subscribers[symbol], id)
    if not redis.call('ZSCORE', schedule, symbol) then redis.call('ZADD', schedule, now, symbol) end
  end
  for symbol in string.gmatch(before, '%S+') do
    if not isKept[symbol] then
      redis.call('SREM', subscribers[symbol], id)
      if redis.call('SCARD', subscribers[symbol]) == 0 then
        redis.call('ZREM', schedule, symbol)
        redis.call('HDEL', status, symbol)
      end
    end
  end
end
`;

/**
 * Functions for all messages of a webhook that were attempted before. `attempts` and `pending` are keys:
 * - `park(id, attempts, pending, ttl)` removes them from the schedule and keeps their state for `ttl` milliseconds;
 * - `unpark(id, attempts, pending, now)` schedules them again. Overdue messages are due at once;
 * - `drop(id, attempts, pending, now)` deletes them, except those with an attempt in flight: its result still counts.
 */
export const PARKING_FUNCTIONS = `
local function parseState(state)
  local count, retryAt, claimedUntil = string.match(state, '^(%d+) (%d+) (%d+)$')
  return tonumber(count), tonumber(retryAt), tonumber(claimedUntil)
end
local function forEachMessage(attempts, callback)
  local states = redis.call('HGETALL', attempts)
  for index = 1, #states, 2 do
    local _, retryAt, claimedUntil = parseState(states[index + 1])
    callback(states[index], retryAt, claimedUntil)
  end
end
local function park(id, attempts, pending, ttl)
  forEachMessage(attempts, function(message) redis.call('ZREM', pending, message .. ' ' .. id) end)
  redis.call('PEXPIRE', attempts, ttl)
end
local function unpark(id, attempts, pending, now)
  redis.call('PERSIST', attempts)
  forEachMessage(attempts, function(message, retryAt, claimedUntil)
    local score = string.format('%.0f', math.max(now, retryAt, claimedUntil))
    redis.call('ZADD', pending, score, message .. ' ' .. id)
  end)
end
local function drop(id, attempts, pending, now)
  forEachMessage(attempts, function(message, _, claimedUntil)
    if claimedUntil > now then return end
    redis.call('ZREM', pending, message .. ' ' .. id)
    redis.call('HDEL', attempts, message)
  end)
end
`;
