import { Failure } from "../failure.ts";

/**
 * The subrequests that an invocation may still cause. The platform allows it so many and no more, whether it
 * answers one request, or a connection with many.
 */
export interface Room {
  /**
   * Runs `work` when what is under way leaves room for it.
   * @throws Failure `subrequest_limit` where there will never be any
   */
  within<T>(work: () => Promise<T>): Promise<T>;
  /** Counts background work that has begun. It does not keep others from running at once. */
  hold<T>(work: Promise<T>): Promise<T>;
  /** Whether there is room for another page, once nothing is under way. */
  isLeft(): boolean;
}

/** What was fetched is kept by then. */
const RETRY_AFTER_MS = 1_000;

/**
 * @param hasRoomFor whether the budget allows so many lookups
 * @param maxAtOnce lookups that run at once, background work aside
 */
export function createRoom(
  hasRoomFor: (lookups: number) => boolean,
  maxAtOnce = Number.POSITIVE_INFINITY,
): Room {
  let running = 0;
  let foreground = 0;
  let waiting: (() => void)[] = [];

  async function hold<T>(work: Promise<T>): Promise<T> {
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
    hold,
    async within(work) {
      while (foreground >= maxAtOnce || !hasRoomFor(running + 1)) {
        if (running === 0) {
          throw new Failure(
            "subrequest_limit",
            "This is more than can be fetched at once; what is fetched is kept",
            {
              retryAfterMs: RETRY_AFTER_MS,
            },
          );
        }
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      foreground += 1;
      return hold(
        work().finally(() => {
          foreground -= 1;
        }),
      );
    },
    isLeft: () => hasRoomFor(1),
  };
}
