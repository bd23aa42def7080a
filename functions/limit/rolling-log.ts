import type { Ratelimit } from "@upstash/ratelimit";
import type { Redis } from "@upstash/redis/cloudflare";
import { boolean, number, object, parse, tuple } from "valibot";
import type { ScriptCall } from "../upstash.ts";

/** `@upstash/ratelimit` exports the type of its algorithms only under contexts that it does not. */
type Algorithm = ConstructorParameters<typeof Ratelimit>[0]["limiter"];

/**
 * The quota, as an exact log. A permit stands in it under the latest moment at which its call can reach
 * OpenD: at first the end of `holdMs`, and once the call has been answered, the moment of the answer.
 * A new permit starts when the `limit`-th newest such moment is more than a window ago. No call reaches
 * OpenD before its permit starts, so between any call and the `limit`-th after it lies more than a
 * window, whatever their delays, as long as none is under way for longer than `holdMs`.
 */
export interface RollingLog {
  /** Permits in a window. */
  readonly limit: number;
  readonly windowMs: number;
  /** The longest time from a permit's start to the arrival of its call. */
  readonly holdMs: number;
  /** A permit is granted ahead of its start by this at most. */
  readonly waitMs: number;
  /** Permits in a window that one client may have; it has a log of its own, kept in the same way. */
  readonly clientShare: number;
}

/** What a permit is asked for with. */
export interface PermitWish {
  /** The permit's own name: asked for again, it is the same grant, so a repeated script counts once. */
  readonly id: string;
  /** The key of the client's log. */
  readonly clientLog: string;
  /** A permit that is given back first. */
  readonly instead?: string | undefined;
  /** Permits that are left for others; and no waiting for one. */
  readonly reserve: number;
}

/**
 * KEYS log, block, client's log; ARGV permit, limit, windowMs, holdMs, waitMs, permit to give back or '',
 * client's share, answerMs → {granted 0|1, ms until start, left, left to the client, refused by 0 the log | 1
 * the client's log}.
 * What is granted starts no sooner than is safe. What is refused is told the likely time: of calls that
 * are under way it assumes that they are answered within answerMs.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window, hold, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local function startIn(log, limit)
  redis.call('ZREM', log, ARGV[6])
  redis.call('ZREMRANGEBYSCORE', log, '-inf', now - window - 1)
  local count = redis.call('ZCARD', log)
  if count < limit then return now, now, limit - count end
  local nth = tonumber(redis.call('ZRANGE', log, -limit, -limit, 'WITHSCORES')[2])
  local likely = nth > now and math.max(now, nth - hold + tonumber(ARGV[8])) or nth
  return math.max(now, nth + window + 1), math.max(now, math.min(nth, likely) + window + 1), 0
end
local held = redis.call('ZSCORE', KEYS[1], ARGV[1])
local start, likely, left = startIn(KEYS[1], limit)
local own, ownLikely, ownLeft = startIn(KEYS[3], tonumber(ARGV[7]))
if held then return {1, math.max(0, held - hold - now), left, ownLeft, 0} end
if own - now > most then return {0, ownLikely - now, left, ownLeft, 1} end
local blocked = now + math.max(0, redis.call('PTTL', KEYS[2]))
start = math.max(start, own, blocked)
if start - now > most then return {0, math.max(likely, ownLikely, blocked) - now, left, ownLeft, 0} end
for _, log in ipairs({KEYS[1], KEYS[3]}) do
  redis.call('ZADD', log, start + hold, ARGV[1])
  redis.call('PEXPIRE', log, most + hold + window + 1000)
end
return {1, start - now, math.max(left - 1, 0), math.max(ownLeft - 1, 0), 0}
`;

/** KEYS log, block; ARGV limit, windowMs → permits that could start now */
const LEFT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
return math.max(0, ARGV[1] - redis.call('ZCOUNT', KEYS[1], now - ARGV[2], '+inf'))
`;

/**
 * KEYS log, client's log; ARGV permit, windowMs, a second entry for the client or ''. The call has been
 * answered: it reached OpenD by now.
 */
const SETTLE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.ceil(time[2] / 1000)
for _, log in ipairs(KEYS) do
  local held = redis.call('ZSCORE', log, ARGV[1])
  if held and tonumber(held) > now then redis.call('ZADD', log, now, ARGV[1]) end
end
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[2], now, ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[2] + 1000)
end
return 0
`;

/** Within which a call is usually answered, in milliseconds. */
const ANSWER_MS = 1_000;

/** What the algorithm says, through the library, which hands it on as it is. */
export const Verdict = object({
  success: boolean(),
  /** Whether it is the client's share that is used up. */
  byClient: boolean(),
  /** Permits left in the window, and of them to this client. */
  remaining: number(),
  clientRemaining: number(),
  /** Unix time in milliseconds, by this machine's clock. */
  reset: number(),
});

const TakeReply = tuple([number(), number(), number(), number(), number()]);

/** The key under which a frequency refusal by OpenD itself is remembered. */
const blockKey = (log: string) => `${log}:blocked`;

/**
 * The log as an algorithm for `@upstash/ratelimit`, asking for the one permit that is wished for.
 * In its answer, which is a `Verdict`, `reset` is when the permit starts, or when one is likely to be free.
 */
export function rollingLog(rule: RollingLog, wish: PermitWish): Algorithm {
  const { limit, windowMs, holdMs, clientShare } = rule;
  const waitMs = wish.reserve > 0 ? 0 : rule.waitMs;
  return () => ({
    async limit({ redis }, log) {
      const args = [
        wish.id,
        limit - wish.reserve,
        windowMs,
        holdMs,
        waitMs,
        wish.instead ?? "",
        clientShare,
        ANSWER_MS,
      ];
      const reply = await redis
        .createScript(TAKE)
        .exec([log, blockKey(log), wish.clientLog], args.map(String));
      const [granted, startsInMs, left, clientLeft, byClient] = parse(TakeReply, reply);
      const verdict = {
        success: granted === 1,
        byClient: byClient === 1,
        limit,
        remaining: left,
        clientRemaining: clientLeft,
        reset: Date.now() + startsInMs,
        pending: Promise.resolve(),
      };
      return verdict;
    },
    async getRemaining({ redis }, log) {
      const reply = await redis.createScript(LEFT).exec([log, blockKey(log)], [limit, windowMs].map(String));
      return { limit, remaining: parse(number(), reply), reset: Date.now() + windowMs };
    },
    async resetTokens({ redis }, log) {
      await redis.del(log, blockKey(log));
    },
  });
}

/**
 * Lowers a permit's moment to now.
 * @param again counts it a second time for its client
 */
export function settling(
  log: string,
  clientLog: string,
  permit: string,
  windowMs: number,
  again: boolean,
): ScriptCall {
  const second = again ? `${permit} again` : "";
  return { script: SETTLE, keys: [log, clientLog], args: [permit, String(windowMs), second] };
}

/** Takes a permit that was not used out of its logs. */
export async function giveBack(redis: Redis, log: string, clientLog: string, permit: string): Promise<void> {
  await redis.pipeline().zrem(log, permit).zrem(clientLog, permit).exec();
}

/** Grants no permit in the log under `log` that starts within `ms` milliseconds from now. */
export async function block(redis: Redis, log: string, ms: number): Promise<void> {
  await redis.set(blockKey(log), "1", { px: ms });
}

/** For how long no permit is granted in the log under `log`, in milliseconds; 0 where one may be. */
export async function blockedFor(redis: Redis, log: string): Promise<number> {
  return Math.max(0, await redis.pttl(blockKey(log)));
}
