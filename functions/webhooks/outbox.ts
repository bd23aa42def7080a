import { array, literal, number, string, tuple, union } from "valibot";
import type { Upstash } from "../upstash.ts";
import { KEYS, MOST_TRIES, SUBSCRIBE } from "./keys.ts";
import type { Message } from "./messages.ts";
import type { Next } from "./schedule.ts";
import { secretsAt } from "./subscriptions.ts";

/** A message to one webhook, for whoever sends it. Times are Unix times in milliseconds. */
export interface Delivery {
  /** Names whoever has taken it on; what it says later counts only as long as nobody else has. */
  readonly claim: number;
  readonly message: Message;
  readonly owner: string;
  readonly url: string;
  readonly host: string;
  readonly secrets: readonly string[];
  /** Tries before. */
  readonly tries: number;
  readonly failingSince: number | undefined;
}

/** Messages that have to get somewhere. What is in it stays until it is delivered or given up. */
export interface Outbox {
  /**
   * Those to see to: new ones, and ones that whoever had taken them on has not seen to in time. Nobody else is given
   * them for a while.
   */
  due(most: number): Promise<string[]>;
  /**
   * Takes one on, for as long as a try and the note of it may take.
   * @returns the milliseconds until it is due, where it is not; undefined where there is nothing to do
   */
  begin(delivery: string): Promise<Delivery | number | undefined>;
  /**
   * Notes how a try went.
   * @param claim as `begin` has given it
   * @param url where it was sent to
   * @param entry the try, as JSON, for its webhook's list
   */
  end(delivery: string, claim: number, next: Next, url: string, entry: string): Promise<void>;
  /** How many have not come to an end. */
  size(): Promise<number>;
}

/** Until what is in the queue should have arrived. */
const QUEUED_MS = 15 * 60_000;
/**
 * For how long one who has begun is believed to be at it. Longer than a short loss of Upstash, during which the news
 * that it was delivered has to wait.
 */
const CLAIM_MS = 10 * 60_000;
/** By how much the queue may be late. */
const LATE_MS = 5 * 60_000;

/** KEYS pending; ARGV now, most, until */
const DUE = `
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, delivery in ipairs(due) do redis.call('ZADD', KEYS[1], ARGV[3], delivery) end
return due
`;

/** `tries dueAt claimedUntil` of a delivery, and what forgets it. */
const STATE = `
local function stateOf(delivery)
  local state = redis.call('HGET', prefix .. 'tries', delivery) or '0 0 0'
  local tries, due, claimed = string.match(state, '^(%d+) (%d+) (%d+)$')
  return tonumber(tries), tonumber(due), tonumber(claimed)
end
local function setState(delivery, tries, due, claimed)
  redis.call('HSET', prefix .. 'tries', delivery, string.format('%d %.0f %.0f', tries, due, claimed))
end
local function forget(delivery)
  redis.call('ZREM', prefix .. 'pending', delivery)
  redis.call('HDEL', prefix .. 'tries', delivery)
end
`;

/** KEYS pending, webhook, event; ARGV delivery, now, claim, when to look again at one that is paused */
const BEGIN = `${SUBSCRIBE}${STATE}
local delivery, now, claim = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if not redis.call('ZSCORE', KEYS[1], delivery) then return 'nothing' end
local body = redis.call('GET', KEYS[3])
local webhook = redis.call('HMGET', KEYS[2], 'owner', 'url', 'host', 'secrets', 'failing', 'active', 'reason')
if body and webhook[6] == '0' and webhook[7] == 'paused' then
  redis.call('ZADD', KEYS[1], ARGV[4], delivery)
  return 'nothing'
end
if not body or webhook[6] ~= '1' then
  forget(delivery)
  return 'nothing'
end
local tries, due, claimed = stateOf(delivery)
if now < claimed then return 'nothing' end
if now < due then return due - now end
setState(delivery, tries, due, claim)
redis.call('ZADD', KEYS[1], claim, delivery)
return {body, tries, webhook[1], webhook[2], webhook[3], webhook[4], webhook[5]}
`;
const text = string();
const BeginReply = union([
  literal("nothing"),
  number(),
  tuple([text, number(), text, text, text, text, text]),
]);

/**
 * KEYS pending, webhook, log; ARGV delivery, webhook's id, claim, outcome, due, until, now, entry, most, reason or '',
 * URL. What the receiver at an address says that the webhook has no longer says nothing of it.
 */
const END = `${SUBSCRIBE}${STATE}
local delivery, id, outcome, now, reason = ARGV[1], ARGV[2], ARGV[4], ARGV[7], ARGV[10]
local tries, _, claimed = stateOf(delivery)
if not redis.call('ZSCORE', KEYS[1], delivery) then return 0 end
if outcome ~= 'delivered' and claimed ~= tonumber(ARGV[3]) then return 0 end
if redis.call('EXISTS', KEYS[2]) == 0 then
  forget(delivery)
  return 0
end
local hasMoved = redis.call('HGET', KEYS[2], 'url') ~= ARGV[11]
if outcome ~= 'delivered' and hasMoved then
  setState(delivery, 0, 0, 0)
  redis.call('ZADD', KEYS[1], now, delivery)
elseif outcome == 'later' then
  setState(delivery, tries + 1, tonumber(ARGV[5]), 0)
  redis.call('ZADD', KEYS[1], ARGV[6], delivery)
else
  forget(delivery)
end
redis.call('LPUSH', KEYS[3], ARGV[8])
redis.call('LTRIM', KEYS[3], 0, tonumber(ARGV[9]) - 1)
if hasMoved then return 1 end
if outcome == 'delivered' then
  redis.call('HSET', KEYS[2], 'failing', '0')
elseif redis.call('HGET', KEYS[2], 'failing') == '0' then
  redis.call('HSET', KEYS[2], 'failing', now)
  if reason == 'failing' then reason = '' end
end
if reason ~= '' then
  unsubscribe(id)
  redis.call('HSET', KEYS[2], 'active', '0', 'reason', reason)
end
return 1
`;

/** @param now Unix time, milliseconds */
export function createOutbox(upstash: Upstash, now: () => number): Outbox {
  return {
    due(most) {
      const args = [now(), most, now() + QUEUED_MS].map(String);
      return upstash.run({ script: DUE, keys: [KEYS.pending], args }, array(string()));
    },
    async begin(delivery) {
      const { messageId, webhookId } = partsOf(delivery);
      const claim = now() + CLAIM_MS;
      const keys = [KEYS.pending, KEYS.webhook(webhookId), KEYS.event(messageId)];
      const args = [delivery, now(), claim, now() + QUEUED_MS].map(String);
      const reply = await upstash.run({ script: BEGIN, keys, args }, BeginReply);
      if (reply === "nothing") return undefined;
      if (typeof reply === "number") return reply;
      const [body, tries, owner, url, host, secrets, failing] = reply;
      const failingSince = failing === "0" ? undefined : Number(failing);
      const message = { id: messageId, body };
      return { claim, message, tries, owner, url, host, failingSince, secrets: secretsAt(now(), secrets) };
    },
    async end(delivery, claim, { outcome, dueAt, ends }, url, entry) {
      const { webhookId } = partsOf(delivery);
      const due = Math.ceil(dueAt ?? 0);
      const args = [
        delivery,
        webhookId,
        claim,
        outcome,
        due,
        due + LATE_MS,
        now(),
        entry,
        MOST_TRIES,
        ends ?? "",
        url,
      ];
      const keys = [KEYS.pending, KEYS.webhook(webhookId), KEYS.log(webhookId)];
      await upstash.run({ script: END, keys, args: args.map(String) }, number());
    },
    size: () => upstash.ask((redis) => redis.zcard(KEYS.pending)),
  };
}

/** Of a delivery's name in Redis. */
function partsOf(delivery: string) {
  const [messageId = "", webhookId = ""] = delivery.split(" ");
  return { messageId, webhookId };
}
