import { createHash } from "node:crypto";

/**
 * Makes a Lua script fail if it uses a key that is not in its KEYS. Redis without a cluster does not check that.
 * Upstash locks the whole database while it reads an undeclared key from disk.
 */

/** Commands whose first argument is their only key. */
const ONE_KEY = [
  ...["GET", "SET", "INCR", "INCRBY", "PEXPIRE", "PTTL", "PERSIST", "TTL", "EXPIRE", "TYPE"],
  ...["HDEL", "HEXISTS", "HGET", "HGETALL", "HINCRBY", "HKEYS", "HLEN", "HMGET", "HSET", "HVALS"],
  ...["LLEN", "LPUSH", "LRANGE", "LTRIM", "SADD", "SCARD", "SISMEMBER", "SMEMBERS", "SREM"],
  ...["ZADD", "ZCARD", "ZCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZREM", "ZREMRANGEBYSCORE", "ZREVRANGEBYSCORE"],
  "ZSCORE",
];
/** Commands whose arguments are all keys. */
const ALL_KEYS = ["DEL", "EXISTS", "UNLINK", "MGET"];
const NO_KEY = ["TIME"];

const luaSet = (names: readonly string[]) => `{${names.map((name) => `['${name}'] = true`).join(", ")}}`;

/** Part of the error message of such a script. No other Redis error contains it. */
export const UNDECLARED_KEY = "is not declared in KEYS";

const PRELUDE = `
local redis = (function(redis)
  local one, all, none = ${luaSet(ONE_KEY)}, ${luaSet(ALL_KEYS)}, ${luaSet(NO_KEY)}
  local declared = {}
  for _, key in ipairs(KEYS) do declared[key] = true end
  local function check(name, ...)
    local command, arguments = string.upper(name), {...}
    local count = one[command] and 1 or all[command] and #arguments or none[command] and 0
    if not count then error('unknown key positions: ' .. command) end
    for position = 1, count do
      if not declared[arguments[position]] then
        error(command .. ': key ' .. tostring(arguments[position]) .. ' ${UNDECLARED_KEY}')
      end
    end
  end
  local checked = {}
  for _, name in ipairs({'call', 'pcall'}) do
    checked[name] = function(...)
      check(...)
      return redis[name](...)
    end
  end
  return setmetatable(checked, {__index = redis})
end)(redis)
`;

/** The first line of a script with flags. Redis refuses a script with a flag that only Upstash supports. */
const FLAGS = /^#!lua flags=allow-key-locking\n/;

const digestOf = (text: string) => createHash("sha1").update(text).digest("hex");
/** Digest of the original script → digest of the script with the check. All databases of a Redis share scripts. */
const digests = new Map<string, string>();

/** Adds the check to a command that runs a script. Other commands do not change. */
export function withKeyCheck(command: readonly string[]): readonly string[] {
  const [name = "", script = "", ...rest] = command;
  switch (name.toUpperCase()) {
    case "EVAL": {
      const guarded = PRELUDE + script.replace(FLAGS, "");
      digests.set(digestOf(script), digestOf(guarded));
      return [name, guarded, ...rest];
    }
    case "EVALSHA":
      return [name, digests.get(script) ?? script, ...rest];
    default:
      return command;
  }
}
