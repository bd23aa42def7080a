import { SETTLE_FUNCTION } from "../rate-limit/sliding-window-scripts.ts";
import { CLAIM_CALL_FUNCTION, CLOSE_FUNCTION, RECORD_FUNCTION } from "./circuit-breaker.ts";
import { FIRST_SEEN_FUNCTION } from "./first-seen-script.ts";
import { SHARED_INDEX_MS } from "./freshness.ts";

/**
 * The scripts of the shared cache; `stored-values.ts` describes the values. Each key that a script touches is declared:
 * for an undeclared key Upstash locks the whole database while it reads that key from disk. Times are Unix times in
 * milliseconds.
 */

/** The newest entries of an index that are kept: ten years of weekly rows have about 20 pages and as many cursors. */
const MAX_INDEX_ENTRIES = 128;

/**
 * Acquires the lease of a page, if the page has not changed since it was read.
 *
 * KEYS: page, lease, circuit. ARGV: 1 lease ID, 2 leaseMs, 3 now, 4 version of the page that the caller has read or ''.
 *
 * Returns 'acquired', 'changed', 'held' or 'open'.
 */
export const LEASE_SCRIPT = `${CLAIM_CALL_FUNCTION}
local leaseId, leaseMs, now, version = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local stored = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
if (string.match(stored[1] or '', '^%d+') or '') ~= version then return 'changed' end
if stored[2] then return 'held' end
if not claimCall(KEYS[3], stored[3], leaseId, now, leaseMs) then return 'open' end
redis.call('SET', KEYS[2], leaseId, 'PX', leaseMs)
return 'acquired'
`;

/** The number of arguments of the write before those of the settlement. */
const WRITE_ARGS = 13;

/**
 * Stores a page, releases its lease, closes the circuit, settles the permit of the call, and records new rows.
 *
 * KEYS: page, lease, index, circuit, publication, permit log, first-seen record.
 *
 * ARGV: 1 lease ID, 2 now, 3 the page, 4 its FETCHED, 5 EXPIRES, 6 NEWEST, 7 EXTENT, 8 its index entries, 9 whether it is
 * an older page 0|1, 10 when the history was rewritten or 0, 11 publication or '', 12 confirmAfterMs, 13 dates of
 * `recordFirstSeen`, from 14 those of `settle`.
 *
 * Returns 'stored', 'unconfirmed' or 'superseded'.
 */
export const WRITE_SCRIPT = `${CLOSE_FUNCTION}${SETTLE_FUNCTION}${FIRST_SEEN_FUNCTION}
local page, leaseKey, index, circuit, publication, log, firstSeen = unpack(KEYS)
local leaseId, now, fetched = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local newest, extent, entries, rewrittenAt = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], ARGV[10]
local confirmAfterMs = tonumber(ARGV[12])
local stored = redis.call('MGET', page, leaseKey, index, circuit, publication, log, firstSeen)
close(circuit, stored[4])
settle(log, stored[6], ${WRITE_ARGS + 1})
local isLeaseHolder = stored[2] == leaseId
local function release()
  if isLeaseHolder then redis.call('DEL', leaseKey) end
end
local oldFacts, since, oldRest = string.match(stored[1] or '', '^(%d+ %d+ %S+ %d+ %d+ %S+) (%d+) (.*)$')
if oldFacts then
  local head, oldFetched, oldExpires, oldNewest, oldExtent, unconfirmed =
    string.match(oldFacts, '^((%d+) (%d+) %S+ (%d+) (%d+)) (%S+)$')
  local oldRewrittenAt = string.match(stored[3] or '', '^rewritten %* %d+ (%d+)')
  local isDropped = ARGV[9] == '1' and oldRewrittenAt and tonumber(oldFetched) < tonumber(oldRewrittenAt)
  if tonumber(oldExpires) > now and not isDropped then
    if tonumber(oldFetched) > fetched then
      release()
      return 'superseded'
    end
    if newest < tonumber(oldNewest) or extent < tonumber(oldExtent) then
      local contradiction = ARGV[6] .. '/' .. ARGV[7]
      local repeats = unconfirmed == contradiction
      if not repeats or now - since < confirmAfterMs then
        if not repeats then
          redis.call('SET', page, head .. ' ' .. contradiction .. ' ' .. ARGV[2] .. ' ' .. oldRest, 'PX', oldExpires - now)
        end
        if isLeaseHolder then
          local backoff = string.format('backoff opend_failed %.0f', now + confirmAfterMs)
          redis.call('SET', leaseKey, backoff, 'PX', confirmAfterMs)
        end
        return 'unconfirmed'
      end
    end
  end
end
redis.call('SET', page, ARGV[3], 'PX', math.max(1, ARGV[5] - now))
-- The later of two clocks, of the Worker and of Redis: a row must not seem to be seen too early.
local seenAt = math.max(fetched, tonumber(ARGV[${WRITE_ARGS + 2}]))
recordFirstSeen(firstSeen, stored[7], ARGV[13], seenAt, now)
if entries ~= '' or rewrittenAt ~= '0' then
  local lines, added = {}, {}
  local function add(line)
    local name = string.match(line, '^%S+ %S+')
    if not added[name] and #lines < ${MAX_INDEX_ENTRIES} then
      added[name] = true
      table.insert(lines, line)
    end
  end
  -- First, so that it never falls out. A page that was fetched before the last rewrite may be stored after it.
  local oldRewrite, oldRewrittenAt = string.match(stored[3] or '', '^(rewritten %* %d+ (%d+))')
  if tonumber(rewrittenAt) > tonumber(oldRewrittenAt or 0) then
    add(string.format('rewritten * %.0f %s', now + ${SHARED_INDEX_MS}, rewrittenAt))
  elseif oldRewrite then
    add(oldRewrite)
  end
  for line in string.gmatch(entries, '[^\\n]+') do add(line) end
  for line in string.gmatch(stored[3] or '', '[^\\n]+') do
    if (tonumber(string.match(line, '^%S+ %S+ (%d+)')) or 0) > now then add(line) end
  end
  redis.call('SET', index, table.concat(lines, '\\n'), 'PX', ${SHARED_INDEX_MS})
end
if ARGV[11] ~= '' then
  local newNewest, newChecked = string.match(ARGV[11], '^(%d+) %d+ (%d+)')
  local oldNewest, oldChecked = string.match(stored[5] or '', '^(%d+) %d+ (%d+)')
  local isNewer = not oldNewest or tonumber(newNewest) > tonumber(oldNewest)
  if isNewer or newNewest == oldNewest and tonumber(newChecked) > tonumber(oldChecked) then
    redis.call('SET', publication, ARGV[11], 'PX', ${SHARED_INDEX_MS})
  end
end
release()
return 'stored'
`;

/**
 * Releases a lease without a page.
 *
 * KEYS: lease, circuit. ARGV: 1 lease ID, 2 backoffMs, 3 'answered'|'failed'|'inconclusive', 4 now, 5 code of the failure.
 */
export const RELEASE_SCRIPT = `${RECORD_FUNCTION}${CLOSE_FUNCTION}
local leaseKey, circuit = KEYS[1], KEYS[2]
local leaseId, backoffMs, outcome, now, code = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ARGV[5]
local stored = redis.call('MGET', leaseKey, circuit)
if stored[1] == leaseId then
  if backoffMs > 0 then
    redis.call('SET', leaseKey, string.format('backoff %s %.0f', code, now + backoffMs), 'PX', backoffMs)
  else
    redis.call('DEL', leaseKey)
  end
end
if outcome == 'answered' then
  close(circuit, stored[2])
else
  record(circuit, stored[2], leaseId, now, outcome == 'failed')
end
return 0
`;
