import { array, picklist, pipe, startsWith, string, transform, tuple, union } from "valibot";
import { PARKING_FUNCTIONS, SUBSCRIBE_FUNCTIONS } from "./lua-functions.ts";

/** The Lua scripts that read and write webhooks, and the schemas of their replies. */

/** `duplicateOf(digests, id, digest)`: the ID of another webhook with this digest in the hash `digests`, or nil. */
const DUPLICATE_FUNCTIONS = `
local function duplicateOf(digests, id, digest)
  local entries = redis.call('HGETALL', digests)
  for index = 1, #entries, 2 do
    if entries[index] ~= id and entries[index + 1] == digest then return entries[index] end
  end
end
`;
const DUPLICATE = "duplicate of ";
const Duplicate = pipe(
  string(),
  startsWith(DUPLICATE),
  transform((reply) => ({ duplicateOf: reply.slice(DUPLICATE.length) })),
);

/**
 * KEYS webhook, owner, digests, idempotency, then `subscribeKeys`; ARGV ID, max webhooks of an owner, digest, symbols,
 * creation time, field and entry of the idempotency key or '', then pairs of the hash's other fields → 'done', 'limit_reached' or 'duplicate of ID'
 */
export const CREATE_SCRIPT = `${SUBSCRIBE_FUNCTIONS}${DUPLICATE_FUNCTIONS}
local id, maxWebhooks, digest, symbols, createdAt, field, entry = unpack(ARGV, 1, 7)
local duplicate = duplicateOf(KEYS[3], id, digest)
if duplicate then return '${DUPLICATE}' .. duplicate end
if redis.call('ZCARD', KEYS[2]) >= tonumber(maxWebhooks) then return 'limit_reached' end
redis.call('HSET', KEYS[1], 'symbols', symbols, 'created_at', createdAt, 'active', '1')
redis.call('HSET', KEYS[1], 'reason', '', 'failing_since', '0')
for index = 8, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) end
redis.call('ZADD', KEYS[2], createdAt, id)
redis.call('HSET', KEYS[3], id, digest)
subscribe('', '', id, symbols, createdAt, 5)
if field ~= '' then redis.call('HSET', KEYS[4], field, entry) end
return 'done'
`;
export const CreateReply = union([picklist(["done", "limit_reached"]), Duplicate]);

/**
 * KEYS webhook, digests, attempts, pending, then `subscribeKeys` of the symbols before and after; ARGV ID, owner, now,
 * message TTL in ms, URL and symbols before, URL and symbols after, their digest, active '1', '0' or '' for no change,
 * then pairs of the hash's other fields → 'done', 'not_found', 'duplicate of ID', or 'conflict' if the stored URL or
 * symbols differ from those before
 */
export const UPDATE_SCRIPT = `${SUBSCRIBE_FUNCTIONS}${PARKING_FUNCTIONS}${DUPLICATE_FUNCTIONS}
local id, owner, now, ttl, oldUrl, oldSymbols, url, symbols, digest, active = unpack(ARGV, 1, 10)
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'url', 'symbols', 'active', 'watched_until')
if webhook[1] ~= owner then return 'not_found' end
if webhook[2] ~= oldUrl or webhook[3] ~= oldSymbols then return 'conflict' end
local duplicate = (url ~= oldUrl or symbols ~= oldSymbols) and duplicateOf(KEYS[2], id, digest)
if duplicate then return '${DUPLICATE}' .. duplicate end
local wasActive, watchedUntil = webhook[4], webhook[5] or ''
local oldMember = memberOf(id, wasActive, watchedUntil)
if active == '' then active = wasActive end
if active == '0' and wasActive == '1' then watchedUntil = string.format('%.0f', now + ttl) end
local isSubscribed = active == '1' or (tonumber(watchedUntil) or 0) > tonumber(now)
local newMember = memberOf(id, active, watchedUntil)
subscribe(oldMember, oldSymbols, newMember, isSubscribed and symbols or '', now, 5)
redis.call('HSET', KEYS[1], 'url', url, 'symbols', symbols, 'active', active, 'watched_until', watchedUntil)
for index = 11, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1]) end
redis.call('HSET', KEYS[2], id, digest)
if active ~= wasActive and active == '1' then
  redis.call('HSET', KEYS[1], 'reason', '', 'failing_since', '0')
  unpark(id, KEYS[3], KEYS[4], tonumber(now))
elseif active ~= wasActive then
  redis.call('HSET', KEYS[1], 'reason', 'paused')
  park(id, KEYS[3], KEYS[4], ttl)
end
return 'done'
`;
export const UpdateReply = union([picklist(["done", "not_found", "conflict"]), Duplicate]);

/**
 * KEYS webhook, owner, digests, deliveries, attempts, pending, then `subscribeKeys`; ARGV ID, owner, symbols → 'done',
 * 'not_found', or 'conflict' if other symbols are stored
 */
export const REMOVE_SCRIPT = `${SUBSCRIBE_FUNCTIONS}${PARKING_FUNCTIONS}
local id, owner, symbols = unpack(ARGV)
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'symbols', 'active', 'watched_until')
if webhook[1] ~= owner then return 'not_found' end
if webhook[2] ~= symbols then return 'conflict' end
subscribe(memberOf(id, webhook[3], webhook[4] or ''), symbols, '', '', 0, 7)
unschedule(id, KEYS[5], KEYS[6])
redis.call('DEL', KEYS[1], KEYS[4], KEYS[5])
redis.call('ZREM', KEYS[2], id)
redis.call('HDEL', KEYS[3], id)
return 'done'
`;
export const RemoveReply = picklist(["done", "not_found", "conflict"]);

/** KEYS webhooks; ARGV owner, then the webhooks' IDs → the webhooks that belong to this owner */
export const GET_SCRIPT = `
local found = {}
for index, key in ipairs(KEYS) do
  local webhook = redis.call('HMGET', key,
    'owner', 'url', 'symbols', 'description', 'reason', 'created_at', 'failing_since', 'host', 'secrets')
  if webhook[1] == ARGV[1] then
    webhook[1] = ARGV[index + 1]
    table.insert(found, webhook)
  end
end
return found
`;
const text = string();
export const GetReply = array(tuple([text, text, text, text, text, text, text, text, text]));

/**
 * KEYS webhook; ARGV owner, new secret, now, ms that older secrets stay active or '' to revoke them, max secrets →
 * 'done', 'not_found' or 'limit_reached'
 *
 * `secrets` is a list with spaces: the current secret, then older ones as `secret@expiry`.
 */
export const ROTATE_SCRIPT = `
local owner, secrets, now, overlap, maxSecrets = unpack(ARGV)
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'secrets')
if webhook[1] ~= owner then return 'not_found' end
if overlap ~= '' then
  local count = 1
  for secret, expiry in string.gmatch(webhook[2], '([^%s@]+)@?(%d*)') do
    if expiry == '' then expiry = now + overlap end
    if tonumber(expiry) > tonumber(now) then
      secrets = secrets .. ' ' .. secret .. '@' .. string.format('%.0f', expiry)
      count = count + 1
    end
  end
  if count > tonumber(maxSecrets) then return 'limit_reached' end
end
redis.call('HSET', KEYS[1], 'secrets', secrets)
return 'done'
`;
export const RotateReply = picklist(["done", "not_found", "limit_reached"]);

/** KEYS webhook, deliveries; ARGV log entry, max log entries, '1' for a success. Does nothing without the webhook. */
export const RECORD_TEST_SCRIPT = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[2]) - 1)
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'failing_since', '0') end
return 1
`;
