import { array, literal, nullable, number, parse, picklist, string, tuple, union } from "valibot";
import type { Upstash } from "../upstash.ts";
import {
  ADD_ALL_FUNCTION,
  HOLDING_FUNCTIONS,
  STATE_FUNCTIONS,
  SUBSCRIBE_FUNCTIONS,
  subscribeKeys,
} from "./lua-functions.ts";
import type { WebhookMessage } from "./messages.ts";
import { KEYS, MAX_LOG_ENTRIES, MESSAGE_TTL_MS } from "./redis-keys.ts";
import { retryOnConflict } from "./retry-on-conflict.ts";
import type { RetryDecision } from "./retry-policy.ts";
import { activeSecrets } from "./subscriptions.ts";

/** A claimed delivery: one message to one webhook. */
export interface Delivery {
  /** Identifies the claim in `complete`. It is the claim's expiry (Unix time, milliseconds). */
  readonly claimToken: number;
  readonly message: WebhookMessage;
  readonly webhookId: string;
  readonly owner: string;
  readonly url: string;
  /** The host of this service at which the webhook was created. */
  readonly host: string;
  /** Active signing secrets as stored, the newest first. */
  readonly storedSecrets: readonly string[];
  /** Attempts before this one. */
  readonly attempts: number;
  /** Unix time, milliseconds; undefined if the webhook does not fail. */
  readonly failingSince: number | undefined;
}

/**
 * Pending deliveries. A delivery is one message to one webhook. It stays until it succeeds or is 14 days old. Deliveries
 * of a paused webhook are parked: they are not due until the webhook is active again, and use no queue operations.
 * Deliveries of a disabled webhook and abandoned ones are held: only a replay schedules them again.
 *
 * A delivery ID is `messageId webhookId`. All methods throw Failure `store_unavailable` if Redis is unavailable.
 */
export interface Outbox {
  /**
   * Whether a delivery is due. A plain read: it is cheaper than a claim, but a replica may not know new deliveries yet.
   */
  hasDue(): Promise<boolean>;
  /**
   * Claims due deliveries for dispatch: new ones, and those whose claim has expired.
   * @returns delivery IDs, at most `limit`
   */
  claimDue(limit: number): Promise<string[]>;
  /**
   * Claims a delivery for one attempt.
   * @returns milliseconds until the delivery is due, if it is not; undefined if there is nothing to send or another
   *   consumer holds the claim
   */
  claim(deliveryId: string): Promise<Delivery | number | undefined>;
  /**
   * Records the result of an attempt. A success always counts; a failure counts only while its claim is held.
   * @param claimToken of the delivery that `claim` returned
   * @param url the URL of the attempt
   * @param entry the delivery log entry, as JSON
   */
  complete(
    deliveryId: string,
    claimToken: number,
    decision: RetryDecision,
    url: string,
    entry: string,
  ): Promise<void>;
  /** The number of scheduled deliveries, without parked ones. */
  pendingCount(): Promise<number>;
}

/** A dispatched delivery is due again after this time, in case the queue loses its job. */
export const DISPATCH_CLAIM_MS = 15 * 60_000;
/**
 * How long an attempt holds its claim. Longer than the receiver's timeout and a short outage of Upstash, during which
 * the result waits in the queue: otherwise a delivered message would be sent again.
 */
const ATTEMPT_CLAIM_MS = 10 * 60_000;
/** Added to the due time of a retry, because its job normally arrives from the queue before that. */
const QUEUE_DELAY_MS = 5 * 60_000;

/** KEYS pending; ARGV now, limit, claimedUntil → delivery IDs */
const CLAIM_DUE = `${ADD_ALL_FUNCTION}
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
addAll(KEYS[1], ARGV[3], due)
return due
`;

/**
 * Functions for one message, after `STATE_FUNCTIONS`. KEYS pending, attempts; ARGV delivery ID, message ID. `published` must be set before
 * `setState` and `holdMessage`.
 */
const MESSAGE_FUNCTIONS = `
local delivery, message, published = ARGV[1], ARGV[2], ''
local function setState(attempts, retryAt, claimedUntil)
  local state = string.format('%d %.0f %.0f ', attempts, retryAt, claimedUntil) .. published
  redis.call('HSET', KEYS[2], message, state)
end
local function holdMessage()
  redis.call('ZREM', KEYS[1], delivery)
  redis.call('HSET', KEYS[2], message, heldState(published))
end
local function deleteMessage()
  redis.call('ZREM', KEYS[1], delivery)
  redis.call('HDEL', KEYS[2], message)
end
`;

/**
 * KEYS pending, attempts, webhook, event; ARGV delivery ID, message ID, now, claimedUntil, message TTL in ms →
 * 'nothing', milliseconds until the delivery is due, or the fields of the delivery
 */
const CLAIM = `${STATE_FUNCTIONS}${MESSAGE_FUNCTIONS}
local now, claimedUntil, ttl = tonumber(ARGV[3]), ARGV[4], ARGV[5]
if not redis.call('ZSCORE', KEYS[1], delivery) then return 'nothing' end
local attempts, retryAt, heldUntil = parseState(redis.call('HGET', KEYS[2], message) or '0 0 0')
-- A held message that was published again starts anew.
attempts = attempts or 0
if now < heldUntil then return 'nothing' end
local body = redis.call('GET', KEYS[4])
local webhook = redis.call('HMGET', KEYS[3], 'owner', 'url', 'host', 'secrets', 'failing_since', 'active', 'reason')
if not body or not webhook[1] then
  deleteMessage()
  return 'nothing'
end
published = string.match(body, '"timestamp":"([^"]+)"') or ''
if webhook[6] ~= '1' then
  if webhook[7] == 'paused' then
    setState(attempts, retryAt, 0)
    redis.call('ZREM', KEYS[1], delivery)
  else
    holdMessage()
  end
  redis.call('PEXPIRE', KEYS[2], ttl)
  return 'nothing'
end
if now < retryAt then return retryAt - now end
setState(attempts, retryAt, claimedUntil)
redis.call('ZADD', KEYS[1], claimedUntil, delivery)
return {body, attempts, webhook[1], webhook[2], webhook[3], webhook[4], webhook[5]}
`;
const text = string();
const ClaimReply = union([
  literal("nothing"),
  number(),
  tuple([text, number(), text, text, text, text, text]),
]);

/**
 * KEYS pending, attempts, webhook, deliveries, then `subscribeKeys` if the webhook is disabled; ARGV delivery ID,
 * message ID, webhook ID, claim token, outcome, retryAt, checkAt, now, log entry, max log entries, URL, disable reason
 * or '', symbols or '', message TTL in ms, ISO time before which messages have expired → 'done', or 'conflict' if the
 * webhook is to be disabled but has other symbols.
 *
 * An abandoned message is held. If the webhook's URL has changed since the attempt, a failure neither counts nor disables it: the message is due at
 * once at the new URL.
 */
const COMPLETE = `${SUBSCRIBE_FUNCTIONS}${HOLDING_FUNCTIONS}${MESSAGE_FUNCTIONS}
local _, _, id, claimToken, outcome, retryAt, checkAt, now, entry, maxEntries, url, reason, symbols, ttl, expiry = unpack(ARGV)
local state = redis.call('HGET', KEYS[2], message)
if not state then return 'done' end
local attempts, _, claimedUntil, publishedAt = parseState(state)
published = publishedAt
if outcome ~= 'delivered' and claimedUntil ~= tonumber(claimToken) then return 'done' end
local webhook = redis.call('HMGET', KEYS[3], 'url', 'failing_since', 'active', 'symbols', 'reason')
local urlChanged, failingSince, isActive = webhook[1] ~= url, webhook[2], webhook[3] == '1'
if urlChanged or (reason == 'failing' and failingSince == '0') then reason = '' end
if reason ~= '' and webhook[4] ~= symbols then return 'conflict' end
local function retry(attempts, retryAt, checkAt)
  if not isActive and webhook[5] ~= 'paused' then return holdMessage() end
  setState(attempts, retryAt, 0)
  if isActive then redis.call('ZADD', KEYS[1], checkAt, delivery) end
end
if outcome ~= 'delivered' and urlChanged then retry(0, 0, now)
elseif outcome == 'retry' then retry(attempts + 1, retryAt, checkAt)
elseif outcome == 'delivered' then deleteMessage()
else
  holdMessage()
  prune(KEYS[2], expiry)
end
redis.call('LPUSH', KEYS[4], entry)
redis.call('LTRIM', KEYS[4], 0, tonumber(maxEntries) - 1)
if urlChanged then return 'done' end
if outcome == 'delivered' then
  redis.call('HSET', KEYS[3], 'failing_since', '0')
elseif failingSince == '0' then
  redis.call('HSET', KEYS[3], 'failing_since', now)
end
if reason ~= '' then
  if isActive then
    local watchedUntil = string.format('%.0f', now + ttl)
    subscribe(id, symbols, memberOf(id, '0', watchedUntil), symbols, now, 5)
    redis.call('HSET', KEYS[3], 'watched_until', watchedUntil)
  end
  redis.call('HSET', KEYS[3], 'active', '0', 'reason', reason)
  hold(id, KEYS[2], KEYS[1], ttl, tonumber(now))
end
return 'done'
`;
const CompleteReply = picklist(["done", "conflict"]);

/** @param now Unix time, milliseconds */
export function createOutbox(upstash: Upstash, now: () => number): Outbox {
  /** The symbols of a webhook, separated by spaces; empty if the webhook does not exist. */
  async function symbolsOf(webhookId: string): Promise<string> {
    const symbols = await upstash.exec((redis) => redis.hget(KEYS.webhook(webhookId), "symbols"));
    return parse(nullable(string()), symbols) ?? "";
  }

  return {
    hasDue: async () => (await upstash.exec((redis) => redis.zcount(KEYS.pending, "-inf", now()))) > 0,
    claimDue(limit) {
      const args = [now(), limit, now() + DISPATCH_CLAIM_MS].map(String);
      return upstash.eval({ script: CLAIM_DUE, keys: [KEYS.pending], args }, array(string()));
    },
    async claim(deliveryId) {
      const { messageId, webhookId } = parseDeliveryId(deliveryId);
      const claimToken = now() + ATTEMPT_CLAIM_MS;
      const keys = [KEYS.pending, KEYS.attempts(webhookId), KEYS.webhook(webhookId), KEYS.event(messageId)];
      const args = [deliveryId, messageId, now(), claimToken, MESSAGE_TTL_MS].map(String);
      const reply = await upstash.eval({ script: CLAIM, keys, args }, ClaimReply);
      if (reply === "nothing") return undefined;
      if (typeof reply === "number") return reply;
      const [body, attempts, owner, url, host, secrets, failing] = reply;
      const failingSince = failing === "0" ? undefined : Number(failing);
      const message = { id: messageId, body };
      const storedSecrets = activeSecrets(secrets, now());
      return { claimToken, message, webhookId, attempts, owner, url, host, failingSince, storedSecrets };
    },
    complete: (deliveryId, claimToken, { outcome, retryAt, disableReason }, url, entry) =>
      retryOnConflict(async () => {
        const { messageId, webhookId } = parseDeliveryId(deliveryId);
        const symbols = disableReason === null ? "" : await symbolsOf(webhookId);
        const dueAt = Math.ceil(retryAt ?? 0);
        const result = [claimToken, outcome, dueAt, dueAt + QUEUE_DELAY_MS, now(), entry];
        const webhookKeys = [
          KEYS.attempts(webhookId),
          KEYS.webhook(webhookId),
          KEYS.deliveries(webhookId),
          ...(symbols === "" ? [] : subscribeKeys(symbols.split(" "))),
        ];
        const call = {
          script: COMPLETE,
          keys: [KEYS.pending, ...webhookKeys],
          args: [
            ...[deliveryId, messageId, webhookId, ...result],
            ...[MAX_LOG_ENTRIES, url, disableReason ?? "", symbols, MESSAGE_TTL_MS],
            new Date(now() - MESSAGE_TTL_MS).toISOString(),
          ].map(String),
        };
        const reply = await upstash.eval(call, CompleteReply);
        return reply === "conflict" ? reply : undefined;
      }),
    pendingCount: () => upstash.exec((redis) => redis.zcard(KEYS.pending)),
  };
}

function parseDeliveryId(deliveryId: string) {
  const [messageId = "", webhookId = ""] = deliveryId.split(" ");
  return { messageId, webhookId };
}
