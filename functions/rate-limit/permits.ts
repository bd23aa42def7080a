import { Ratelimit } from "@upstash/ratelimit";
import type { Redis } from "@upstash/redis/cloudflare";
import { number, parse } from "valibot";
import { Failure } from "../errors.ts";
import { pipelineScripts, type ScriptCall, type Upstash } from "../upstash.ts";
import { createRefusalMemory } from "./refusal-memory.ts";
import { LeaseNotAcquired, type RequiredLease } from "./required-lease.ts";
import {
  type AcquireOptions,
  AcquireResult,
  blockedMs,
  blockLog,
  type GrantedPermit,
  type RunScript,
  releaseScript,
  replyTime,
  type SlidingWindowRule,
  settleArgs,
  settleScript,
  slidingWindowLog,
} from "./sliding-window-log.ts";

/** The right to make one call to OpenD. */
export interface Permit extends GrantedPermit {
  readonly client: string;
  /** The earliest possible start (Unix time, milliseconds). The permit's age counts from here. */
  readonly earliestStart: number;
  /** The permit may be used from this time on (Unix time, milliseconds). */
  readonly startsAt: number;
  /** Permits that the limits have left after it. */
  readonly remaining: { readonly client: number; readonly upstream: number };
}

/**
 * The purpose of a call. It decides how many permits the call leaves to others.
 * - `known-page`: a page that was answered before, or follows one that was. It leaves none.
 * - `refresh`: a page that can be served stale, or whose first rows another page has. It leaves a few, and does not wait.
 * - `new-symbol`: the symbol was never answered. It leaves as many as were wasted in the last minutes, up to half.
 * - `unknown-cursor`: no stored page leads to the cursor. It leaves half, and does not wait.
 */
export type Priority = (typeof PRIORITIES)[number];
const PRIORITIES = ["known-page", "refresh", "new-symbol", "unknown-cursor"] as const;

/** A request for a permit. */
export interface PermitRequest {
  /** The client that causes the call, as named by `http/auth.ts`. */
  readonly client: string;
  readonly priority: Priority;
  readonly lease?: RequiredLease | undefined;
}

/** The part of a script that settles a permit: `SETTLE_FUNCTION` in `sliding-window-scripts.ts`. */
export interface Settlement {
  /** The key of the permit log. */
  readonly key: string;
  /** `SETTLE_ARGS` arguments. */
  readonly args: readonly string[];
}

/**
 * The calls that OpenD's account has left, for all data centers together. `permitted-call.ts` describes the life cycle
 * of a permit.
 */
export interface Permits {
  /**
   * @param replaces a permit that the same script releases first
   * @throws Failure `upstream_quota_exceeded`, or `client_quota_exceeded` if the client's own share is used up,
   *   with the time until a permit is free, if that is longer than a request may wait; `store_unavailable`
   * @throws LeaseNotAcquired if the lease of the request was not acquired. After a Failure it may have been.
   */
  acquire(request: PermitRequest, replaces?: Permit): Promise<Permit>;
  /** The refusal that `acquire` would repeat, as far as this isolate remembers; undefined if there is none. */
  rememberedRefusal(request: PermitRequest): Failure | undefined;
  /**
   * Checks a permit again after waiting for its start.
   * @throws Failure `upstream_quota_exceeded` if OpenD itself has refused a call in the meantime
   */
  assertNotBlocked(): Promise<void>;
  /** Releases a permit that was not used. */
  release(permit: Permit): Promise<void>;
  /**
   * The settlement to run after the reply, in the script that stores it: the permit's window counts from now.
   * @param wasted whether the call requested a symbol or cursor that does not exist: it counts twice for its client
   */
  settlement(permit: Permit, wasted: boolean): Settlement;
  /** The same settlement as a script of its own. */
  settleScript(permit: Permit, wasted: boolean): ScriptCall;
  /**
   * How many permits the account would get right now.
   * @throws Failure `store_unavailable`
   */
  remaining(): Promise<number>;
  /** Grants nothing for a window, after OpenD itself refused a call. Returns its length in milliseconds. */
  block(): Promise<number>;
}

const PREFIX = "short-interest";
const ACCOUNT = "permits";
/** The key that `@upstash/ratelimit` makes of the two. */
const ACCOUNT_LOG = `${PREFIX}:${ACCOUNT}`;

/** Permits that a refresh leaves to others; fewer if the limit is small. */
const REFRESH_RESERVE = 5;

/**
 * How long a refusal by the limiter for the whole account is remembered, in milliseconds: permits that other isolates
 * release become free earlier. A refusal by OpenD itself is remembered for the window.
 */
const ACCOUNT_MEMORY_MS = 2_000;

const scopeOf = (client: string) => `client ${client}`;

/** How many permits each priority leaves to others. */
export function reservesOf(
  limit: number,
): Record<Priority, Pick<AcquireOptions, "reserve" | "maxWasteReserve">> {
  const half = Math.floor(limit / 2);
  return {
    "known-page": { reserve: 0 },
    refresh: { reserve: Math.min(REFRESH_RESERVE, half) },
    "new-symbol": { reserve: 0, maxWasteReserve: half },
    "unknown-cursor": { reserve: half },
  };
}

export interface PermitsDeps {
  readonly upstash: Upstash;
  /** Identifies the database: an isolate may serve several configurations. */
  readonly database: string;
  readonly rule: SlidingWindowRule;
  readonly waitUntil: (work: Promise<void>) => void;
  /** Unix time, milliseconds. */
  readonly now: () => number;
}

export function createPermits({ upstash, database, rule, waitUntil, now }: PermitsDeps): Permits {
  const reserves = reservesOf(rule.limit);
  const refusals = createRefusalMemory(database, now);
  const releaseById = async (id: string, client: string) => {
    for (const scope of [scopeOf(client), ...PRIORITIES]) refusals.forget(scope);
    await upstash.eval(releaseScript(ACCOUNT_LOG, rule, id), number());
  };

  function limiterFor(options: AcquireOptions, redis: Redis, run?: RunScript): Ratelimit {
    return new Ratelimit({
      redis,
      limiter: slidingWindowLog(rule, options, run),
      prefix: PREFIX,
      // The library's own timeout would let the call through.
      timeout: 0,
      // Its cache refuses until the end of a fixed window, and does not know released permits.
      ephemeralCache: false,
      enableTelemetry: false,
    });
  }

  /** Every refusal of the highest priority holds for the others as well. */
  function rememberedRefusal({ client, priority }: PermitRequest): Failure | undefined {
    return refusals.find(scopeOf(client)) ?? refusals.find("known-page") ?? refusals.find(priority);
  }

  function rememberRefusal(scope: string, failure: Failure, maxMs = Number.POSITIVE_INFINITY): Failure {
    // Within the last maxWaitMs a permit can be granted ahead of its start.
    refusals.remember(scope, failure, Math.min((failure.retryAfterMs ?? 0) - rule.maxWaitMs, maxMs));
    return failure;
  }

  /** Runs the acquire script, after the script of the lease if there is one. Returns the reply of the latter too. */
  async function runAcquire(redis: Redis, options: AcquireOptions, lease: RequiredLease | undefined) {
    let leaseReply: unknown;
    const withLease =
      lease &&
      (async (call: ScriptCall) => {
        const [first, second] = await pipelineScripts(redis, [lease.script, call]);
        leaseReply = first;
        return second;
      });
    const result = parse(AcquireResult, await limiterFor(options, redis, withLease).limit(ACCOUNT));
    return { ...result, leaseReply };
  }

  const settlement: Permits["settlement"] = (permit, wasted) => ({
    key: ACCOUNT_LOG,
    args: settleArgs(rule, permit.id, replyTime(permit, Date.now()), wasted),
  });

  return {
    rememberedRefusal,
    async acquire(request, replaces) {
      const { client, priority, lease } = request;
      // A permit in exchange for another one may be granted when the log is full.
      const remembered = replaces ? undefined : rememberedRefusal(request);
      if (remembered) throw remembered;
      const id = crypto.randomUUID();
      const requestedAt = Date.now();
      const options = { id, client, replaces: replaces?.id, lease, ...reserves[priority] };
      const { success, refusedBy, remaining, clientRemaining, reset, decidedAt, leaseReply } = await upstash
        .exec((redis) => runAcquire(redis, options, lease))
        .catch((failure: unknown) => {
          // Redis may have granted it before the failure.
          waitUntil(releaseById(id, client).catch(ignoreFailure));
          if (replaces) waitUntil(releaseById(replaces.id, replaces.client).catch(ignoreFailure));
          throw failure;
        });
      const waitMs = reset - Date.now();
      if (!success && refusedBy === "lease") throw new LeaseNotAcquired(leaseReply);
      if (!success && refusedBy === "share")
        throw rememberRefusal(scopeOf(client), clientQuotaExceeded(waitMs));
      if (!success) {
        const scope = refusedBy === "limit" ? "known-page" : priority;
        throw rememberRefusal(scope, upstreamQuotaExceeded(waitMs), ACCOUNT_MEMORY_MS);
      }
      return {
        id,
        client,
        requestedAt,
        grantedAt: decidedAt,
        startsAt: reset,
        earliestStart: requestedAt + waitMs,
        remaining: { client: clientRemaining, upstream: remaining },
      };
    },
    async assertNotBlocked() {
      const ms = await upstash.exec((redis) => blockedMs(redis, ACCOUNT_LOG));
      if (ms > 0) throw rememberRefusal("known-page", upstreamQuotaExceeded(ms));
    },
    release: ({ id, client }) => releaseById(id, client),
    settlement,
    settleScript: (permit, wasted) => settleScript(ACCOUNT_LOG, settlement(permit, wasted).args),
    async remaining() {
      const options = { id: "", client: "", reserve: 0 };
      const { remaining } = await upstash.exec((redis) => limiterFor(options, redis).getRemaining(ACCOUNT));
      return remaining;
    },
    async block() {
      rememberRefusal("known-page", upstreamQuotaExceeded(rule.windowMs));
      // If Redis does not answer, OpenD goes on refusing by itself.
      await upstash.exec((redis) => blockLog(redis, ACCOUNT_LOG, rule.windowMs)).catch(ignoreFailure);
      return rule.windowMs;
    },
  };
}

function upstreamQuotaExceeded(retryAfterMs: number): Failure {
  return new Failure(
    "upstream_quota_exceeded",
    "OpenD's rate limit is used up; cached pages are still served",
    {
      retryAfterMs,
    },
  );
}

function clientQuotaExceeded(retryAfterMs: number): Failure {
  return new Failure(
    "client_quota_exceeded",
    "Your share of OpenD's rate limit is used up; cached pages are still served",
    { retryAfterMs },
  );
}

/** A permit that is not released leaves the log later: one call less, never one too many. */
function ignoreFailure(): void {}
