/** Scores from 0 to 100, the cumulative layout shift, and the speed of the machine meanwhile. */
export interface Result {
  readonly performance: number;
  readonly accessibility: number;
  readonly bestPractices: number;
  readonly seo: number;
  readonly cls: number;
  readonly speed: number;
}

export const MAX_LAYOUT_SHIFT = 0.05;
/** Least score of a category, on every page and as every kind of device. */
const LEAST_SCORE = 95;

/** The figures below the thresholds, such as `performance < 95`. */
export function shortfallsOf({ cls, speed: _, ...scores }: Result): string[] {
  const low = Object.entries(scores).filter(([, score]) => score < LEAST_SCORE);
  const names = low.map(([category]) => `${category} < ${LEAST_SCORE}`);
  return cls > MAX_LAYOUT_SHIFT ? [...names, `cls > ${MAX_LAYOUT_SHIFT}`] : names;
}

/** The worse of two runs in everything but the performance, which noise only lowers. */
export function worseOf(one: Result, other: Result): Result {
  return {
    ...(one.performance > other.performance ? one : other),
    accessibility: Math.min(one.accessibility, other.accessibility),
    bestPractices: Math.min(one.bestPractices, other.bestPractices),
    seo: Math.min(one.seo, other.seo),
    cls: Math.max(one.cls, other.cls),
  };
}
