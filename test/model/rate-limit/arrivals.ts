import { timeOf } from "./history.ts";

/** A call that may reach OpenD at any time of an interval. */
export interface Arrival {
  readonly name: string;
  readonly earliestMicros: number;
  readonly latestMicros: number;
}

/**
 * Returns the calls of the busiest window if each call arrives at the worst time of its interval. A window includes
 * both of its ends: two calls exactly one window apart are in the same window.
 */
export function busiestWindow(arrivals: readonly Arrival[], windowMicros: number): readonly Arrival[] {
  let busiest: readonly Arrival[] = [];
  // A busiest window can be moved until it begins at the latest time of one of its calls.
  for (const { latestMicros: begin } of arrivals) {
    const calls = arrivals.filter(
      ({ earliestMicros, latestMicros }) => latestMicros >= begin && earliestMicros <= begin + windowMicros,
    );
    if (calls.length > busiest.length) busiest = calls;
  }
  return busiest;
}

/**
 * @param subject begins the error message
 * @throws Error if a window can have more calls than the limit
 */
export function assertLimit(
  subject: string,
  arrivals: readonly Arrival[],
  limit: number,
  windowMs: number,
): void {
  if (arrivals.length <= limit) return;
  const busiest = busiestWindow(arrivals, windowMs * 1_000);
  if (busiest.length <= limit) return;
  const calls = busiest.map(
    ({ name, earliestMicros, latestMicros }) =>
      `${name} at ${timeOf(earliestMicros)} to ${timeOf(latestMicros)}`,
  );
  throw new Error(
    `${subject}: ${busiest.length} calls within ${windowMs} ms, limit ${limit}: ${calls.join("; ")}`,
  );
}
