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
 * `memberOf(id, active, watchedUntil)` is the webhook's member of `subscribers` sets: the ID of an active webhook, and
 * `id@watchedUntil` of an inactive one.
 *
 * `subscribe(old, before, new, after, now, firstKey)` replaces the member `old` at the symbols `before` by the member
 * `new` at the symbols `after`. Symbols are separated by spaces. `firstKey` is the position in KEYS of the first of
 * `subscribeKeys`. A symbol's first subscriber schedules it after all symbols that are already due. Its last subscriber
 * deletes its status, so that the next subscriber starts from a new baseline and gets no message about an old row.
 */
export const SUBSCRIBE_FUNCTIONS = `
local function memberOf(id, active, watchedUntil)
  if active == '1' then return id end
  return id .. '@' .. watchedUntil
end
local function subscribe(old, before, new, after, now, firstKey)
  local schedule, status, subscribers, isKept = KEYS[firstKey], KEYS[firstKey + 1], {}, {}
  for position = firstKey + 2, #KEYS do
    subscribers[string.match(KEYS[position], '[^:]+$')] = KEYS[position]
  end
  for symbol in string.gmatch(after, '%S+') do
    isKept[symbol] = true
    redis.call('SADD', subscribers[symbol], new)
    if not redis.call('ZSCORE', schedule, symbol) then redis.call('ZADD', schedule, now, symbol) end
  end
  for symbol in string.gmatch(before, '%S+') do
    if old ~= new or not isKept[symbol] then redis.call('SREM', subscribers[symbol], old) end
    if not isKept[symbol] and redis.call('SCARD', subscribers[symbol]) == 0 then
      redis.call('ZREM', schedule, symbol)
      redis.call('HDEL', status, symbol)
    end
  end
end
`;

/**
 * The state of a message in the hash `attempts` of a webhook: `attempts retryAt claimedUntil published`, or
 * `held 0 0 published`. A held message is sent only after a replay; its `attempts` are nil. `published` is the member
 * `timestamp` of the message: ISO times in UTC, which are compared as strings.
 */
export const STATE_FUNCTIONS = `
local function parseState(state)
  local count, retryAt, claimedUntil, published = string.match(state, '^(%w+) (%d+) (%d+) ?(%S*)$')
  return tonumber(count), tonumber(retryAt), tonumber(claimedUntil), published
end
local function heldState(published) return 'held 0 0 ' .. published end
`;

/**
 * `forEachState(attempts, callback)` calls back with the message ID and the parts of the state. `forEachMessage` leaves
 * out held messages. `callInParts(name, key, arguments)` runs a command with any even number of arguments.
 */
export const EACH_STATE_FUNCTIONS = `${STATE_FUNCTIONS}
local function forEachState(attempts, callback)
  local states = redis.call('HGETALL', attempts)
  for index = 1, #states, 2 do callback(states[index], parseState(states[index + 1])) end
end
local function forEachMessage(attempts, callback)
  forEachState(attempts, function(message, count, ...)
    if count then callback(message, count, ...) end
  end)
end
local function callInParts(name, key, arguments)
  for first = 1, #arguments, 1000 do
    redis.call(name, key, unpack(arguments, first, math.min(first + 999, #arguments)))
  end
end
`;

/**
 * `attempts` and `pending` are keys, `ttl` is in milliseconds:
 * - `park(id, attempts, pending, ttl)` removes all messages from the schedule and keeps their state for `ttl`;
 * - `unpark(id, attempts, pending, now)` schedules them again. Overdue messages are due at once.
 */
export const PARKING_FUNCTIONS = `${EACH_STATE_FUNCTIONS}
local function unschedule(id, attempts, pending)
  local deliveries = {}
  forEachMessage(attempts, function(message) table.insert(deliveries, message .. ' ' .. id) end)
  callInParts('ZREM', pending, deliveries)
end
local function park(id, attempts, pending, ttl)
  unschedule(id, attempts, pending)
  redis.call('PEXPIRE', attempts, ttl)
end
local function unpark(id, attempts, pending, now)
  local deliveries = {}
  redis.call('PERSIST', attempts)
  forEachMessage(attempts, function(message, _, retryAt, claimedUntil)
    table.insert(deliveries, string.format('%.0f', math.max(now, retryAt, claimedUntil)))
    table.insert(deliveries, message .. ' ' .. id)
  end)
  callInParts('ZADD', pending, deliveries)
end
`;

/**
 * - `hold(id, attempts, pending, ttl, now)` holds all messages, except those with an attempt in flight: its result counts;
 * - `prune(attempts, before)` deletes held messages that were published before this time.
 */
export const HOLDING_FUNCTIONS = `${EACH_STATE_FUNCTIONS}
local function hold(id, attempts, pending, ttl, now)
  local deliveries, states = {}, {}
  forEachMessage(attempts, function(message, _, _, claimedUntil, published)
    if claimedUntil > now then return end
    table.insert(deliveries, message .. ' ' .. id)
    table.insert(states, message)
    table.insert(states, heldState(published))
  end)
  callInParts('ZREM', pending, deliveries)
  callInParts('HSET', attempts, states)
  redis.call('PEXPIRE', attempts, ttl)
end
local function prune(attempts, before)
  local expired = {}
  forEachState(attempts, function(message, count, _, _, published)
    if not count and published < before then table.insert(expired, message) end
  end)
  callInParts('HDEL', attempts, expired)
end
`;
