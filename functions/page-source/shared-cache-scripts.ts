import { CLAIM_CALL_FUNCTION, CLOSE_FUNCTION, RECORD_FUNCTION } from "./circuit-breaker.ts";
import { SHARED_INDEX_MS } from "./freshness.ts";

/**
 * The scripts of the shared cache. Each key that a script touches is declared: for an undeclared key Upstash locks the
 * whole database while it reads that key from disk. Times are Unix times in milliseconds.
 *
 * - A page is a hash: `cursor`, `fetched`, `fresh`, `stale`, `reply` (base64); `newest` and `extent` for comparisons;
 *   `entry`, its member in the index; `unconfirmed` and `unconfirmed_since`, the last reply that contradicted it.
 * - A lease is a string that expires by itself: the ID of the lease, or `backoff CODE` after a failed refresh, with
 *   the code of its failure.
 * - The index of a symbol is a sorted set. A page with a range has the member `newest name` with its oldest timestamp
 *   (seconds) as the score. A cursor that a stored page leads to has the member `next cursor` with the time of the
 *   last such reply as the score, which is above all timestamps in seconds.
 */

/** Above all timestamps in seconds, and below all times in milliseconds. */
const SECONDS_END = 100_000_000_000;

/**
 * KEYS: index, circuit, then pairs of page and lease, the requested page last.
 *
 * ARGV: 1 lease ID, 2 leaseMs, 3 now, 4 timestamp to search the index for or '', 5 maximum candidates, 6 index member
 * of the requested cursor or '', from 7 the index entry of each pair but the last.
 *
 * Returns {state, waitMs, known 0|1, code of the backoff or '', cursor, fetched, fresh, stale, reply}, or {'indexed',
 * entries} if another page may have the row.
 */
export const READ_OR_LEASE_SCRIPT = `${CLAIM_CALL_FUNCTION}
local index, circuit = KEYS[1], KEYS[2]
local leaseId, leaseMs, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local timestamp, maxCandidates, cursorMember = ARGV[4], ARGV[5], ARGV[6]
local page, leaseKey = nil, KEYS[#KEYS]
for i = 3, #KEYS, 2 do
  local found = redis.call('HMGET', KEYS[i], 'cursor', 'fetched', 'fresh', 'stale', 'reply', 'entry')
  local entry = ARGV[7 + (i - 3) / 2]
  -- The entry of an expired page may name a newer page with other rows.
  if found[4] and tonumber(found[4]) > now and (not entry or entry == found[6]) then
    page, leaseKey = found, KEYS[i + 1]
    break
  end
  if entry then redis.call('ZREM', index, entry) end
end
if not page and timestamp ~= '' then
  local entries = {}
  for _, entry in ipairs(redis.call('ZREVRANGEBYSCORE', index, '(' .. timestamp, '-inf', 'LIMIT', 0, maxCandidates)) do
    if tonumber(string.match(entry, '^%d+')) >= tonumber(timestamp) then table.insert(entries, entry) end
  end
  if #entries > 0 then return {'indexed', entries} end
end
local function result(state, waitMs, known, code)
  if not page then return {state, waitMs, known, code or '', '', '', '', '', ''} end
  return {state, waitMs, known, code or '', page[1], page[2], page[3], page[4], page[5]}
end
if page and tonumber(page[3]) > now then return result('fresh', 0, 1) end
if not redis.call('SET', leaseKey, leaseId, 'NX', 'PX', leaseMs) then
  local code = string.match(redis.call('GET', leaseKey) or '', '^backoff (.*)$')
  if code then return result('backoff', math.max(redis.call('PTTL', leaseKey), 1), 1, code) end
  return result('lease-held', 0, 1)
end
local openMs = claimCall(circuit, leaseId, now, leaseMs)
if openMs then
  redis.call('DEL', leaseKey)
  return result('circuit-open', openMs, 1)
end
if page then return result('lease-acquired', 0, 1) end
if cursorMember == '' then return result('lease-acquired', 0, redis.call('EXISTS', index)) end
return result('lease-acquired', 0, redis.call('ZSCORE', index, cursorMember) and 1 or 0)
`;

/**
 * KEYS: page, lease, index, circuit.
 *
 * ARGV: 1 lease ID, 2 cursor, 3 fetched, 4 fresh, 5 stale, 6 reply, 7 newest, 8 extent, 9 index entry or '', 10 oldest
 * or '', 11 index member of the next cursor or '', 12 now, 13 confirmAfterMs.
 *
 * Returns 'stored', 'unconfirmed' or 'superseded'.
 */
export const WRITE_SCRIPT = `${CLOSE_FUNCTION}
local page, leaseKey, index, circuit = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local leaseId, fetched, newest, extent = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[7]), tonumber(ARGV[8])
local entry, oldest, nextMember, now, confirmAfterMs = ARGV[9], ARGV[10], ARGV[11], tonumber(ARGV[12]), tonumber(ARGV[13])
close(circuit)
local stored = redis.call('HMGET', page,
  'fetched', 'stale', 'newest', 'extent', 'unconfirmed', 'unconfirmed_since', 'entry')
local isLeaseHolder = redis.call('GET', leaseKey) == leaseId
local function release()
  if isLeaseHolder then redis.call('DEL', leaseKey) end
end
if stored[2] and tonumber(stored[2]) > now then
  if tonumber(stored[1]) > fetched then
    release()
    return 'superseded'
  end
  if newest < tonumber(stored[3]) or extent < tonumber(stored[4]) then
    local contradiction = ARGV[7] .. ' ' .. ARGV[8]
    local repeats = stored[5] == contradiction
    if not repeats or now - stored[6] < confirmAfterMs then
      if not repeats then
        redis.call('HSET', page, 'unconfirmed', contradiction, 'unconfirmed_since', ARGV[12])
      end
      if isLeaseHolder then redis.call('SET', leaseKey, 'backoff opend_failed', 'PX', confirmAfterMs) end
      return 'unconfirmed'
    end
  end
end
redis.call('HSET', page, 'cursor', ARGV[2], 'fetched', ARGV[3], 'fresh', ARGV[4], 'stale', ARGV[5], 'reply', ARGV[6],
  'newest', ARGV[7], 'extent', ARGV[8], 'entry', entry, 'unconfirmed', '', 'unconfirmed_since', '0')
redis.call('PEXPIRE', page, math.max(1, ARGV[5] - now))
if stored[7] and stored[7] ~= '' and stored[7] ~= entry then redis.call('ZREM', index, stored[7]) end
if entry ~= '' or nextMember ~= '' then
  if entry ~= '' then redis.call('ZADD', index, oldest, entry) end
  if nextMember ~= '' then
    redis.call('ZREMRANGEBYSCORE', index, '(${SECONDS_END}', now - ${SHARED_INDEX_MS})
    redis.call('ZADD', index, ARGV[3], nextMember)
  end
  redis.call('PEXPIRE', index, ${SHARED_INDEX_MS})
end
release()
return 'stored'
`;

/**
 * KEYS: lease, circuit.
 *
 * ARGV: 1 lease ID, 2 backoffMs, 3 'answered'|'failed'|'inconclusive', 4 now, 5 code of the failure.
 */
export const RELEASE_SCRIPT = `${RECORD_FUNCTION}${CLOSE_FUNCTION}
local leaseKey, circuit = KEYS[1], KEYS[2]
local leaseId, backoffMs, outcome, now, code = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ARGV[5]
if redis.call('GET', leaseKey) == leaseId then
  if backoffMs > 0 then
    redis.call('SET', leaseKey, 'backoff ' .. code, 'PX', backoffMs)
  else
    redis.call('DEL', leaseKey)
  end
end
if outcome == 'answered' then close(circuit) else record(circuit, leaseId, now, outcome == 'failed') end
return 0
`;
