import type { Ratelimit } from "@upstash/ratelimit";
import type { Redis } from "@upstash/redis/cloudflare";
import { boolean, number, object, parse, picklist, tuple } from "valibot";
import type { ScriptCall } from "../upstash.ts";

/** `@upstash/ratelimit` exports the type of its algorithms only under contexts that it does not. */
type Algorithm = ConstructorParameters<typeof Ratelimit>[0]["limiter"];

/**
 * The rate limit as an exact sliding-window log. The score of an entry is the latest time at which its call can reach
 * OpenD: at first the end of `maxInFlightMs`, and after the reply the time of the reply. A new permit starts more than
 * a window after the `limit`-th newest score. No call arrives before its permit starts. So a call and the `limit`-th
 * call after it are more than a window apart, if no call takes longer than `maxInFlightMs`.
 */
export interface SlidingWindowLog {
  /** Permits per window. */
  readonly limit: number;
  readonly windowMs: number;
  /** The longest time from a permit's start to the arrival of its call. */
  readonly maxInFlightMs: number;
  /** A permit is granted at most this far ahead of its start. */
  readonly waitMs: number;
  /** Permits per window for one client. The client has a log of its own under the same rule. */
  readonly clientShare: number;
}

/** The arguments of one acquire. */
export interface AcquireOptions {
  /** The ID of the permit. A script that repeats with the same ID is the same grant, and counts once. */
  readonly id: string;
  /** The key of the client's log. */
  readonly clientLog: string;
  /** A permit that is released first. */
  readonly replaces?: string | undefined;
  /** Permits that this request leaves to others. If there are any, it is never granted ahead of its start. */
  readonly reserve: number;
  /** Permits that it leaves to others at most while calls are wasted: one for each wasted call. */
  readonly wasteReserve?: number;
}

/** A wasted call lowers the limit of new symbols for this long, in milliseconds. */
const WASTE_MEMORY_MS = 5 * 60_000;
/** The usual duration of a call, in milliseconds: for the retry time of a refusal. */
const ANSWER_MS = 1_000;
/** A log outlives its last entry by this margin, in milliseconds. */
const EXPIRY_MARGIN_MS = 1_000;

/** Only extends an expiry: an earlier one would drop permits that still count. */
const EXTEND = `
local function extend(log, ms)
  if redis.call('PTTL', log) < ms then redis.call('PEXPIRE', log, ms) end
end
`;

/**
 * KEYS log, block, client's log, wasted calls; ARGV permit, limit, windowMs, maxInFlightMs, waitMs, permit to release or
 * '', client's share, answerMs, reserve, waste reserve, waste memory ms, expiry margin ms
 * → {granted 0|1, ms until start, remaining, remaining for the client, refused by 0 the limit | 1 the client's share |
 * 2 the reserve}.
 * A granted permit starts when it is safe. A refusal tells the likely time: it assumes that calls in flight are
 * answered within answerMs.
 */
const ACQUIRE = `${EXTEND}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit, window, hold, maxWait = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local reserve, wasteReserve = tonumber(ARGV[9]), tonumber(ARGV[10])
if wasteReserve > reserve then
  local wasted = redis.call('ZCOUNT', KEYS[4], now - ARGV[11], '+inf')
  reserve = math.max(reserve, math.min(wasteReserve, wasted))
end
if tonumber(ARGV[9]) > 0 then maxWait = 0 end
local function startIn(log, limit, reserve)
  if ARGV[6] ~= '' then redis.call('ZREM', log, ARGV[6]) end
  redis.call('ZREMRANGEBYSCORE', log, '-inf', now - window - 1)
  local count = redis.call('ZCARD', log)
  local remaining = math.max(limit - count, 0)
  if count < limit - reserve then return now, now, remaining end
  local nth = tonumber(redis.call('ZRANGE', log, reserve - limit, reserve - limit, 'WITHSCORES')[2])
  local likely = nth > now and math.max(now, nth - hold + tonumber(ARGV[8])) or nth
  return math.max(now, nth + window + 1), math.max(now, math.min(nth, likely) + window + 1), remaining
end
local held = redis.call('ZSCORE', KEYS[1], ARGV[1])
local start, likely, remaining = startIn(KEYS[1], limit, reserve)
local own, ownLikely, ownRemaining = startIn(KEYS[3], tonumber(ARGV[7]), 0)
if held then return {1, math.max(0, held - hold - now), remaining, ownRemaining, 0} end
local blocked = now + math.max(0, redis.call('PTTL', KEYS[2]))
likely = math.max(likely, ownLikely, blocked)
if own - now > maxWait then return {0, likely - now, remaining, ownRemaining, 1} end
start = math.max(start, own, blocked)
if start - now > maxWait then
  local by = reserve > 0 and blocked - now <= maxWait and 2 or 0
  return {0, likely - now, remaining, ownRemaining, by}
end
for _, log in ipairs({KEYS[1], KEYS[3]}) do
  redis.call('ZADD', log, start + hold, ARGV[1])
  extend(log, start - now + hold + window + ARGV[12])
end
return {1, start - now, math.max(remaining - 1, 0), math.max(ownRemaining - 1, 0), 0}
`;

/** KEYS log, block; ARGV limit, windowMs → permits that could start now */
const REMAINING = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
return math.max(0, ARGV[1] - redis.call('ZCOUNT', KEYS[1], now - ARGV[2], '+inf'))
`;

/**
 * KEYS log, client's log, wasted calls; ARGV permit, windowMs, a second entry for the client or '' if the call was
 * not wasted, waste memory ms, expiry margin ms, wasted calls of one client that are remembered at most. The call has
 * been answered, so it reached OpenD by now.
 */
const SETTLE = `${EXTEND}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.ceil(time[2] / 1000)
for at = 1, 2 do
  local held = redis.call('ZSCORE', KEYS[at], ARGV[1])
  if held and tonumber(held) > now then redis.call('ZADD', KEYS[at], now, ARGV[1]) end
end
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[2], now, ARGV[3])
  extend(KEYS[2], ARGV[2] + ARGV[5])
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[4])
  -- One of the client's slots: a free one, or that of its oldest wasted call.
  local slot, oldest
  for at = 1, tonumber(ARGV[6]) do
    local member = KEYS[2] .. ' ' .. at
    local score = tonumber(redis.call('ZSCORE', KEYS[3], member) or -1)
    if not oldest or score < oldest then slot, oldest = member, score end
    if score < 0 then break end
  end
  redis.call('ZADD', KEYS[3], now, slot)
  redis.call('PEXPIRE', KEYS[3], ARGV[4])
end
return 0
`;

/** The result of the algorithm. `@upstash/ratelimit` returns it unchanged. */
export const AcquireResult = object({
  success: boolean(),
  /** The reason of a refusal: the limit, the client's share, or the reserve for others. */
  refusedBy: picklist(["limit", "share", "reserve"]),
  /** Permits left in the window, and of them for this client. */
  remaining: number(),
  clientRemaining: number(),
  /** Unix time in milliseconds, by the clock of this machine. */
  reset: number(),
});

const REFUSED_BY = ["limit", "share", "reserve"] as const;
const AcquireReply = tuple([number(), number(), number(), number(), number()]);

/** The key that remembers a frequency refusal by OpenD itself. */
const blockKey = (log: string) => `${log}:blocked`;
/** The key of the calls for symbols and cursors that do not exist. */
const wastedKey = (log: string) => `${log}:wasted`;

/** The script that grants or refuses one permit. */
export function acquireScript(log: string, rule: SlidingWindowLog, options: AcquireOptions): ScriptCall {
  const { limit, windowMs, maxInFlightMs, waitMs, clientShare } = rule;
  const { id, clientLog, replaces = "", reserve, wasteReserve = 0 } = options;
  const args = [
    id,
    limit,
    windowMs,
    maxInFlightMs,
    waitMs,
    replaces,
    clientShare,
    ANSWER_MS,
    reserve,
    wasteReserve,
    WASTE_MEMORY_MS,
    EXPIRY_MARGIN_MS,
  ];
  return { script: ACQUIRE, keys: [log, blockKey(log), clientLog, wastedKey(log)], args: args.map(String) };
}

/** The script that counts the permits that could start now. */
export function remainingScript(log: string, { limit, windowMs }: SlidingWindowLog): ScriptCall {
  return { script: REMAINING, keys: [log, blockKey(log)], args: [limit, windowMs].map(String) };
}

/**
 * The log as an algorithm for `@upstash/ratelimit`. Its result is an `AcquireResult`: `reset` is the start of the granted
 * permit, or the likely time of the next free one.
 */
export function slidingWindowLog(rule: SlidingWindowLog, options: AcquireOptions): Algorithm {
  const { limit, windowMs } = rule;
  return () => ({
    async limit({ redis }, log) {
      const { script, keys, args } = acquireScript(log, rule, options);
      const reply = await redis.createScript(script).exec([...keys], [...args]);
      const [granted, startsInMs, remaining, clientRemaining, by] = parse(AcquireReply, reply);
      const result = {
        success: granted === 1,
        refusedBy: REFUSED_BY[by],
        limit,
        remaining,
        clientRemaining,
        reset: Date.now() + startsInMs,
        pending: Promise.resolve(),
      };
      return result;
    },
    async getRemaining({ redis }, log) {
      const { script, keys, args } = remainingScript(log, rule);
      const reply = await redis.createScript(script).exec([...keys], [...args]);
      return { limit, remaining: parse(number(), reply), reset: Date.now() + windowMs };
    },
    async resetTokens({ redis }, log) {
      await redis.del(log, blockKey(log));
    },
  });
}

/**
 * The script that lowers a permit's score to now.
 * @param wasted counts the call twice for its client, and once among the wasted calls
 */
export function settleScript(
  log: string,
  { windowMs, ...rule }: SlidingWindowLog,
  clientLog: string,
  permit: string,
  wasted: boolean,
): ScriptCall {
  const second = wasted ? `${permit} again` : "";
  const args = [permit, windowMs, second, WASTE_MEMORY_MS, EXPIRY_MARGIN_MS, wasteSlots(rule)].map(String);
  return { script: SETTLE, keys: [log, clientLog, wastedKey(log)], args };
}

/**
 * The wasted calls of one client that are remembered. One client is held back by its share, and must not keep all
 * others from new symbols; two wasteful clients leave half of the window.
 */
function wasteSlots({ limit, clientShare }: Pick<SlidingWindowLog, "limit" | "clientShare">): number {
  const half = Math.floor(limit / 2);
  return Math.max(1, Math.ceil(half / 2), half - Math.max(0, limit - clientShare));
}

/** Removes an unused permit from its logs. */
export async function releasePermit(
  redis: Redis,
  log: string,
  clientLog: string,
  permit: string,
): Promise<void> {
  await redis.pipeline().zrem(log, permit).zrem(clientLog, permit).exec();
}

/** Grants no permit in `log` that starts within `durationMs` milliseconds from now. */
export async function blockLog(redis: Redis, log: string, durationMs: number): Promise<void> {
  await redis.set(blockKey(log), "1", { px: durationMs });
}

/** For how long no permit is granted in `log`, in milliseconds; 0 if permits are granted. */
export async function blockedMs(redis: Redis, log: string): Promise<number> {
  return Math.max(0, await redis.pttl(blockKey(log)));
}
