import type { Ratelimit } from "@upstash/ratelimit";
import type { Redis } from "@upstash/redis/cloudflare";
import { number, parse, tuple } from "valibot";

/** `@upstash/ratelimit` exports the type of its algorithms only under contexts that it does not. */
type Algorithm = ConstructorParameters<typeof Ratelimit>[0]["limiter"];

/**
 * The quota, as an exact log. A permit stands in it under the latest moment at which its call can reach
 * OpenD: at first the end of `holdMs`, and once the call has been answered, the moment of the answer.
 * A new permit starts when the `limit`-th newest such moment is more than a window ago. No call reaches
 * OpenD before its permit starts, so between any call and the `limit`-th after it lies more than a
 * window, however long either was under way.
 */
export interface RollingLog {
  /** Permits in a window. */
  readonly limit: number;
  readonly windowMs: number;
  /** The longest time from a permit's start to the arrival of its call. */
  readonly holdMs: number;
  /** A permit is granted ahead of its start by this at most. */
  readonly waitMs: number;
}

/**
 * KEYS log, block; ARGV permit, limit, windowMs, holdMs, waitMs, and a permit to give back first, or ''
 * → {granted 0|1, ms until start, left}.
 * The same permit asked for again is the same grant, so a repeated script counts once.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window, hold, most = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZREM', KEYS[1], ARGV[6])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window - 1)
local count = redis.call('ZCARD', KEYS[1])
local held = redis.call('ZSCORE', KEYS[1], ARGV[1])
if held then
  return {1, math.max(0, held - hold - now), math.max(0, limit - count)}
end
local start = now + math.max(0, redis.call('PTTL', KEYS[2]))
if count >= limit then
  local nth = redis.call('ZRANGE', KEYS[1], -limit, -limit, 'WITHSCORES')
  start = math.max(start, nth[2] + window + 1)
end
if start - now > most then
  return {0, start - now, 0}
end
redis.call('ZADD', KEYS[1], start + hold, ARGV[1])
redis.call('PEXPIRE', KEYS[1], most + hold + window + 1000)
return {1, start - now, math.max(0, limit - count - 1)}
`;

/** KEYS log; ARGV permit. The call has been answered: it reached OpenD by now. */
const SETTLE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.ceil(time[2] / 1000)
local held = redis.call('ZSCORE', KEYS[1], ARGV[1])
if held and tonumber(held) > now then
  redis.call('ZADD', KEYS[1], now, ARGV[1])
end
return 0
`;

const TakeReply = tuple([number(), number(), number()]);

/** The key under which a frequency refusal by OpenD itself is remembered. */
const blockKey = (log: string) => `${log}:blocked`;

/**
 * The log as an algorithm for `@upstash/ratelimit`, asking for the one permit named `permit`, in place
 * of the one named `instead` where there is one.
 * In its answer `reset` is when the permit starts, or when one would be free (Unix time, milliseconds,
 * by this machine's clock).
 */
export function rollingLog(
  { limit, windowMs, holdMs, waitMs }: RollingLog,
  permit: string,
  instead = "",
): Algorithm {
  return () => ({
    async limit({ redis }, log) {
      const reply = await redis
        .createScript(TAKE)
        .exec([log, blockKey(log)], [permit, limit, windowMs, holdMs, waitMs, instead].map(String));
      const [granted, startsInMs, left] = parse(TakeReply, reply);
      return {
        success: granted === 1,
        limit,
        remaining: left,
        reset: Date.now() + startsInMs,
        pending: Promise.resolve(),
      };
    },
    async getRemaining({ redis }, log) {
      const used = await redis.zcount(log, Date.now() - windowMs, "+inf");
      return { limit, remaining: Math.max(0, limit - used), reset: Date.now() + windowMs };
    },
    async resetTokens({ redis }, log) {
      await redis.del(log, blockKey(log));
    },
  });
}

/** Lowers a permit's moment to now, in the log under `log`. */
export async function settle(redis: Redis, log: string, permit: string): Promise<void> {
  await redis.createScript(SETTLE).exec([log], [permit]);
}

/** Takes a permit that was not used out of the log under `log`. */
export async function giveBack(redis: Redis, log: string, permit: string): Promise<void> {
  await redis.zrem(log, permit);
}

/** Grants no permit in the log under `log` that starts within `ms` milliseconds from now. */
export async function block(redis: Redis, log: string, ms: number): Promise<void> {
  await redis.set(blockKey(log), "1", { px: ms });
}
