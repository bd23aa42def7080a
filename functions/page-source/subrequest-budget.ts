import { Failure } from "../errors.ts";
import type { RequestStats } from "../telemetry/request-stats.ts";

/**
 * Subrequests of one lookup at most: a read of the edge cache under two cursors (5) and of the circuit memory (1); reads of
 * the shared cache by way of its index, and a write at the edge (5); a fetch (8); a second permit (2). A lookup that waits for
 * another lease holder needs more. The response cache reads before the first lookup, which counts. It writes only after
 * lookups that were answered at the edge, so the write always fits.
 */
const SUBREQUESTS_PER_LOOKUP = 21;
/**
 * Lookups of one invocation at once. The platform opens six connections at once, and a client that is refused is
 * refused after this many attempts, not after fifty.
 */
const MAX_CONCURRENT_LOOKUPS = 6;
/** After this time, the pages that were fetched are cached. */
const RETRY_AFTER_MS = 1_000;

/** The subrequests that an invocation has left. The platform limits them for each invocation. */
export interface SubrequestBudget {
  /**
   * Runs a lookup as soon as the budget allows one more.
   * @throws Failure `subrequest_limit` if the budget is used up
   */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Counts a background lookup that has started. It does not count as concurrent. */
  track<T>(work: Promise<T>): Promise<T>;
  /** Whether the budget allows another lookup, once no lookup is running. */
  hasCapacity(): boolean;
}

/**
 * The budget of one invocation.
 * @param limit subrequests, see `SUBREQUEST_LIMIT`
 * @param perLookup subrequests of one lookup at most
 */
export function budgetFor(
  stats: RequestStats,
  limit: number,
  perLookup = SUBREQUESTS_PER_LOOKUP,
): SubrequestBudget {
  return createSubrequestBudget(
    (lookups) => stats.subrequests + lookups * perLookup <= limit,
    MAX_CONCURRENT_LOOKUPS,
  );
}

/**
 * @param fits whether the budget allows so many lookups
 * @param maxConcurrent lookups at once, background work aside
 */
export function createSubrequestBudget(
  fits: (lookups: number) => boolean,
  maxConcurrent = Number.POSITIVE_INFINITY,
): SubrequestBudget {
  let running = 0;
  let foreground = 0;
  let waiting: (() => void)[] = [];

  async function track<T>(work: Promise<T>): Promise<T> {
    running += 1;
    try {
      return await work;
    } finally {
      running -= 1;
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    }
  }

  return {
    track,
    async run(work) {
      while (foreground >= maxConcurrent || !fits(running + 1)) {
        if (running === 0) {
          throw subrequestLimit(
            "The request needs more pages than one request may fetch; fetched pages are cached",
          );
        }
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      foreground += 1;
      return track(
        work().finally(() => {
          foreground -= 1;
        }),
      );
    },
    hasCapacity: () => fits(1),
  };
}

export function subrequestLimit(detail: string): Failure {
  return new Failure("subrequest_limit", detail, { retryAfterMs: RETRY_AFTER_MS });
}
