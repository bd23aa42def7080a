import { array, literal, nullable, number, parse, picklist, string, tuple, union } from "valibot";
import type { Upstash } from "../upstash.ts";
import { KEYS, MESSAGE_LIFE_MS, MOST_TRIES } from "./keys.ts";
import { PARKING, SUBSCRIBE, subscribeKeys } from "./lua.ts";
import type { Message } from "./messages.ts";
import { optimistically } from "./optimistic.ts";
import type { Next } from "./schedule.ts";
import { secretsAt } from "./subscriptions.ts";

/** A message to one webhook, for whoever sends it. Times are Unix times in milliseconds. */
export interface Delivery {
  /** Names whoever has taken it on; what it says later counts only as long as nobody else has. */
  readonly claim: number;
  readonly message: Message;
  readonly webhookId: string;
  readonly owner: string;
  readonly url: string;
  readonly host: string;
  /** What the message is signed with, as it is stored. */
  readonly storedSecrets: readonly string[];
  /** Tries before. */
  readonly tries: number;
  readonly failingSince: number | undefined;
}

/**
 * Undelivered messages. A message stays until it is delivered, given up, or 14 days old. Messages of a paused webhook
 * are parked: they are not due, and cost nothing, until the webhook is active again.
 */
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
  /** How many are scheduled; parked ones are not counted. */
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

/** What the scripts of a single message begin with. KEYS pending, tries; ARGV delivery, its message */
const MESSAGE = `${PARKING}
local delivery, message = ARGV[1], ARGV[2]
local function setState(tries, due, claimed)
  redis.call('HSET', KEYS[2], message, string.format('%d %.0f %.0f', tries, due, claimed))
end
local function forget()
  redis.call('ZREM', KEYS[1], delivery)
  redis.call('HDEL', KEYS[2], message)
end
`;

/**
 * KEYS pending, tries, webhook, event; ARGV delivery, its message, now, claim, ms that messages live → 'nothing', ms
 * until it is due, or what to send
 */
const BEGIN = `${MESSAGE}
local now, claim, life = tonumber(ARGV[3]), ARGV[4], ARGV[5]
if not redis.call('ZSCORE', KEYS[1], delivery) then return 'nothing' end
local tries, due, claimed = stateOf(redis.call('HGET', KEYS[2], message) or '0 0 0')
if now < claimed then return 'nothing' end
local body = redis.call('GET', KEYS[4])
local webhook = redis.call('HMGET', KEYS[3], 'owner', 'url', 'host', 'secrets', 'failing', 'active', 'reason')
if body and webhook[7] == 'paused' then
  setState(tries, due, 0)
  redis.call('ZREM', KEYS[1], delivery)
  redis.call('PEXPIRE', KEYS[2], life)
  return 'nothing'
end
if not body or webhook[6] ~= '1' then
  forget()
  return 'nothing'
end
if now < due then return due - now end
setState(tries, due, claim)
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
 * KEYS pending, tries, webhook, log, then `subscribeKeys` where there is a reason; ARGV delivery, its message, webhook's
 * id, claim, outcome, due, when to look again, now, entry, most entries, URL, reason or '', symbols or '' → 'done', or
 * 'changed' where the webhook ends and has other symbols. An answer from an address that the webhook has no longer does
 * not count.
 */
const END = `${SUBSCRIBE}${MESSAGE}
local _, _, id, claim, outcome, due, lookAt, now, entry, most, url, reason, symbols = unpack(ARGV)
local state = redis.call('HGET', KEYS[2], message)
if not state then return 'done' end
local tries, _, claimed = stateOf(state)
if outcome ~= 'delivered' and claimed ~= tonumber(claim) then return 'done' end
local webhook = redis.call('HMGET', KEYS[3], 'url', 'failing', 'active', 'symbols', 'reason')
local hasMoved, failing, isActive = webhook[1] ~= url, webhook[2], webhook[3] == '1'
if hasMoved or (reason == 'failing' and failing == '0') then reason = '' end
if reason ~= '' and webhook[4] ~= symbols then return 'changed' end
local function retry(tries, due, lookAt)
  setState(tries, due, 0)
  if isActive then redis.call('ZADD', KEYS[1], lookAt, delivery)
  elseif webhook[5] ~= 'paused' then forget() end
end
if outcome ~= 'delivered' and hasMoved then retry(0, 0, now)
elseif outcome == 'later' then retry(tries + 1, due, lookAt)
else forget() end
redis.call('LPUSH', KEYS[4], entry)
redis.call('LTRIM', KEYS[4], 0, tonumber(most) - 1)
if hasMoved then return 'done' end
if outcome == 'delivered' then
  redis.call('HSET', KEYS[3], 'failing', '0')
elseif failing == '0' then
  redis.call('HSET', KEYS[3], 'failing', now)
end
if reason ~= '' then
  if isActive then subscribe(id, symbols, '', now, 5) end
  redis.call('HSET', KEYS[3], 'active', '0', 'reason', reason)
  drop(id, KEYS[2], KEYS[1], tonumber(now))
end
return 'done'
`;
const EndReply = picklist(["done", "changed"]);

/** @param now Unix time, milliseconds */
export function createOutbox(upstash: Upstash, now: () => number): Outbox {
  /** The symbols of a webhook, as a list with spaces; empty where there is no such webhook. */
  async function symbolsOf(webhookId: string): Promise<string> {
    const symbols = await upstash.exec((redis) => redis.hget(KEYS.webhook(webhookId), "symbols"));
    return parse(nullable(string()), symbols) ?? "";
  }

  return {
    due(most) {
      const args = [now(), most, now() + QUEUED_MS].map(String);
      return upstash.eval({ script: DUE, keys: [KEYS.pending], args }, array(string()));
    },
    async begin(delivery) {
      const { messageId, webhookId } = partsOf(delivery);
      const claim = now() + CLAIM_MS;
      const keys = [KEYS.pending, KEYS.tries(webhookId), KEYS.webhook(webhookId), KEYS.event(messageId)];
      const args = [delivery, messageId, now(), claim, MESSAGE_LIFE_MS].map(String);
      const reply = await upstash.eval({ script: BEGIN, keys, args }, BeginReply);
      if (reply === "nothing") return undefined;
      if (typeof reply === "number") return reply;
      const [body, tries, owner, url, host, secrets, failing] = reply;
      const failingSince = failing === "0" ? undefined : Number(failing);
      const message = { id: messageId, body };
      const storedSecrets = secretsAt(now(), secrets);
      return { claim, message, webhookId, tries, owner, url, host, failingSince, storedSecrets };
    },
    end: (delivery, claim, { outcome, dueAt, ends }, url, entry) =>
      optimistically(async () => {
        const { messageId, webhookId } = partsOf(delivery);
        const symbols = ends === null ? "" : await symbolsOf(webhookId);
        const due = Math.ceil(dueAt ?? 0);
        const result = [claim, outcome, due, due + LATE_MS, now(), entry, MOST_TRIES, url];
        const own = [KEYS.pending, KEYS.tries(webhookId), KEYS.webhook(webhookId), KEYS.log(webhookId)];
        const call = {
          script: END,
          keys: [...own, ...(symbols === "" ? [] : subscribeKeys(symbols.split(" ")))],
          args: [delivery, messageId, webhookId, ...result, ends ?? "", symbols].map(String),
        };
        const reply = await upstash.eval(call, EndReply);
        return reply === "changed" ? reply : undefined;
      }),
    size: () => upstash.exec((redis) => redis.zcard(KEYS.pending)),
  };
}

/** Of a delivery's name in Redis. */
function partsOf(delivery: string) {
  const [messageId = "", webhookId = ""] = delivery.split(" ");
  return { messageId, webhookId };
}
