import { timeOf } from "./history.ts";

/** The times at which a call may reach OpenD: any time of the interval. In microseconds. */
export interface Arrival {
  readonly name: string;
  readonly earliest: number;
  readonly latest: number;
}

/**
 * The calls that OpenD sees in the worst window if each call arrives at the worst time of its interval. A window
 * includes both of its ends: two calls that are exactly a window apart are in one window.
 */
export function worstWindow(arrivals: readonly Arrival[], windowMicros: number): readonly Arrival[] {
  let worst: readonly Arrival[] = [];
  // Each worst window can be moved until it begins at the latest time of one of its calls.
  for (const { latest: begin } of arrivals) {
    const within = arrivals.filter(
      ({ earliest, latest }) => latest >= begin && earliest <= begin + windowMicros,
    );
    if (within.length > worst.length) worst = within;
  }
  return worst;
}

/** @throws Error if a window can have more calls than the limit */
export function assertLimit(
  what: string,
  arrivals: readonly Arrival[],
  limit: number,
  windowMs: number,
): void {
  if (arrivals.length <= limit) return;
  const worst = worstWindow(arrivals, windowMs * 1_000);
  if (worst.length <= limit) return;
  const calls = worst.map(
    ({ name, earliest, latest }) => `${name} at ${timeOf(earliest)} to ${timeOf(latest)}`,
  );
  throw new Error(
    `${what}: ${worst.length} calls within ${windowMs} ms, limit ${limit}: ${calls.join("; ")}`,
  );
}
