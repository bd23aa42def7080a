import { Ratelimit } from "@upstash/ratelimit";
import { parse } from "valibot";
import { Failure } from "../failure.ts";
import type { ScriptCall, Upstash } from "../upstash.ts";
import { createRefusals } from "./refusals.ts";
import {
  block,
  blockedFor,
  giveBack,
  type PermitWish,
  type RollingLog,
  rollingLog,
  settleScript,
  Verdict,
} from "./rolling-log.ts";

/** The right to make one call to OpenD. */
export interface Permit {
  readonly id: string;
  readonly client: string;
  /** The earliest possible start (Unix time, milliseconds). The permit's age counts from here. */
  readonly startedAfter: number;
  /** The permit may be used from this time on. */
  readonly startsAt: number;
  /** What the limits have left after it. */
  readonly left: { readonly client: number; readonly upstream: number };
}

/**
 * What a call is for, which decides how many permits it leaves to others.
 * - `answer`: a page that was answered before, or follows one that was. It leaves none.
 * - `refresh`: a page that can be served stale. It leaves a few, and does not wait.
 * - `new-symbol`: the symbol was never answered. It leaves as many as were wasted in the last minutes, up to half.
 * - `unknown-cursor`: no stored page leads to the cursor. It leaves half, and does not wait.
 */
export type Priority = (typeof PRIORITIES)[number];
const PRIORITIES = ["answer", "refresh", "new-symbol", "unknown-cursor"] as const;

/** A request for a permit. */
export interface Need {
  /** The client that causes the call, as named by `http/client.ts`. */
  readonly client: string;
  readonly priority: Priority;
}

/** The calls that OpenD's account has left, for all data centers together. */
export interface Permits {
  /**
   * @param instead a permit that the same script releases first
   * @throws Failure `upstream_quota_exceeded`, or `client_quota_exceeded` if the client's own share is used up,
   *   with the time until a permit is free, if that is longer than a request may wait; `store_unavailable` if
   *   Upstash does not answer
   */
  take(need: Need, instead?: Permit): Promise<Permit>;
  /** The refusal that `take` would repeat, as far as this isolate remembers; undefined if there is none. */
  refusal(need: Need): Failure | undefined;
  /**
   * Checks a permit again after waiting for its start.
   * @throws Failure `upstream_quota_exceeded` if OpenD itself has refused a call in the meantime
   */
  confirm(): Promise<void>;
  /** Releases a permit that was not used. */
  giveBack(permit: Permit): Promise<void>;
  /**
   * The script to run once the call is answered: the permit's window counts from then.
   * @param wasted whether the call asked for a symbol or cursor that does not exist: it counts twice for its client
   */
  settling(permit: Permit, wasted: boolean): ScriptCall;
  /**
   * How many permits the account would get right now.
   * @throws Failure `store_unavailable`
   */
  left(): Promise<number>;
  /** OpenD itself refused: grants nothing for a window. Returns its length in milliseconds. */
  block(): Promise<number>;
}

const PREFIX = "short-interest";
const ACCOUNT = "opend";
/** The key that `@upstash/ratelimit` makes of the two. */
const LOG = `${PREFIX}:${ACCOUNT}`;

/** Permits that a refresh leaves to others; fewer if the limit is small. */
const REFRESH_RESERVE = 5;

/**
 * For how long a refusal of the whole account is remembered at most, in milliseconds: permits that other isolates
 * release become free earlier.
 */
const ACCOUNT_MEMORY_MS = 2_000;

const clientLogOf = (client: string) => `${PREFIX}:client:${client}`;
const scopeOf = (client: string) => `client ${client}`;

/** How many permits each priority leaves to others. */
export function reservesOf(limit: number): Record<Priority, Pick<PermitWish, "reserve" | "wasteReserve">> {
  const half = Math.floor(limit / 2);
  return {
    answer: { reserve: 0 },
    refresh: { reserve: Math.min(REFRESH_RESERVE, half) },
    "new-symbol": { reserve: 0, wasteReserve: half },
    "unknown-cursor": { reserve: half },
  };
}

export interface PermitParts {
  readonly upstash: Upstash;
  /** Tells the database from those of other gateways in the same isolate. */
  readonly database: string;
  readonly rule: RollingLog;
  /** Keeps the Worker running until the given work has ended. */
  readonly background: (work: Promise<void>) => void;
  /** Unix time, milliseconds. */
  readonly now: () => number;
}

export function createPermits({ upstash, database, rule, background, now }: PermitParts): Permits {
  const reserves = reservesOf(rule.limit);
  const refusals = createRefusals(database, now);
  const returned = (id: string, client: string) => {
    for (const scope of [scopeOf(client), ...PRIORITIES]) refusals.forget(scope);
    return upstash.ask((redis) => giveBack(redis, LOG, clientLogOf(client), id));
  };

  function limiterFor(
    wish: PermitWish,
    redis: ConstructorParameters<typeof Ratelimit>[0]["redis"],
  ): Ratelimit {
    return new Ratelimit({
      redis,
      limiter: rollingLog(rule, wish),
      prefix: PREFIX,
      // The library's own timeout would let the call through.
      timeout: 0,
      // Its cache refuses until the end of a fixed window, and does not know released permits.
      ephemeralCache: false,
      enableTelemetry: false,
    });
  }

  /** Every refusal of the highest priority holds for the others as well. */
  function refusal({ client, priority }: Need): Failure | undefined {
    return refusals.find(scopeOf(client)) ?? refusals.find("answer") ?? refusals.find(priority);
  }

  function refuse(scope: string, failure: Failure, maxMs = Number.POSITIVE_INFINITY): Failure {
    // Within the last waitMs a permit can be granted ahead of its start.
    refusals.remember(scope, failure, Math.min((failure.retryAfterMs ?? 0) - rule.waitMs, maxMs));
    return failure;
  }

  return {
    refusal,
    async take(need, instead) {
      const { client, priority } = need;
      // A permit in exchange for another one may be granted when the log is full.
      const remembered = instead ? undefined : refusal(need);
      if (remembered) throw remembered;
      const id = crypto.randomUUID();
      const askedAt = Date.now();
      const wish = { id, clientLog: clientLogOf(client), instead: instead?.id, ...reserves[priority] };
      const { success, refusedBy, remaining, clientRemaining, reset } = await upstash
        .ask(async (redis) => parse(Verdict, await limiterFor(wish, redis).limit(ACCOUNT)))
        .catch((failure: unknown) => {
          // Upstash may have granted it all the same.
          background(returned(id, client).catch(ignored));
          if (instead) background(returned(instead.id, instead.client).catch(ignored));
          throw failure;
        });
      const waitMs = reset - Date.now();
      if (!success && refusedBy === "share") throw refuse(scopeOf(client), clientRefuses(waitMs));
      if (!success) {
        throw refuse(refusedBy === "limit" ? "answer" : priority, accountRefuses(waitMs), ACCOUNT_MEMORY_MS);
      }
      const left = { client: clientRemaining, upstream: remaining };
      return { id, client, startsAt: reset, startedAfter: askedAt + waitMs, left };
    },
    async confirm() {
      const blockedMs = await upstash.ask((redis) => blockedFor(redis, LOG));
      if (blockedMs > 0) throw refuse("answer", accountRefuses(blockedMs));
    },
    giveBack: ({ id, client }) => returned(id, client),
    settling: ({ id, client }, wasted) => settleScript(LOG, rule, clientLogOf(client), id, wasted),
    async left() {
      const wish = { id: "", clientLog: "", reserve: 0 };
      const { remaining } = await upstash.ask((redis) => limiterFor(wish, redis).getRemaining(ACCOUNT));
      return remaining;
    },
    async block() {
      refuse("answer", accountRefuses(rule.windowMs));
      // If Upstash does not answer, OpenD goes on refusing by itself.
      await upstash.ask((redis) => block(redis, LOG, rule.windowMs)).catch(ignored);
      return rule.windowMs;
    },
  };
}

function accountRefuses(retryAfterMs: number): Failure {
  return new Failure("upstream_quota_exceeded", "The calls that OpenD allows are used up for now", {
    retryAfterMs,
  });
}

function clientRefuses(retryAfterMs: number): Failure {
  const detail =
    "Your share of the calls that OpenD allows is used up for now; cached pages are still served";
  return new Failure("client_quota_exceeded", detail, { retryAfterMs });
}

/** The permit then stays in the log until its window is over: one call less, never one too many. */
function ignored(): void {}
