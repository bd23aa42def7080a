import { ALLOW_CALL, CLOSE, RECORD } from "./circuit-breaker.ts";
import { SHARED_INDEX_MS } from "./freshness.ts";

/**
 * The scripts of the shared cache. Each key that a script touches is declared: for an undeclared key Upstash locks the
 * whole database while it reads that key from disk. Times are Unix times in milliseconds.
 *
 * - A page is a hash: `cursor`, `fetched`, `fresh`, `stale`, `reply` (base64); `newest` and `extent` for comparisons;
 *   `entry`, its member in the index; `doubt` and `doubted`, the last reply that contradicted it, and since when.
 * - A lease is a string that expires by itself: the name of its holder, or `paused CODE` after a failed refresh, with
 *   the code of its failure.
 * - The index of a symbol is a sorted set. A page with a range has the member `newest name` with its oldest timestamp
 *   (seconds) as the score. A cursor that a stored page leads to has the member `next cursor` with the time of the
 *   last such reply as the score, which is above all timestamps in seconds.
 */

/** Above all timestamps in seconds, and below all times in milliseconds. */
const SECONDS_END = 100_000_000_000;

/**
 * KEYS index, circuit, then pairs of page and lease, the requested page last; ARGV lease, leaseMs, now, timestamp to
 * search the index for or '', candidates at most, index member of the requested cursor or '', index entry of each
 * pair but the last → {fetch, ms until it can be fetched, known 0|1, code of a pause or '', cursor, fetched, fresh,
 * stale, reply}, or {'indexed', entries} if another page may have the row.
 */
export const READ = `${ALLOW_CALL}
local name, now = ARGV[1], tonumber(ARGV[3])
local page, lease = nil, KEYS[#KEYS]
for at = 3, #KEYS, 2 do
  local found = redis.call('HMGET', KEYS[at], 'cursor', 'fetched', 'fresh', 'stale', 'reply', 'entry')
  local entry = ARGV[7 + (at - 3) / 2]
  -- The entry of an expired page may name a newer page with other rows.
  if found[4] and tonumber(found[4]) > now and (not entry or entry == found[6]) then
    page, lease = found, KEYS[at + 1]
    break
  end
  if entry then redis.call('ZREM', KEYS[1], entry) end
end
if not page and ARGV[4] ~= '' then
  local entries = {}
  for _, entry in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[1], '(' .. ARGV[4], '-inf', 'LIMIT', 0, ARGV[5])) do
    if tonumber(string.match(entry, '^%d+')) >= tonumber(ARGV[4]) then table.insert(entries, entry) end
  end
  if #entries > 0 then return {'indexed', entries} end
end
local function answer(fetch, waitMs, known, code)
  if not page then return {fetch, waitMs, known, code or '', '', '', '', '', ''} end
  return {fetch, waitMs, known, code or '', page[1], page[2], page[3], page[4], page[5]}
end
if page and tonumber(page[3]) > now then return answer('fresh', 0, 1) end
if not redis.call('SET', lease, name, 'NX', 'PX', ARGV[2]) then
  local code = string.match(redis.call('GET', lease) or '', '^paused (.*)$')
  if code then return answer('paused', math.max(redis.call('PTTL', lease), 1), 1, code) end
  return answer('lease-held', 0, 1)
end
local openMs = allowCall(KEYS[2], name, now, tonumber(ARGV[2]))
if openMs then
  redis.call('DEL', lease)
  return answer('circuit-open', openMs, 1)
end
if page then return answer('lease-acquired', 0, 1) end
if ARGV[6] == '' then return answer('lease-acquired', 0, redis.call('EXISTS', KEYS[1])) end
return answer('lease-acquired', 0, redis.call('ZSCORE', KEYS[1], ARGV[6]) and 1 or 0)
`;

/**
 * KEYS page, lease, index, circuit; ARGV lease, cursor, fetched, fresh, stale, reply, newest, extent, index entry or
 * '', oldest or '', index member of the next cursor or '', now, doubt ms → 'stored', 'doubted' or 'superseded'
 */
export const WRITE = `${CLOSE}
local page, lease, index = KEYS[1], KEYS[2], KEYS[3]
local fetched, newest, extent, now = tonumber(ARGV[3]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[12])
close(KEYS[4])
local stored = redis.call('HMGET', page, 'fetched', 'stale', 'newest', 'extent', 'doubt', 'doubted', 'entry')
local isLeaseHolder = redis.call('GET', lease) == ARGV[1]
local function release()
  if isLeaseHolder then redis.call('DEL', lease) end
end
if stored[2] and tonumber(stored[2]) > now then
  if tonumber(stored[1]) > fetched then
    release()
    return 'superseded'
  end
  if newest < tonumber(stored[3]) or extent < tonumber(stored[4]) then
    local doubt = ARGV[7] .. ' ' .. ARGV[8]
    local repeats = stored[5] == doubt
    if not repeats or now - stored[6] < tonumber(ARGV[13]) then
      if not repeats then redis.call('HSET', page, 'doubt', doubt, 'doubted', ARGV[12]) end
      if isLeaseHolder then redis.call('SET', lease, 'paused opend_failed', 'PX', ARGV[13]) end
      return 'doubted'
    end
  end
end
redis.call('HSET', page, 'cursor', ARGV[2], 'fetched', ARGV[3], 'fresh', ARGV[4], 'stale', ARGV[5], 'reply', ARGV[6],
  'newest', ARGV[7], 'extent', ARGV[8], 'entry', ARGV[9], 'doubt', '', 'doubted', '0')
redis.call('PEXPIRE', page, math.max(1, ARGV[5] - now))
if stored[7] and stored[7] ~= '' and stored[7] ~= ARGV[9] then redis.call('ZREM', index, stored[7]) end
if ARGV[9] ~= '' or ARGV[11] ~= '' then
  if ARGV[9] ~= '' then redis.call('ZADD', index, ARGV[10], ARGV[9]) end
  if ARGV[11] ~= '' then
    redis.call('ZREMRANGEBYSCORE', index, '(${SECONDS_END}', now - ${SHARED_INDEX_MS})
    redis.call('ZADD', index, ARGV[3], ARGV[11])
  end
  redis.call('PEXPIRE', index, ${SHARED_INDEX_MS})
end
release()
return 'stored'
`;

/** KEYS lease, circuit; ARGV lease, pauseMs, 'answered'|'failed'|'not-called', now, code of the failure */
export const RELEASE = `${RECORD}${CLOSE}
if redis.call('GET', KEYS[1]) == ARGV[1] then
  if tonumber(ARGV[2]) > 0 then
    redis.call('SET', KEYS[1], 'paused ' .. ARGV[5], 'PX', ARGV[2])
  else
    redis.call('DEL', KEYS[1])
  end
end
if ARGV[3] == 'answered' then close(KEYS[2]) else record(KEYS[2], ARGV[1], tonumber(ARGV[4]), ARGV[3] == 'failed') end
return 0
`;
