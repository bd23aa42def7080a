import type { Ratelimit } from "@upstash/ratelimit";
import type { Redis } from "@upstash/redis/cloudflare";
import { boolean, number, object, parse, picklist, tuple } from "valibot";
import type { ScriptCall } from "../upstash.ts";
import { ACQUIRE_SCRIPT, RELEASE_SCRIPT, REMAINING_SCRIPT, SETTLE_SCRIPT } from "./sliding-window-scripts.ts";

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
  /** The longest time from a permit's start to the arrival of its call. With `maxWaitMs`, at most `WASTE_MEMORY_MS`. */
  readonly maxInFlightMs: number;
  /** A permit is granted at most this far ahead of its start. */
  readonly maxWaitMs: number;
  /** Permits per window for one client, under the same rule. */
  readonly clientShare: number;
}

/** The arguments of one acquire. */
export interface AcquireOptions {
  /** The ID of the permit, without a space. A script that repeats with the same ID is the same grant, and counts once. */
  readonly id: string;
  /** The client that causes the call. Without a line break. */
  readonly client: string;
  /** A permit that is released first. */
  readonly replaces?: string | undefined;
  /** Permits that this request leaves to others. If there are any, it is never granted ahead of its start. */
  readonly reserve: number;
  /** Permits that it leaves to others at most while calls are wasted: one for each wasted call. */
  readonly maxWasteReserve?: number;
  /** The permit is only granted while the key `lease.key` has the value `lease.id`. */
  readonly lease?: { readonly key: string; readonly id: string } | undefined;
}

/** The part of a permit that its settlement needs. Times are in milliseconds. */
export interface GrantedPermit {
  readonly id: string;
  /** When the permit was requested, by the clock of this machine. */
  readonly requestedAt: number;
  /** When it was granted, by the clock of Redis, rounded down. */
  readonly grantedAt: number;
}

/** A wasted call lowers the limit of new symbols for this long, in milliseconds. */
export const WASTE_MEMORY_MS = 5 * 60_000;
/** The usual duration of a call, in milliseconds: for the retry time of a refusal. */
const EXPECTED_CALL_MS = 1_000;
/** The rounding errors of three clock readings, in milliseconds. */
const ROUNDING_MS = 2;

/**
 * The lifetime of the log after each write, in milliseconds. A permit counts for a window after its score, which is less
 * than `WASTE_MEMORY_MS` ahead. A wasted call counts for `WASTE_MEMORY_MS` after its score, which a rounded clock may put
 * ahead of the write.
 */
export const logTtlMs = ({ windowMs }: Pick<SlidingWindowRule, "windowMs">) =>
  windowMs + WASTE_MEMORY_MS + ROUNDING_MS;

/** The result of the algorithm. `@upstash/ratelimit` returns it unchanged. */
export const AcquireResult = object({
  success: boolean(),
  /** The reason of a refusal: the limit, the client's share, the reserve for others, or the lease. */
  refusedBy: picklist(["limit", "share", "reserve", "lease"]),
  /** Permits left in the window, and of them for this client. */
  remaining: number(),
  clientRemaining: number(),
  /** Unix time in milliseconds, by the clock of this machine. */
  reset: number(),
  /** When Redis decided: Unix time in milliseconds by its clock, rounded down. */
  decidedAt: number(),
});

const REFUSED_BY = ["limit", "share", "reserve", "lease"] as const;
const AcquireReply = tuple([number(), number(), number(), number(), number(), number()]);

/** The key that remembers a frequency refusal by OpenD itself. */
const blockKey = (log: string) => `${log}:blocked`;

/** The script that grants or refuses one permit. */
export function acquireScript(log: string, rule: SlidingWindowRule, options: AcquireOptions): ScriptCall {
  const { limit, windowMs, maxInFlightMs, maxWaitMs, clientShare } = rule;
  const { id, client, replaces = "", reserve, maxWasteReserve = 0, lease } = options;
  const args = [
    id,
    client,
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
    Math.floor(limit / 2),
    wasteSlots(rule),
    logTtlMs(rule),
    lease?.id ?? "",
  ];
  return {
    script: ACQUIRE_SCRIPT,
    keys: [log, blockKey(log), ...(lease ? [lease.key] : [])],
    args: args.map(String),
  };
}

/** The script that counts the permits that could start now. */
export function remainingScript(log: string, { limit, windowMs }: SlidingWindowRule): ScriptCall {
  return { script: REMAINING_SCRIPT, keys: [log, blockKey(log)], args: [limit, windowMs].map(String) };
}

/** Runs the acquire script, and returns its raw reply. */
export type RunScript = (call: ScriptCall) => Promise<unknown>;

/**
 * The log as an algorithm for `@upstash/ratelimit`. Its result is an `AcquireResult`: `reset` is the start of the granted
 * permit, or the likely time of the next free one.
 * @param run runs the acquire script; by default alone, with its text only if Redis does not know it
 */
export function slidingWindowLog(
  rule: SlidingWindowRule,
  options: AcquireOptions,
  run?: RunScript,
): Algorithm {
  const { limit, windowMs } = rule;
  return () => ({
    async limit({ redis }, log) {
      const call = acquireScript(log, rule, options);
      const reply = await (run?.(call) ??
        redis.createScript(call.script).exec([...call.keys], [...call.args]));
      const [granted, startsInMs, remaining, clientRemaining, by, decidedAt] = parse(AcquireReply, reply);
      const result = {
        success: granted === 1,
        refusedBy: REFUSED_BY[by],
        limit,
        remaining,
        clientRemaining,
        reset: Date.now() + startsInMs,
        decidedAt,
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
 * The time of a reply by the clock of Redis, in milliseconds. It is never too early. Redis granted the permit after this
 * machine had requested it, so the time since the request is at least the time since the grant. It is too late by the
 * latency of that request.
 * @param repliedAt when the reply arrived, by the clock of this machine
 */
export function replyTime({ requestedAt, grantedAt }: GrantedPermit, repliedAt: number): number {
  return grantedAt + (repliedAt - requestedAt) + ROUNDING_MS;
}

/**
 * The arguments of `settle`, which lowers a permit's score to the time of the reply.
 * @param repliedAt that time, by the clock of Redis
 * @param wasted counts the call twice for its client, and once among the wasted calls
 */
export function settleArgs(
  rule: SlidingWindowRule,
  permit: string,
  repliedAt: number,
  wasted: boolean,
): readonly string[] {
  return [permit, repliedAt, wasted ? 2 : 1, logTtlMs(rule)].map(String);
}

/** The script that settles a permit by itself. */
export function settleScript(log: string, args: readonly string[]): ScriptCall {
  return { script: SETTLE_SCRIPT, keys: [log], args };
}

/** The script that removes an unused permit. */
export function releaseScript(log: string, rule: SlidingWindowRule, permit: string): ScriptCall {
  return { script: RELEASE_SCRIPT, keys: [log], args: [permit, logTtlMs(rule)].map(String) };
}

/**
 * Wasted calls that are remembered for each client. Capped, so that one client cannot block all new symbols; two
 * wasteful clients leave half of the window.
 */
function wasteSlots({ limit, clientShare }: SlidingWindowRule): number {
  const half = Math.floor(limit / 2);
  return Math.max(1, Math.ceil(half / 2), half - Math.max(0, limit - clientShare));
}

/** Grants no permit in `log` that starts within `durationMs` milliseconds from now. */
export async function blockLog(redis: Redis, log: string, durationMs: number): Promise<void> {
  await redis.set(blockKey(log), "1", { px: durationMs });
}

/** For how long no permit is granted in `log`, in milliseconds; 0 if permits are granted. */
export async function blockedMs(redis: Redis, log: string): Promise<number> {
  return Math.max(0, await redis.pttl(blockKey(log)));
}
