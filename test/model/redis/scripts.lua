-- Runs commands and scripts like Redis. This interpreter is Lua 5.4, and that of Redis is Lua 5.1. Two differences
-- matter: in 5.4 the quotient of two integers is concatenated as "1.0", and `n % 0` is an error.
-- virtual-redis.test.ts compares the replies with those of a real Redis.
local redis = require('database')
require('sorted-sets')
local fail = redis.fail

-- A history creates little garbage, so fewer collections are faster.
collectgarbage('incremental', 400, 400)

local SEPARATOR = '\31'

-- Command name → number of runs, as in `INFO commandstats` of Redis: a script, and each command inside it.
local counts, total = {}, 0
local function count(name)
  counts[name] = (counts[name] or 0) + 1
  total = total + 1
end

local function call(name, ...)
  local command = redis.commands[name] or fail('unknown command ' .. tostring(name))
  count(name)
  return command(...)
end

-- The functions that a script may use. All of them exist in Lua 5.1.
local globals = {
  redis = {call = call},
  tonumber = tonumber,
  tostring = tostring,
  type = type,
  ipairs = ipairs,
  pairs = pairs,
  select = select,
  unpack = table.unpack,
  math = {floor = math.floor, ceil = math.ceil, min = math.min, max = math.max, abs = math.abs},
  table = {concat = table.concat, insert = table.insert, remove = table.remove, sort = table.sort},
  string = {
    format = string.format,
    match = string.match,
    gmatch = string.gmatch,
    find = string.find,
    sub = string.sub,
  },
}
local environment = setmetatable({}, {
  __index = function(_, name)
    local value = globals[name]
    if value == nil then fail('nonexistent global variable ' .. tostring(name)) end
    return value
  end,
  __newindex = function(_, name) fail('attempt to create the global variable ' .. tostring(name)) end,
})

-- Encodes a reply for `lua-reply.ts` with the conversions of Redis: false becomes nil, numbers lose their fraction, and a
-- list ends at its first nil.
local function encode(value)
  local kind = type(value)
  if kind == 'string' then return '$' .. #value .. ';' .. value end
  if kind == 'number' then return string.format(':%d;', value < 0 and math.ceil(value) or math.floor(value)) end
  if value == true then return ':1;' end
  if kind ~= 'table' then return '_' end
  if value.ok then return encode(value.ok) end
  local items = {}
  for index, item in ipairs(value) do items[index] = encode(item) end
  return '*' .. #items .. ';' .. table.concat(items)
end

local function fieldsOf(request)
  local fields, count, from = {}, 0, 1
  repeat
    local separator = request:find(SEPARATOR, from, true)
    count = count + 1
    fields[count] = request:sub(from, separator and separator - 1)
    from = separator and separator + 1
  until not from
  return fields, count
end

-- Begins a request. A script that failed has left its declared keys.
local function begin(micros)
  redis.micros = math.tointeger(micros)
  redis.millis = redis.micros // 1000
  redis.declared = nil
end

-- The functions that JavaScript calls have a number and a text as arguments, and return an encoded reply.

local compiled = {}

-- Compiles a script. Returns its ID.
function define(_, source)
  compiled[#compiled + 1] = assert(load(source, '=script', 't', environment))
  return encode(#compiled)
end

-- Runs a script. The request contains the command that runs it (EVAL or EVALSHA), the ID of the script, the number of
-- keys, the keys, and the arguments.
function evaluate(micros, request)
  begin(micros)
  local fields, length = fieldsOf(request)
  count(fields[1])
  local keys, args, declared = {}, {}, {}
  local last = 3 + tonumber(fields[3])
  for index = 4, last do
    keys[index - 3] = fields[index]
    declared[fields[index]] = true
  end
  table.move(fields, last + 1, length, 1, args)
  globals.KEYS, globals.ARGV = keys, args
  redis.declared = declared
  return encode(compiled[tonumber(fields[2])]())
end

-- Runs one command.
function command(micros, request)
  begin(micros)
  return encode(call(table.unpack((fieldsOf(request)))))
end

-- Counts a command that the caller runs itself.
function countOne(_, name)
  count(name)
  return encode(nil)
end

-- Returns the number of counted commands.
function countAll() return encode(total) end

-- Returns the counted commands as a list of names and numbers.
function counted()
  local list = {}
  for name, runs in pairs(counts) do
    list[#list + 1] = name
    list[#list + 1] = runs
  end
  return encode(list)
end

-- Empties the database and the counts. `early` is 1 if a key expires at the end of its TTL, 0 if one millisecond later.
function reset(early)
  redis.keys, redis.early = {}, early
  counts, total = {}, 0
  return encode(nil)
end

-- Returns all keys that have not expired.
function existing(micros)
  begin(micros)
  local names = {}
  for key in pairs(redis.keys) do names[#names + 1] = key end
  table.sort(names)
  local found = {}
  for _, name in ipairs(names) do
    if redis.find(name) then found[#found + 1] = name end
  end
  return encode(found)
end

local function copy(value)
  if type(value) ~= 'table' then return value end
  local result = {}
  for key, item in pairs(value) do result[key] = copy(item) end
  return result
end

-- `save` copies the database, and `restore` restores the copy.
local saved
function save()
  saved = copy(redis.keys)
  return encode(nil)
end
function restore()
  redis.keys = copy(saved)
  return encode(nil)
end
