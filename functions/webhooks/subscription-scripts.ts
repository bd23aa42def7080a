import { array, picklist, pipe, startsWith, string, transform, tuple, union } from "valibot";
import { PARKING, SUBSCRIBE } from "./lua.ts";

/** The scripts that read and write webhooks, and their replies. */

/** `duplicateOf(digests, id, digest)`: the other webhook that has this digest in the hash `digests`, or nil. */
const DUPLICATES = `
local function duplicateOf(digests, id, digest)
  local all = redis.call('HGETALL', digests)
  for at = 1, #all, 2 do
    if all[at] ~= id and all[at + 1] == digest then return all[at] end
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
 * KEYS webhook, owner's list, digests, then `subscribeKeys`; ARGV id, most webhooks of an owner, digest, symbols,
 * creation time, then pairs of the hash's other fields → 'done', 'full' or 'duplicate of ID'
 */
export const CREATE = `${SUBSCRIBE}${DUPLICATES}
local id, most, digest, symbols, created = unpack(ARGV, 1, 5)
local duplicate = duplicateOf(KEYS[3], id, digest)
if duplicate then return '${DUPLICATE}' .. duplicate end
if redis.call('ZCARD', KEYS[2]) >= tonumber(most) then return 'full' end
redis.call('HSET', KEYS[1], 'symbols', symbols, 'created', created, 'active', '1', 'reason', '', 'failing', '0')
for at = 6, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('ZADD', KEYS[2], created, id)
redis.call('HSET', KEYS[3], id, digest)
subscribe(id, '', symbols, created, 4)
return 'done'
`;
export const CreateReply = union([picklist(["done", "full"]), Duplicate]);

/**
 * KEYS webhook, digests, tries, pending, then `subscribeKeys` of the symbols before and after; ARGV id, owner, now, ms
 * that messages live, URL and symbols before, URL and symbols after, their digest, active '1', '0' or '' for no change,
 * then pairs of the hash's other fields → 'done', 'none', 'duplicate of ID', or 'changed' where another URL or other
 * symbols are stored than those before
 */
export const CHANGE = `${SUBSCRIBE}${PARKING}${DUPLICATES}
local id, owner, now, life, oldUrl, oldSymbols, url, symbols, digest, active = unpack(ARGV, 1, 10)
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'url', 'symbols', 'active')
if webhook[1] ~= owner then return 'none' end
if webhook[2] ~= oldUrl or webhook[3] ~= oldSymbols then return 'changed' end
local duplicate = (url ~= oldUrl or symbols ~= oldSymbols) and duplicateOf(KEYS[2], id, digest)
if duplicate then return '${DUPLICATE}' .. duplicate end
local wasActive = webhook[4]
if active == '' then active = wasActive end
subscribe(id, wasActive == '1' and oldSymbols or '', active == '1' and symbols or '', now, 5)
redis.call('HSET', KEYS[1], 'url', url, 'symbols', symbols, 'active', active)
for at = 11, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('HSET', KEYS[2], id, digest)
if active ~= wasActive and active == '1' then
  redis.call('HSET', KEYS[1], 'reason', '', 'failing', '0')
  unpark(id, KEYS[3], KEYS[4], tonumber(now))
elseif active ~= wasActive then
  redis.call('HSET', KEYS[1], 'reason', 'paused')
  park(id, KEYS[3], KEYS[4], life)
end
return 'done'
`;
export const ChangeReply = union([picklist(["done", "none", "changed"]), Duplicate]);

/**
 * KEYS webhook, owner's list, digests, log, tries, pending, then `subscribeKeys`; ARGV id, owner, symbols → 'done',
 * 'none', or 'changed' where other symbols are stored
 */
export const REMOVE = `${SUBSCRIBE}${PARKING}
local id, owner, symbols = unpack(ARGV)
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'symbols', 'active')
if webhook[1] ~= owner then return 'none' end
if webhook[2] ~= symbols then return 'changed' end
if webhook[3] == '1' then subscribe(id, symbols, '', 0, 7) end
drop(id, KEYS[5], KEYS[6], math.huge)
redis.call('DEL', KEYS[1], KEYS[4], KEYS[5])
redis.call('ZREM', KEYS[2], id)
redis.call('HDEL', KEYS[3], id)
return 'done'
`;
export const RemoveReply = picklist(["done", "none", "changed"]);

/** KEYS webhooks; ARGV owner, then their ids → those that are this owner's */
export const GET = `
local found = {}
for at, key in ipairs(KEYS) do
  local webhook = redis.call('HMGET', key, 'owner', 'url', 'symbols', 'description', 'reason', 'created', 'failing', 'host', 'secrets')
  if webhook[1] == ARGV[1] then
    webhook[1] = ARGV[at + 1]
    table.insert(found, webhook)
  end
end
return found
`;
const text = string();
export const GetReply = array(tuple([text, text, text, text, text, text, text, text, text]));

/**
 * KEYS webhook; ARGV owner, secret, now, ms that the others go on or '' where they are revoked, most → 'done', 'none' or
 * 'full'
 */
export const ROTATE = `
local owner, secrets, now, life, most = unpack(ARGV)
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'secrets')
if webhook[1] ~= owner then return 'none' end
if life ~= '' then
  local count = 1
  for secret, ends in string.gmatch(webhook[2], '([^%s@]+)@?(%d*)') do
    if ends == '' then ends = now + life end
    if tonumber(ends) > tonumber(now) then
      secrets = secrets .. ' ' .. secret .. '@' .. string.format('%.0f', ends)
      count = count + 1
    end
  end
  if count > tonumber(most) then return 'full' end
end
redis.call('HSET', KEYS[1], 'secrets', secrets)
return 'done'
`;
export const RotateReply = picklist(["done", "none", "full"]);

/** KEYS webhook, its log; ARGV entry, most, '1' where it was a success */
export const NOTE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[2]) - 1)
if ARGV[3] == '1' then redis.call('HSET', KEYS[1], 'failing', '0') end
return 1
`;
