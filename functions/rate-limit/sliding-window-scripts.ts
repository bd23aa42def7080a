/**
 * The scripts of the sliding-window log. A log is a sorted set of permit IDs. The score of an entry is the latest time at
 * which its call can reach OpenD. Times are Unix times in milliseconds, by the clock of Redis.
 */

/** Only extends an expiry: an earlier one would drop permits that still count. */
const EXTEND = `
local function extend(log, ms)
  if redis.call('PTTL', log) < ms then redis.call('PEXPIRE', log, ms) end
end
`;

/**
 * Grants or refuses a permit.
 *
 * KEYS: account's log, block, client's log, wasted calls.
 *
 * ARGV: 1 permit, 2 limit, 3 windowMs, 4 maxInFlightMs, 5 maxWaitMs, 6 permit to release first or '', 7 limit of the client,
 * 8 expectedCallMs, 9 reserve, 10 maximum reserve for wasted calls, 11 wasteMemoryMs, 12 expiryMarginMs.
 *
 * Returns {granted 0|1, ms until the start, remaining, remaining for the client, reason of a refusal: 0 the limit | 1 the
 * client's share | 2 the reserve}. A granted permit starts when it is safe. A refusal returns an estimated time: it
 * assumes that calls in flight get their reply within expectedCallMs.
 */
export const ACQUIRE_SCRIPT = `${EXTEND}
local accountLog, block, clientLog, wastedCalls = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local permit, limit, windowMs, maxInFlightMs = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local maxWaitMs, replaced, clientLimit, expectedCallMs = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local reserve, maxWasteReserve, wasteMemoryMs, expiryMarginMs = tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11], ARGV[12]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if reserve > 0 then maxWaitMs = 0 end
if maxWasteReserve > reserve then
  local wasted = redis.call('ZCOUNT', wastedCalls, now - wasteMemoryMs, '+inf')
  reserve = math.max(reserve, math.min(maxWasteReserve, wasted))
end
-- Returns the safe start, the estimated start, and the remaining permits.
local function startIn(log, limit, reserve)
  if replaced ~= '' then redis.call('ZREM', log, replaced) end
  redis.call('ZREMRANGEBYSCORE', log, '-inf', now - windowMs - 1)
  local count = redis.call('ZCARD', log)
  local remaining = math.max(limit - count, 0)
  if count < limit - reserve then return now, now, remaining end
  local nthNewest = tonumber(redis.call('ZRANGE', log, reserve - limit, reserve - limit, 'WITHSCORES')[2])
  local estimate = nthNewest
  if nthNewest > now then
    estimate = math.min(nthNewest, math.max(now, nthNewest - maxInFlightMs + expectedCallMs))
  end
  return math.max(now, nthNewest + windowMs + 1), math.max(now, estimate + windowMs + 1), remaining
end
local score = redis.call('ZSCORE', accountLog, permit)
local start, estimate, remaining = startIn(accountLog, limit, reserve)
local clientStart, clientEstimate, clientRemaining = startIn(clientLog, clientLimit, 0)
if score then return {1, math.max(0, score - maxInFlightMs - now), remaining, clientRemaining, 0} end
local blockedUntil = now + math.max(0, redis.call('PTTL', block))
estimate = math.max(estimate, clientEstimate, blockedUntil)
if clientStart - now > maxWaitMs then return {0, estimate - now, remaining, clientRemaining, 1} end
start = math.max(start, clientStart, blockedUntil)
if start - now > maxWaitMs then
  local reason = reserve > 0 and blockedUntil - now <= maxWaitMs and 2 or 0
  return {0, estimate - now, remaining, clientRemaining, reason}
end
for _, log in ipairs({accountLog, clientLog}) do
  redis.call('ZADD', log, start + maxInFlightMs, permit)
  extend(log, start - now + maxInFlightMs + windowMs + expiryMarginMs)
end
return {1, start - now, math.max(remaining - 1, 0), math.max(clientRemaining - 1, 0), 0}
`;

/** KEYS: log, block. ARGV: 1 limit, 2 windowMs. Returns the permits that could start now. */
export const REMAINING_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
return math.max(0, ARGV[1] - redis.call('ZCOUNT', KEYS[1], now - ARGV[2], '+inf'))
`;

/**
 * Lowers the score of a permit to now. Its call got a reply, so it has reached OpenD.
 *
 * KEYS: account's log, client's log, wasted calls.
 *
 * ARGV: 1 permit, 2 windowMs, 3 second entry for the client, or '' if the call was not wasted, 4 wasteMemoryMs,
 * 5 expiryMarginMs, 6 wasted calls that are remembered for each client.
 */
export const SETTLE_SCRIPT = `${EXTEND}
local accountLog, clientLog, wastedCalls = KEYS[1], KEYS[2], KEYS[3]
local permit, windowMs, secondEntry = ARGV[1], ARGV[2], ARGV[3]
local wasteMemoryMs, expiryMarginMs, slots = ARGV[4], ARGV[5], tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.ceil(time[2] / 1000)
for _, log in ipairs({accountLog, clientLog}) do
  local score = redis.call('ZSCORE', log, permit)
  if score and tonumber(score) > now then redis.call('ZADD', log, now, permit) end
end
if secondEntry ~= '' then
  redis.call('ZADD', clientLog, now, secondEntry)
  extend(clientLog, windowMs + expiryMarginMs)
  redis.call('ZREMRANGEBYSCORE', wastedCalls, '-inf', now - wasteMemoryMs)
  -- One of the client's slots: a free one, or that of its oldest wasted call.
  local slot, oldest
  for i = 1, slots do
    local member = clientLog .. ' ' .. i
    local score = tonumber(redis.call('ZSCORE', wastedCalls, member) or -1)
    if not oldest or score < oldest then slot, oldest = member, score end
    if score < 0 then break end
  end
  redis.call('ZADD', wastedCalls, now, slot)
  redis.call('PEXPIRE', wastedCalls, wasteMemoryMs)
end
return 0
`;
