import { createHash } from "node:crypto";

/**
 * Makes a Lua script fail when it touches a key that is not in its KEYS. Redis outside a cluster lets such a script
 * run. Upstash locks the whole database while it reads an undeclared key from disk.
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

const lua = (texts: readonly string[]) => `{${texts.map((text) => `['${text}'] = true`).join(", ")}}`;

/** Part of the error that a script ends with, and of nothing else that Redis says. */
export const UNDECLARED_KEY = "is not declared in KEYS";

const PRELUDE = `
local redis = (function(redis)
  local one, all, none = ${lua(ONE_KEY)}, ${lua(ALL_KEYS)}, ${lua(NO_KEY)}
  local declared = {}
  for _, key in ipairs(KEYS) do declared[key] = true end
  local function check(name, ...)
    local command, arguments = string.upper(name), {...}
    local count = one[command] and 1 or all[command] and #arguments or none[command] and 0
    if not count then error('the positions of the keys of ' .. command .. ' are not known') end
    for position = 1, count do
      if not declared[arguments[position]] then
        error('the key ' .. tostring(arguments[position]) .. ' of ' .. command .. ' ${UNDECLARED_KEY}')
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

/** The flag line of a script, which only Upstash knows; Redis refuses the script. */
const FLAGS = /^#!lua flags=allow-key-locking\n/;

const digestOf = (text: string) => createHash("sha1").update(text).digest("hex");
/** Digests of scripts as the client knows them, and with the check. Redis shares its scripts between databases, too. */
const digests = new Map<string, string>();

/** The command that runs a script with the check; any other command as it is. */
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
