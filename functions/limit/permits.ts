import { Ratelimit } from "@upstash/ratelimit";
import type { Redis } from "@upstash/redis/cloudflare";
import { Failure } from "../failure.ts";
import type { Upstash } from "../upstash.ts";
import { block, giveBack, type RollingLog, rollingLog, settle } from "./rolling-log.ts";

/** The right to make one call to OpenD. */
export interface Permit {
  readonly id: string;
  /** The earliest moment at which it can have started (Unix time, milliseconds): its age counts from here. */
  readonly startedAfter: number;
  /** The moment from which it may be used. */
  readonly startsAt: number;
}

/** The calls that OpenD's account has left, for all data centres together. */
export interface Permits {
  /**
   * @throws Failure `upstream_quota_exceeded` with the exact time until one is free, when that is longer
   *   than a request may wait; `limiter_unavailable` when Upstash cannot be asked
   * @param instead a permit that is given back in the same breath, so that nobody comes in between
   */
  take(instead?: Permit): Promise<Permit>;
  /** The permit was not used: somebody else may have it. */
  giveBack(permit: Permit): Promise<void>;
  /** The call was answered: the permit's window counts from now. */
  settle(permit: Permit): Promise<void>;
  /** OpenD itself refused: grants nothing for a window. Returns its length in milliseconds. */
  block(): Promise<number>;
}

const PREFIX = "short-interest";
const ACCOUNT = "opend";
/** The key that `@upstash/ratelimit` makes of the two. */
const LOG = `${PREFIX}:${ACCOUNT}`;

/** @param background keeps the Worker running until what it is given has ended */
export function createPermits(
  upstash: Upstash,
  log: RollingLog,
  background: (work: Promise<void>) => void,
): Permits {
  const giveBackId = (id: string) => upstash.ask((redis) => giveBack(redis, LOG, id));
  return {
    async take(instead) {
      const id = crypto.randomUUID();
      const askedAt = Date.now();
      const { success, reset } = await upstash
        .ask((redis) => limiter(redis, log, id, instead?.id).limit(ACCOUNT))
        .catch((failure: unknown) => {
          // Upstash may have granted it all the same.
          background(giveBackId(id).catch(ignored));
          throw failure;
        });
      const answeredAt = Date.now();
      if (!success) {
        throw new Failure("upstream_quota_exceeded", "The calls that OpenD allows are used up for now", {
          retryAfterMs: reset - answeredAt,
        });
      }
      return { id, startsAt: reset, startedAfter: askedAt + (reset - answeredAt) };
    },
    giveBack: ({ id }) => giveBackId(id),
    settle: ({ id }) => upstash.ask((redis) => settle(redis, LOG, id)),
    async block() {
      // Where Upstash cannot be told, OpenD goes on refusing by itself.
      await upstash.ask((redis) => block(redis, LOG, log.windowMs)).catch(ignored);
      return log.windowMs;
    },
  };
}

function limiter(redis: Redis, log: RollingLog, permit: string, instead?: string): Ratelimit {
  return new Ratelimit({
    redis,
    limiter: rollingLog(log, permit, instead),
    prefix: PREFIX,
    // The library's own timeout would let the call through.
    timeout: 0,
    // Its cache refuses until the end of a fixed window, and knows nothing of returned permits.
    ephemeralCache: false,
    enableTelemetry: false,
  });
}

/** The permit then stays in the log until its window is over: a call less, never one too many. */
function ignored(): void {}
