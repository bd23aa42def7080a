-- A Redis database with an injected clock: keys, expiry, strings and hashes.
local redis = {
  -- The clock: Unix time in microseconds, and in milliseconds for expiry.
  micros = 0,
  millis = 0,
  -- After its TTL a key exists in Redis for one more millisecond. 1 removes it that much earlier.
  early = 0,
  -- key → {kind, expires or nil, then: value (string) | fields (hash) | members, scores (sorted set)}
  keys = {},
  -- The declared keys of the running script; nil outside of a script.
  declared = nil,
  commands = {},
}
local commands = redis.commands

function redis.fail(message) error(message, 0) end
local fail = redis.fail

-- Returns the entry of a key. Fails if the running script does not declare the key.
function redis.find(key, kind)
  if redis.declared and not redis.declared[key] then fail('undeclared key ' .. tostring(key)) end
  local entry = redis.keys[key]
  if not entry then return nil end
  if entry.expires and entry.expires < redis.millis + redis.early then
    redis.keys[key] = nil
    return nil
  end
  if kind and entry.kind ~= kind then fail('WRONGTYPE ' .. key) end
  return entry
end
local find = redis.find

-- Converts an argument to text, as Redis does for the numbers of a script.
function redis.text(value)
  if type(value) == 'string' then return value end
  if type(value) == 'number' then return string.format('%.17g', value) end
  fail('command arguments must be strings or numbers')
end
local text = redis.text

function redis.number(value)
  return tonumber(value) or fail('not a number: ' .. text(value))
end

function redis.integer(value)
  if type(value) == 'string' and not value:find('^-?%d+$') then fail('not an integer: ' .. value) end
  return math.tointeger(redis.number(value)) or fail('not an integer: ' .. text(value))
end
local integer = redis.integer

function commands.TIME()
  return {string.format('%d', redis.micros // 1000000), string.format('%d', redis.micros % 1000000)}
end

function commands.EXISTS(...)
  local count = 0
  for _, key in ipairs({...}) do
    if find(key) then count = count + 1 end
  end
  return count
end

function commands.DEL(...)
  local count = 0
  for _, key in ipairs({...}) do
    if find(key) then count = count + 1 end
    redis.keys[key] = nil
  end
  return count
end

function commands.PTTL(key)
  local entry = find(key)
  if not entry then return -2 end
  return entry.expires and entry.expires - redis.millis or -1
end

function commands.PEXPIRE(key, ms)
  local entry = find(key)
  ms = integer(ms)
  if not entry then return 0 end
  if ms > 0 then entry.expires = redis.millis + ms else redis.keys[key] = nil end
  return 1
end

function commands.GET(key)
  local entry = find(key, 'string')
  return entry and entry.value or false
end

function commands.MGET(...)
  local values = {}
  for index, key in ipairs({...}) do
    local entry = find(key)
    values[index] = entry and entry.kind == 'string' and entry.value or false
  end
  return values
end

function commands.SET(key, value, ...)
  local ms, ifAbsent
  local options, index = {...}, 1
  while index <= #options do
    local option = text(options[index]):upper()
    if option == 'PX' then
      ms, index = integer(options[index + 1]), index + 1
      if ms <= 0 then fail('invalid expire time') end
    elseif option == 'NX' then
      ifAbsent = true
    else
      fail('unsupported option of SET: ' .. option)
    end
    index = index + 1
  end
  if ifAbsent and find(key) then return false end
  find(key)
  redis.keys[key] = {kind = 'string', value = text(value), expires = ms and redis.millis + ms}
  return {ok = 'OK'}
end

function commands.INCRBY(key, increment)
  local entry = find(key, 'string')
  local value = integer(entry and entry.value or '0') + integer(increment)
  if not entry then
    entry = {kind = 'string'}
    redis.keys[key] = entry
  end
  entry.value = string.format('%d', value)
  return value
end

function commands.INCR(key) return commands.INCRBY(key, 1) end

function commands.HSET(key, ...)
  local entry, pairs, added = find(key, 'hash'), {...}, 0
  if #pairs == 0 or #pairs % 2 == 1 then fail('wrong number of arguments for HSET') end
  if not entry then
    entry = {kind = 'hash', fields = {}}
    redis.keys[key] = entry
  end
  for index = 1, #pairs, 2 do
    local field = text(pairs[index])
    if entry.fields[field] == nil then added = added + 1 end
    entry.fields[field] = text(pairs[index + 1])
  end
  return added
end

function commands.HGET(key, field)
  local entry = find(key, 'hash')
  return entry and entry.fields[text(field)] or false
end

function commands.HMGET(key, ...)
  local entry, values = find(key, 'hash'), {}
  for index, field in ipairs({...}) do values[index] = entry and entry.fields[text(field)] or false end
  return values
end

function commands.HINCRBY(key, field, increment)
  local entry = find(key, 'hash')
  local value = integer(entry and entry.fields[text(field)] or '0') + integer(increment)
  commands.HSET(key, field, string.format('%d', value))
  return value
end

function commands.HDEL(key, ...)
  local entry, deleted = find(key, 'hash'), 0
  if not entry then return 0 end
  for _, field in ipairs({...}) do
    if entry.fields[field] ~= nil then deleted = deleted + 1 end
    entry.fields[field] = nil
  end
  if next(entry.fields) == nil then redis.keys[key] = nil end
  return deleted
end

return redis
