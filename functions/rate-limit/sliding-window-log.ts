import type { Ratelimit } from "@upstash/ratelimit";
import type { Redis } from "@upstash/redis/cloudflare";
import { boolean, number, object, parse, picklist, tuple } from "valibot";
import type { ScriptCall } from "../upstash.ts";
import { ACQUIRE_SCRIPT, REMAINING_SCRIPT, SETTLE_SCRIPT } from "./sliding-window-scripts.ts";

/** `@upstash/ratelimit` exports the type of its algorithms only under contexts that it does not. */
type Algorithm = ConstructorParameters<typeof Ratelimit>[0]["limiter"];

/**
 * The rate limit as an exact sliding-window log. The score of an entry is the latest time at which its call can reach
 * OpenD: at first the end of `maxInFlightMs`, and after the reply the time of the reply. A new permit starts more than
 * a window after the `limit`-th newest score. No call arrives before its permit starts. So a call and the `limit`-th
 * call after it are more than a window apart, if no call takes longer than `maxInFlightMs`.
 */
export interface SlidingWindowRule {
  /** Permits per window. */
  readonly limit: number;
  readonly windowMs: number;
  /** The longest time from a permit's start to the arrival of its call. */
  readonly maxInFlightMs: number;
  /** A permit is granted at most this far ahead of its start. */
  readonly maxWaitMs: number;
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
  readonly maxWasteReserve?: number;
}

/** A wasted call lowers the limit of new symbols for this long, in milliseconds. */
const WASTE_MEMORY_MS = 5 * 60_000;
/** The usual duration of a call, in milliseconds: for the retry time of a refusal. */
const EXPECTED_CALL_MS = 1_000;
/** A log outlives its last entry by this margin, in milliseconds. */
const EXPIRY_MARGIN_MS = 1_000;

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
export function acquireScript(log: string, rule: SlidingWindowRule, options: AcquireOptions): ScriptCall {
  const { limit, windowMs, maxInFlightMs, maxWaitMs, clientShare } = rule;
  const { id, clientLog, replaces = "", reserve, maxWasteReserve = 0 } = options;
  const args = [
    id,
    limit,
    windowMs,
    maxInFlightMs,
    maxWaitMs,
    replaces,
    clientShare,
    EXPECTED_CALL_MS,
    reserve,
    maxWasteReserve,
    WASTE_MEMORY_MS,
    EXPIRY_MARGIN_MS,
  ];
  return {
    script: ACQUIRE_SCRIPT,
    keys: [log, blockKey(log), clientLog, wastedKey(log)],
    args: args.map(String),
  };
}

/** The script that counts the permits that could start now. */
export function remainingScript(log: string, { limit, windowMs }: SlidingWindowRule): ScriptCall {
  return { script: REMAINING_SCRIPT, keys: [log, blockKey(log)], args: [limit, windowMs].map(String) };
}

/**
 * The log as an algorithm for `@upstash/ratelimit`. Its result is an `AcquireResult`: `reset` is the start of the granted
 * permit, or the likely time of the next free one.
 */
export function slidingWindowLog(rule: SlidingWindowRule, options: AcquireOptions): Algorithm {
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
  { windowMs, ...rule }: SlidingWindowRule,
  clientLog: string,
  permit: string,
  wasted: boolean,
): ScriptCall {
  const second = wasted ? `${permit} again` : "";
  const args = [permit, windowMs, second, WASTE_MEMORY_MS, EXPIRY_MARGIN_MS, wasteSlots(rule)].map(String);
  return { script: SETTLE_SCRIPT, keys: [log, clientLog, wastedKey(log)], args };
}

/**
 * Wasted calls that are remembered for each client. Capped, so that one client cannot block all new symbols; two
 * wasteful clients leave half of the window.
 */
function wasteSlots({ limit, clientShare }: Pick<SlidingWindowRule, "limit" | "clientShare">): number {
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
