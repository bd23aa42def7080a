import { array, nullable, number, parse, string, tuple } from "valibot";
import type { Upstash } from "../upstash.ts";
import { ADD_ALL_FUNCTION } from "./lua-functions.ts";
import type { WebhookMessage } from "./messages.ts";
import { KEYS, MESSAGE_TTL_MS } from "./redis-keys.ts";

/** A claimed symbol. */
export interface DueSymbol {
  readonly symbol: string;
  /** Timestamp of the newest row of earlier polls, Unix time in seconds; undefined before the first successful poll. */
  readonly newestTimestamp: bigint | undefined;
}

export interface PollResult {
  readonly symbol: string;
  /** Timestamp of the newest row, Unix time in seconds; 0 if the symbol has no row; undefined if the poll failed. */
  readonly newestTimestamp: bigint | undefined;
  /** Unix time, milliseconds. */
  readonly nextPollAt: number;
  /** The error code of a failed poll; otherwise empty. */
  readonly error: string;
  /** The message to send if the row is newer than that of earlier polls. */
  readonly message?: WebhookMessage | undefined;
}

/** The last poll of a subscribed symbol, for the API. */
export interface SymbolStatus {
  readonly symbol: string;
  /** Timestamp of the newest row, Unix time in seconds; null without a row or before the first successful poll. */
  readonly newestTimestamp: bigint | null;
  /** When the symbol was polled (Unix time, milliseconds); null before the first poll. */
  readonly checkedAt: number | null;
  /** The error code of the last poll; null if it succeeded. */
  readonly error: string | null;
}

/**
 * The subscribed symbols, and when to poll each. All methods throw Failure `store_unavailable` if Redis is
 * unavailable.
 */
export interface PollSchedule {
  /** Whether a poll is due. A plain read: it is cheaper than a claim, but a replica may not know new symbols yet. */
  hasDue(): Promise<boolean>;
  /** Claims symbols whose poll is due, the longest overdue first, at most `limit`. A claim expires after `POLL_CLAIM_MS`. */
  claimDue(limit: number): Promise<DueSymbol[]>;
  /**
   * Records a poll. If the newest timestamp advances, the same script adds the message to the outbox of every
   * subscriber. It never moves back, so that concurrent polls of the same row send one message. The first successful
   * poll sets a baseline and sends nothing.
   * @returns the number of webhooks that the message goes to
   */
  recordPoll(result: PollResult): Promise<number>;
  /** The status of each of `symbols`, in their order. */
  statusOf(symbols: readonly string[]): Promise<SymbolStatus[]>;
}

/** Longer than the poll of one `CLAIM_BATCH` normally takes. After it, another run may poll the symbol. */
const POLL_CLAIM_MS = 5 * 60_000;

/** KEYS poll schedule, symbol status; ARGV now, limit, claimedUntil → symbol and timestamp or '' of each */
const CLAIM_DUE = `${ADD_ALL_FUNCTION}
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
if #due == 0 then return due end
addAll(KEYS[1], ARGV[3], due)
local statuses = redis.call('HMGET', KEYS[2], unpack(due))
local claimed = {}
for index, symbol in ipairs(due) do
  table.insert(claimed, {symbol, string.match(statuses[index] or '', '^%d*')})
end
return claimed
`;
const ClaimDueReply = array(tuple([string(), string()]));

/**
 * KEYS poll schedule, symbol status, event, subscribers, pending; ARGV symbol, timestamp or '', nextPollAt, now, error,
 * message ID or '', body, message TTL in ms → number of webhooks that the message goes to.
 *
 * Inactive subscribers get the message too: its claim parks or holds it. Those whose time has ended are removed, and
 * without subscribers the symbol is not polled any more.
 *
 * A newer row without a message means that another run recorded the baseline after this one claimed the symbol. The
 * symbol is then due at once, so that the next poll creates the message.
 */
const RECORD_POLL = `${ADD_ALL_FUNCTION}
local symbol, timestamp, nextPollAt, now, error, message, body, ttl = unpack(ARGV)
local before = string.match(redis.call('HGET', KEYS[2], symbol) or '', '^%d*')
local isNew = timestamp ~= '' and before ~= '' and tonumber(timestamp) > tonumber(before)
local isMissed = isNew and message == ''
-- 0 also means that the symbol has this time already.
local changed = redis.call('ZADD', KEYS[1], 'XX', 'CH', isMissed and now or nextPollAt, symbol)
if changed == 0 and not redis.call('ZSCORE', KEYS[1], symbol) then return 0 end
if isMissed then return 0 end
local receivers, deliveries, ended = 0, {}, {}
for _, member in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  local id, watchedUntil = string.match(member, '^([^@]+)@?(%d*)$')
  if watchedUntil ~= '' and tonumber(watchedUntil) <= tonumber(now) then table.insert(ended, member)
  else table.insert(deliveries, message .. ' ' .. id) end
end
if #ended > 0 then redis.call('SREM', KEYS[4], unpack(ended, 1, math.min(#ended, 1000))) end
if #deliveries == 0 and #ended <= 1000 then
  redis.call('ZREM', KEYS[1], symbol)
  redis.call('HDEL', KEYS[2], symbol)
  return 0
end
if isNew then
  redis.call('SET', KEYS[3], body, 'PX', ttl)
  addAll(KEYS[5], now, deliveries)
  receivers = #deliveries
elseif timestamp == '' or before ~= '' then
  timestamp = before
end
redis.call('HSET', KEYS[2], symbol, timestamp .. ' ' .. now .. ' ' .. error)
return receivers
`;

/** @param now Unix time, milliseconds */
export function createPollSchedule(upstash: Upstash, now: () => number): PollSchedule {
  return {
    hasDue: async () => (await upstash.exec((redis) => redis.zcount(KEYS.pollSchedule, "-inf", now()))) > 0,
    async claimDue(limit) {
      const args = [now(), limit, now() + POLL_CLAIM_MS].map(String);
      const keys = [KEYS.pollSchedule, KEYS.symbolStatus];
      const due = await upstash.eval({ script: CLAIM_DUE, keys, args }, ClaimDueReply);
      return due.map(([symbol, timestamp]) => ({
        symbol,
        newestTimestamp: timestamp === "" ? undefined : BigInt(timestamp),
      }));
    },
    recordPoll({ symbol, newestTimestamp, nextPollAt, error, message }) {
      const { id = "", body = "" } = message ?? {};
      const result = [symbol, newestTimestamp ?? "", Math.ceil(nextPollAt), now(), error];
      const args = [...result, id, body, MESSAGE_TTL_MS].map(String);
      const subscribers = KEYS.subscribers(symbol);
      const keys = [KEYS.pollSchedule, KEYS.symbolStatus, KEYS.event(id), subscribers, KEYS.pending];
      return upstash.eval({ script: RECORD_POLL, keys, args }, number());
    },
    async statusOf(symbols) {
      const stored = await upstash.exec(async (redis) =>
        parse(array(nullable(string())), await redis.hmget(KEYS.symbolStatus, ...symbols)),
      );
      return stored.map((status, index) => {
        const [timestamp = "", checkedAt, error] = status?.split(" ") ?? [];
        return {
          symbol: symbols[index] ?? "",
          newestTimestamp: timestamp === "" || timestamp === "0" ? null : BigInt(timestamp),
          checkedAt: checkedAt === undefined ? null : Number(checkedAt),
          error: error || null,
        };
      });
    },
  };
}
