import { array, picklist, string, union } from "valibot";
import type { Upstash } from "../upstash.ts";
import { EACH_STATE_FUNCTIONS } from "./lua-functions.ts";
import { DISPATCH_CLAIM_MS } from "./outbox.ts";
import { KEYS, MESSAGE_TTL_MS } from "./redis-keys.ts";

/** Messages of one replay, the oldest first. A webhook rarely holds more: 50 symbols have about 200 rows in 14 days. */
export const MAX_REPLAYED = 500;

/** The deliveries that a replay has scheduled. */
export interface Replay {
  readonly deliveryIds: readonly string[];
  /** Whether more messages are held, because of `MAX_REPLAYED`. */
  readonly hasMore: boolean;
}

/**
 * KEYS webhook, attempts, pending; ARGV webhook ID, owner, ISO time of the first message, ISO time before which messages
 * have expired, checkAt, limit → 'not_found', 'inactive', or '1' if more messages are held, and delivery IDs
 *
 * A replayed message is not held any more, so that a second replay does not send it again.
 */
const REPLAY_SCRIPT = `${EACH_STATE_FUNCTIONS}
local id, owner, since, expiry, checkAt, limit = unpack(ARGV)
limit = tonumber(limit)
local webhook = redis.call('HMGET', KEYS[1], 'owner', 'active')
if webhook[1] ~= owner then return 'not_found' end
if webhook[2] ~= '1' then return 'inactive' end
local found, expired = {}, {}
forEachState(KEYS[2], function(message, count, _, _, published)
  if count then return end
  if published < expiry then table.insert(expired, message)
  elseif published >= since then table.insert(found, published .. ' ' .. message) end
end)
table.sort(found)
local reply, states, deliveries = {#found > limit and '1' or ''}, {}, {}
for index = 1, math.min(#found, limit) do
  local published, message = string.match(found[index], '^(%S+) (%S+)$')
  table.insert(states, message)
  table.insert(states, '0 0 0 ' .. published)
  table.insert(deliveries, checkAt)
  table.insert(deliveries, message .. ' ' .. id)
  table.insert(reply, message .. ' ' .. id)
end
callInParts('HDEL', KEYS[2], expired)
callInParts('HSET', KEYS[2], states)
callInParts('ZADD', KEYS[3], deliveries)
return reply
`;
const ReplayReply = union([picklist(["not_found", "inactive"]), array(string())]);

/**
 * Schedules the held messages of a webhook: those that were published while it was disabled, dropped when it was
 * disabled, or abandoned. The caller sends them to the queue. If that fails, the poller dispatches them 15 min later.
 * @param since time of the earliest message, Unix time in milliseconds
 * @param now Unix time, milliseconds
 * @throws Failure `store_unavailable`
 */
export async function replayHeld(
  upstash: Upstash,
  { owner, id, since }: { readonly owner: string; readonly id: string; readonly since: number },
  now: number,
): Promise<Replay | "not_found" | "inactive"> {
  const times = [since, now - MESSAGE_TTL_MS].map((time) => new Date(time).toISOString());
  const call = {
    script: REPLAY_SCRIPT,
    keys: [KEYS.webhook(id), KEYS.attempts(id), KEYS.pending],
    args: [id, owner, ...times, String(now + DISPATCH_CLAIM_MS), String(MAX_REPLAYED)],
  };
  const reply = await upstash.eval(call, ReplayReply);
  if (typeof reply === "string") return reply;
  const [more, ...deliveryIds] = reply;
  return { deliveryIds, hasMore: more === "1" };
}
