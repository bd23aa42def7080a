import { array, picklist, string, tuple } from "valibot";
import { PARKING, SUBSCRIBE } from "./lua.ts";

/** The scripts that read and write webhooks, and their replies. */

/**
 * KEYS webhook, owner's list, then `subscribeKeys`; ARGV id, most webhooks of an owner, symbols, creation time, then
 * pairs of the hash's other fields → 'done' or 'full'
 */
export const CREATE = `${SUBSCRIBE}
local id, most, symbols, created = unpack(ARGV, 1, 4)
if redis.call('ZCARD', KEYS[2]) >= tonumber(most) then return 'full' end
redis.call('HSET', KEYS[1], 'symbols', symbols, 'created', created, 'active', '1', 'reason', '', 'failing', '0')
for at = 5, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('ZADD', KEYS[2], created, id)
subscribe(id, '', symbols, created, 3)
return 'done'
`;
export const CreateReply = picklist(["done", "full"]);

/**
 * KEYS webhook, tries, pending, then `subscribeKeys` of the symbols before and after; ARGV id, owner, now, ms that
 * messages live, symbols before, symbols after, active '1', '0' or '' for no change, then pairs of the hash's other
 * fields → 'done', 'none', or 'changed' where other symbols are stored than those before
 */
export const CHANGE = `${SUBSCRIBE}${PARKING}
local id, owner, now, life, before, after, active = unpack(ARGV, 1, 7)
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'symbols', 'active')
if webhook[1] ~= owner then return 'none' end
if webhook[2] ~= before then return 'changed' end
local wasActive = webhook[3]
if active == '' then active = wasActive end
subscribe(id, wasActive == '1' and before or '', active == '1' and after or '', now, 4)
redis.call('HSET', KEYS[1], 'symbols', after, 'active', active)
for at = 8, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
if active ~= wasActive and active == '1' then
  redis.call('HSET', KEYS[1], 'reason', '', 'failing', '0')
  unpark(id, KEYS[2], KEYS[3], tonumber(now))
elseif active ~= wasActive then
  redis.call('HSET', KEYS[1], 'reason', 'paused')
  park(id, KEYS[2], KEYS[3], life)
end
return 'done'
`;
export const ChangeReply = picklist(["done", "none", "changed"]);

/**
 * KEYS webhook, owner's list, log, tries, pending, then `subscribeKeys`; ARGV id, owner, symbols → 'done', 'none', or
 * 'changed' where other symbols are stored
 */
export const REMOVE = `${SUBSCRIBE}${PARKING}
local id, owner, symbols = unpack(ARGV)
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'symbols', 'active')
if webhook[1] ~= owner then return 'none' end
if webhook[2] ~= symbols then return 'changed' end
if webhook[3] == '1' then subscribe(id, symbols, '', 0, 6) end
drop(id, KEYS[4], KEYS[5], math.huge)
redis.call('DEL', KEYS[1], KEYS[3], KEYS[4])
redis.call('ZREM', KEYS[2], id)
return 'done'
`;

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
