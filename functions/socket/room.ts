import { Failure } from "../failure.ts";

/**
 * The subrequests that a connection may still cause. All its requests are one invocation for the platform,
 * which allows an invocation so many and no more.
 */
export interface Room {
  /**
   * Runs `work` when what is under way leaves room for it.
   * @throws Failure `too_many_requests` where there will never be any
   */
  within<T>(work: () => Promise<T>): Promise<T>;
  /** Whether another request can be answered. */
  isLeft(): boolean;
}

/** @param hasRoomFor whether so many requests can be answered at once */
export function createRoom(hasRoomFor: (requests: number) => boolean): Room {
  let running = 0;
  let waiting: (() => void)[] = [];
  return {
    async within(work) {
      while (!hasRoomFor(running + 1)) {
        if (running === 0)
          throw new Failure("too_many_requests", "The connection has had its share; open another");
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
        const woken = waiting;
        waiting = [];
        for (const wake of woken) wake();
      }
    },
    isLeft: () => hasRoomFor(1),
  };
}
