-- The sorted sets of the database. `members` is ordered by score, then by member.
local redis = require('database')
local commands, find, text, number, integer, fail =
  redis.commands, redis.find, redis.text, redis.number, redis.integer, redis.fail

local function scoreText(score)
  return string.format(math.tointeger(score) and '%d' or '%.17g', score)
end

local function insert(set, member, score)
  local members, scores = set.members, set.scores
  local index = #members
  while index > 0 do
    local other = scores[members[index]]
    if other < score or (other == score and members[index] < member) then break end
    index = index - 1
  end
  table.insert(members, index + 1, member)
  scores[member] = score
end

local function remove(set, member)
  for index, other in ipairs(set.members) do
    if other == member then
      table.remove(set.members, index)
      break
    end
  end
  set.scores[member] = nil
end

-- Parses the bound of a range. Returns its value, and whether it is exclusive.
local function bound(value)
  if value == '-inf' then return -math.huge, false end
  if value == '+inf' then return math.huge, false end
  if type(value) == 'string' and value:byte() == 40 then return number(value:sub(2)), true end
  return number(value), false
end

-- Returns the indexes of the first and the last member in a range of scores.
local function indexRange(set, min, max)
  local low, isAbove = bound(min)
  local high, isBelow = bound(max)
  if not set then return 1, 0 end
  local members, scores = set.members, set.scores
  local first, last = 1, #members
  while first <= last do
    local score = scores[members[first]]
    if score > low or (score == low and not isAbove) then break end
    first = first + 1
  end
  while first <= last do
    local score = scores[members[last]]
    if score < high or (score == high and not isBelow) then break end
    last = last - 1
  end
  return first, last
end

local function reversed(list)
  local result = {}
  for index = #list, 1, -1 do result[#result + 1] = list[index] end
  return result
end

local function byScore(key, min, max)
  local set = find(key, 'zset')
  local first, last = indexRange(set, min, max)
  return set and table.move(set.members, first, last, 1, {}) or {}
end

-- Options may be in lower case.
local function optionOf(word) return word and text(word):upper() end

local function limited(list, word, offset, count)
  if word == nil then return list end
  if optionOf(word) ~= 'LIMIT' then fail('syntax error at ' .. text(word)) end
  local from = integer(offset)
  return table.move(list, from + 1, math.min(#list, from + integer(count)), 1, {})
end

function commands.ZADD(key, score, member, more)
  if more ~= nil then fail('ZADD supports one member only') end
  score, member = number(score), text(member)
  local set = find(key, 'zset')
  if not set then
    set = {kind = 'zset', members = {}, scores = {}}
    redis.keys[key] = set
  end
  local isNew = set.scores[member] == nil
  if not isNew then remove(set, member) end
  insert(set, member, score)
  return isNew and 1 or 0
end

function commands.ZREM(key, member, more)
  if more ~= nil then fail('ZREM supports one member only') end
  local set = find(key, 'zset')
  if not set or set.scores[text(member)] == nil then return 0 end
  remove(set, member)
  if #set.members == 0 then redis.keys[key] = nil end
  return 1
end

function commands.ZSCORE(key, member)
  local set = find(key, 'zset')
  local score = set and set.scores[text(member)]
  return score and scoreText(score) or false
end

function commands.ZCARD(key)
  local set = find(key, 'zset')
  return set and #set.members or 0
end

function commands.ZCOUNT(key, min, max)
  local first, last = indexRange(find(key, 'zset'), min, max)
  return last - first + 1
end

function commands.ZRANGE(key, first, last, word, ...)
  local option = optionOf(word)
  if option == 'BYSCORE' then
    local reverse, limit, offset, count = ...
    if optionOf(reverse) ~= 'REV' then fail('ZRANGE BYSCORE is supported with REV only') end
    return limited(reversed(byScore(key, last, first)), limit, offset, count)
  end
  if option ~= nil and option ~= 'WITHSCORES' then fail('syntax error at ' .. option) end
  local set, found = find(key, 'zset'), {}
  local from, to = integer(first), integer(last)
  if not set then return found end
  local count = #set.members
  if from < 0 then from = math.max(0, from + count) end
  if to < 0 then to = to + count end
  for index = from + 1, math.min(to + 1, count) do
    local member = set.members[index]
    found[#found + 1] = member
    if option then found[#found + 1] = scoreText(set.scores[member]) end
  end
  return found
end

function commands.ZRANGEBYSCORE(key, min, max, ...) return limited(byScore(key, min, max), ...) end

function commands.ZREVRANGEBYSCORE(key, max, min, ...)
  return limited(reversed(byScore(key, min, max)), ...)
end

function commands.ZREMRANGEBYSCORE(key, min, max)
  local set = find(key, 'zset')
  local first, last = indexRange(set, min, max)
  for _ = first, last do remove(set, set.members[first]) end
  if set and #set.members == 0 then redis.keys[key] = nil end
  return last - first + 1
end
