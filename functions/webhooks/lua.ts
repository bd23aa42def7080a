import { KEYS } from "./keys.ts";

/** Lua that several scripts begin with. */

/** The keys that `subscribe` needs for a webhook that wants, or wanted, these symbols. */
export function subscribeKeys(symbols: Iterable<string>): string[] {
  return [KEYS.watch, KEYS.newest, ...Array.from(new Set(symbols), KEYS.subscribers)];
}

/**
 * `subscribe(id, before, after, now, first)` makes a webhook that wanted the symbols `before` one that wants those of
 * `after`. Both are lists with spaces. `first` is the position in KEYS of the first of `subscribeKeys`. A symbol that
 * had no subscriber is looked at after those that are due already. A symbol that has none any more is forgotten, so
 * that a later subscriber gets no message of a row that is old by then.
 */
export const SUBSCRIBE = `
local function subscribe(id, before, after, now, first)
  local watch, newest, subscribers, wanted = KEYS[first], KEYS[first + 1], {}, {}
  for position = first + 2, #KEYS do subscribers[string.match(KEYS[position], '[^:]+$')] = KEYS[position] end
  for symbol in string.gmatch(after, '%S+') do
    wanted[symbol] = true
    redis.call('SADD', subscribers[symbol], id)
    if not redis.call('ZSCORE', watch, symbol) then redis.call('ZADD', watch, now, symbol) end
  end
  for symbol in string.gmatch(before, '%S+') do
    if not wanted[symbol] then
      redis.call('SREM', subscribers[symbol], id)
      if redis.call('SCARD', subscribers[symbol]) == 0 then
        redis.call('ZREM', watch, symbol)
        redis.call('HDEL', newest, symbol)
      end
    end
  end
end
`;

/**
 * All messages of a webhook that an attempt has claimed before. `tries` and `pending` are keys:
 * - `park(id, tries, pending, life)` takes them out of the schedule. Their state is kept for `life` milliseconds;
 * - `unpark(id, tries, pending, now)` schedules them again. A message whose next attempt was due is due at once;
 * - `drop(id, tries, pending, now)` forgets them, except those that an attempt holds: its result still counts.
 */
export const PARKING = `
local function stateOf(state)
  local tries, due, claimed = string.match(state, '^(%d+) (%d+) (%d+)$')
  return tonumber(tries), tonumber(due), tonumber(claimed)
end
local function forEachMessage(tries, work)
  local states = redis.call('HGETALL', tries)
  for at = 1, #states, 2 do
    local _, due, claimed = stateOf(states[at + 1])
    work(states[at], due, claimed)
  end
end
local function park(id, tries, pending, life)
  forEachMessage(tries, function(message) redis.call('ZREM', pending, message .. ' ' .. id) end)
  redis.call('PEXPIRE', tries, life)
end
local function unpark(id, tries, pending, now)
  redis.call('PERSIST', tries)
  forEachMessage(tries, function(message, due, claimed)
    redis.call('ZADD', pending, string.format('%.0f', math.max(now, due, claimed)), message .. ' ' .. id)
  end)
end
local function drop(id, tries, pending, now)
  forEachMessage(tries, function(message, _, claimed)
    if claimed > now then return end
    redis.call('ZREM', pending, message .. ' ' .. id)
    redis.call('HDEL', tries, message)
  end)
end
`;
