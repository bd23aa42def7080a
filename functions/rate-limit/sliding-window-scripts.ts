/**
 * The scripts of the sliding-window log. The log is one string, so that a script reads it with one command and writes it
 * with another. It has a line `SCORE PERMIT WEIGHT CLIENT` for each permit. The score is the latest time at which the
 * permit's call can reach OpenD. Times are Unix times in milliseconds, by the clock of Redis.
 *
 * A permit counts for a window after its score. Its weight is what it counts for its client: 2 for a wasted call, 1 for
 * all others. It counts once for the account. The line of a wasted call may stay longer, and lowers the limit of new
 * symbols.
 */

/** Matches one line: score, permit, weight, client. A permit has no space, and a client no line break. */
const LINE = "(%d+) (%S+) (%d) ([^\\n]*)\\n";

/**
 * Grants or refuses a permit. Drops the lines that do not count any more.
 *
 * KEYS: log, block, and optionally the lease that the call needs.
 *
 * ARGV: 1 permit, 2 client, 3 limit, 4 windowMs, 5 maxInFlightMs, 6 maxWaitMs, 7 permit to release first or '', 8 limit of
 * the client, 9 expectedCallMs, 10 reserve, 11 maximum reserve for wasted calls, 12 wasteMemoryMs, 13 wasted calls that are
 * remembered, 14 of them for each client, 15 ttlMs, 16 lease ID.
 *
 * Returns {granted 0|1, ms until the start, remaining, remaining for the client, reason of a refusal: 0 the limit | 1 the
 * client's share | 2 the reserve | 3 the lease, now}. A granted permit starts when it is safe. A refusal returns an estimated
 * time: it assumes that calls in flight get their reply within expectedCallMs.
 */
export const ACQUIRE_SCRIPT = `
local log, block = KEYS[1], KEYS[2]
local permit, client, limit, windowMs = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local maxInFlightMs, maxWaitMs, replaced = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local clientLimit, expectedCallMs = tonumber(ARGV[8]), tonumber(ARGV[9])
local reserve, maxWasteReserve, wasteMemoryMs = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local maxWasted, maxWastedOfClient, ttlMs, leaseId = tonumber(ARGV[13]), tonumber(ARGV[14]), ARGV[15], ARGV[16]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('MGET', unpack(KEYS))
if KEYS[3] and stored[3] ~= leaseId then return {0, 0, 0, 0, 3, now} end
local entries, isReplaced = {}, false
for score, id, weight, owner in string.gmatch(stored[1] or '', '${LINE}') do
  if id == replaced then
    isReplaced = true
  else
    table.insert(entries, {score = tonumber(score), id = id, weight = tonumber(weight), client = owner})
  end
end
table.sort(entries, function(one, other) return one.score > other.score end)
local lines = {}
local function addLine(score, id, weight, owner)
  table.insert(lines, string.format('%.0f %s %d %s\\n', score, id, weight, owner))
end
-- Scores, the newest first.
local scores, clientScores, grantedScore = {}, {}, nil
local wasted, wastedBy = 0, {}
for _, entry in ipairs(entries) do
  local isCounted = entry.score >= now - windowMs
  if isCounted then
    if entry.id == permit then grantedScore = entry.score end
    table.insert(scores, entry.score)
    for _ = 1, entry.client == client and entry.weight or 0 do table.insert(clientScores, entry.score) end
  end
  local ofClient = wastedBy[entry.client] or 0
  local isRemembered = entry.weight == 2 and entry.score >= now - wasteMemoryMs
    and wasted < maxWasted and ofClient < maxWastedOfClient
  if isRemembered then
    wasted, wastedBy[entry.client] = wasted + 1, ofClient + 1
  end
  if isCounted or isRemembered then addLine(entry.score, entry.id, entry.weight, entry.client) end
end
if reserve > 0 then maxWaitMs = 0 end
reserve = math.max(reserve, math.min(maxWasteReserve, wasted))
-- Returns the safe start, the estimated start, and the remaining permits.
local function startIn(scores, limit, reserve)
  local remaining = math.max(limit - #scores, 0)
  local nthNewest = scores[limit - reserve]
  if not nthNewest then return now, now, remaining end
  local estimate = nthNewest
  if nthNewest > now then
    estimate = math.min(nthNewest, math.max(now, nthNewest - maxInFlightMs + expectedCallMs))
  end
  return math.max(now, nthNewest + windowMs + 1), math.max(now, estimate + windowMs + 1), remaining
end
local start, estimate, remaining = startIn(scores, limit, reserve)
local clientStart, clientEstimate, clientRemaining = startIn(clientScores, clientLimit, 0)
if grantedScore then
  return {1, math.max(0, grantedScore - maxInFlightMs - now), remaining, clientRemaining, 0, now}
end
local blockedUntil = now
if stored[2] then blockedUntil = now + math.max(0, redis.call('PTTL', block)) end
estimate = math.max(estimate, clientEstimate, blockedUntil)
local function write() redis.call('SET', log, table.concat(lines), 'PX', ttlMs) end
local function refuse(reason)
  if isReplaced then write() end
  return {0, estimate - now, remaining, clientRemaining, reason, now}
end
if clientStart - now > maxWaitMs then return refuse(1) end
start = math.max(start, clientStart, blockedUntil)
if start - now > maxWaitMs then
  return refuse(reserve > 0 and blockedUntil - now <= maxWaitMs and 2 or 0)
end
addLine(start + maxInFlightMs, permit, 1, client)
write()
return {1, start - now, math.max(remaining - 1, 0), math.max(clientRemaining - 1, 0), 0, now}
`;

/** KEYS: log, block. ARGV: 1 limit, 2 windowMs. Returns the permits that could start now. */
export const REMAINING_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('MGET', KEYS[1], KEYS[2])
if stored[2] then return 0 end
local remaining = tonumber(ARGV[1])
for score in string.gmatch(stored[1] or '', '${LINE}') do
  if tonumber(score) >= now - tonumber(ARGV[2]) then remaining = remaining - 1 end
end
return math.max(0, remaining)
`;

/** Removes an unused permit. KEYS: log. ARGV: 1 permit, 2 ttlMs. */
export const RELEASE_SCRIPT = `
local stored = redis.call('GET', KEYS[1])
local lines, isFound = {}, false
for score, id, weight, client in string.gmatch(stored or '', '${LINE}') do
  if id == ARGV[1] then
    isFound = true
  else
    table.insert(lines, string.format('%s %s %s %s\\n', score, id, weight, client))
  end
end
if isFound then redis.call('SET', KEYS[1], table.concat(lines), 'PX', ARGV[2]) end
return 0
`;

/**
 * Lua source of `settle(log, stored, first)`, for the script that stores the reply. It lowers the score of a permit to the
 * time of the reply: the call has reached OpenD. It writes the log with one `SET`, and nothing if the log is missing.
 *
 * - `log`: its key, which the script declares
 * - `stored`: its value, as the script has read it; false if it is missing
 * - `first`: the index in ARGV of the first of `SETTLE_ARGS` arguments: permit, time of the reply, weight, ttlMs
 */
export const SETTLE_FUNCTION = `
local function settle(log, stored, first)
  if not stored then return end
  local permit, repliedAt, newWeight = ARGV[first], tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2])
  local lines = {}
  for score, id, weight, client in string.gmatch(stored, '${LINE}') do
    if id == permit then
      score, weight = math.min(tonumber(score), repliedAt), math.max(tonumber(weight), newWeight)
    end
    table.insert(lines, string.format('%.0f %s %d %s\\n', score, id, weight, client))
  end
  redis.call('SET', log, table.concat(lines), 'PX', ARGV[first + 3])
end
`;

/** The number of arguments of `settle`. */
export const SETTLE_ARGS = 4;

/** Settles a permit by itself. KEYS: log. ARGV: those of `settle`. */
export const SETTLE_SCRIPT = `${SETTLE_FUNCTION}
settle(KEYS[1], redis.call('GET', KEYS[1]), 1)
return 0
`;
