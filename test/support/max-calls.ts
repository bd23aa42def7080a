/** Returns the maximum number of times within any window. @param times in ascending order, in milliseconds */
export function maxCallsInWindow(times: readonly number[], windowMs: number): number {
  let oldest = 0;
  return times.reduce((worst, time, index) => {
    while (time - (times[oldest] ?? time) > windowMs) oldest += 1;
    return Math.max(worst, index - oldest + 1);
  }, 0);
}
