import { Ratelimit } from "@upstash/ratelimit";
import { parse } from "valibot";
import { Failure } from "../failure.ts";
import type { ScriptCall, Upstash } from "../upstash.ts";
import {
  block,
  blockedFor,
  giveBack,
  type PermitWish,
  type RollingLog,
  rollingLog,
  settling,
  Verdict,
} from "./rolling-log.ts";

/** The right to make one call to OpenD. */
export interface Permit {
  readonly id: string;
  readonly client: string;
  /** The earliest moment at which it can have started (Unix time, milliseconds): its age counts from here. */
  readonly startedAfter: number;
  /** The moment from which it may be used. */
  readonly startsAt: number;
  /** What the quotas have left after it. */
  readonly left: { readonly client: number; readonly upstream: number };
}

/** For whom a permit is asked, and how badly. */
export interface Need {
  /** Whoever causes the call, as `http/client.ts` names it. */
  readonly client: string;
  /** `refresh` has an answer already: it leaves the last permits to those who have none. */
  readonly priority: "answer" | "refresh";
}

/** The calls that OpenD's account has left, for all data centres together. */
export interface Permits {
  /**
   * @param instead a permit that is given back in the same breath, so that nobody comes in between
   * @throws Failure `upstream_quota_exceeded`, or `client_quota_exceeded` where the client's own share is
   *   used up, with the time until one is free, when that is longer than a request may wait;
   *   `limiter_unavailable` when Upstash cannot be asked
   */
  take(need: Need, instead?: Permit): Promise<Permit>;
  /**
   * For one who has waited for a permit to start.
   * @throws Failure `upstream_quota_exceeded` where OpenD itself has refused a call meanwhile
   */
  confirm(): Promise<void>;
  /** The permit was not used: somebody else may have it. */
  giveBack(permit: Permit): Promise<void>;
  /**
   * What is to be run once the call is answered: the permit's window counts from then.
   * @param inVain whether it asked for a security that does not exist, and so counts twice for its client
   */
  settling(permit: Permit, inVain: boolean): ScriptCall;
  /**
   * How many the account would be given right now.
   * @throws Failure `limiter_unavailable`
   */
  left(): Promise<number>;
  /** OpenD itself refused: grants nothing for a window. Returns its length in milliseconds. */
  block(): Promise<number>;
}

const PREFIX = "short-interest";
const ACCOUNT = "opend";
/** The key that `@upstash/ratelimit` makes of the two. */
const LOG = `${PREFIX}:${ACCOUNT}`;

/** Permits that a refresh leaves; fewer where there are few in all. */
const RESERVE = 5;

const clientLogOf = (client: string) => `${PREFIX}:client:${client}`;

/** @param background keeps the Worker running until what it is given has ended */
export function createPermits(
  upstash: Upstash,
  rule: RollingLog,
  background: (work: Promise<void>) => void,
): Permits {
  const reserves = { answer: 0, refresh: Math.min(RESERVE, Math.floor(rule.limit / 2)) };
  const returned = (id: string, client: string) =>
    upstash.ask((redis) => giveBack(redis, LOG, clientLogOf(client), id));

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
      // Its cache refuses until the end of a fixed window, and knows nothing of returned permits.
      ephemeralCache: false,
      enableTelemetry: false,
    });
  }

  return {
    async take({ client, priority }, instead) {
      const id = crypto.randomUUID();
      const askedAt = Date.now();
      const reserve = reserves[priority];
      const wish = { id, clientLog: clientLogOf(client), instead: instead?.id, reserve };
      const { success, byClient, remaining, clientRemaining, reset } = await upstash
        .ask(async (redis) => parse(Verdict, await limiterFor(wish, redis).limit(ACCOUNT)))
        .catch((failure: unknown) => {
          // Upstash may have granted it all the same.
          background(returned(id, client).catch(ignored));
          if (instead) background(returned(instead.id, instead.client).catch(ignored));
          throw failure;
        });
      const waitMs = reset - Date.now();
      if (!success) throw byClient ? clientRefuses(waitMs) : accountRefuses(waitMs);
      const left = { client: clientRemaining, upstream: remaining };
      return { id, client, startsAt: reset, startedAfter: askedAt + waitMs, left };
    },
    async confirm() {
      const blockedMs = await upstash.ask((redis) => blockedFor(redis, LOG));
      if (blockedMs > 0) throw accountRefuses(blockedMs);
    },
    giveBack: ({ id, client }) => returned(id, client),
    settling: ({ id, client }, inVain) => settling(LOG, clientLogOf(client), id, rule.windowMs, inVain),
    async left() {
      const wish = { id: "", clientLog: "", reserve: 0 };
      const { remaining } = await upstash.ask((redis) => limiterFor(wish, redis).getRemaining(ACCOUNT));
      return remaining;
    },
    async block() {
      // Where Upstash cannot be told, OpenD goes on refusing by itself.
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
    "Your share of the calls that OpenD allows is used up for now; kept pages are still answered";
  return new Failure("client_quota_exceeded", detail, { retryAfterMs });
}

/** The permit then stays in the log until its window is over: a call less, never one too many. */
function ignored(): void {}
