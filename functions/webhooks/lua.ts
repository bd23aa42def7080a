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
