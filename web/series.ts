import type { Change } from "./change.ts";

/** One series of values in a panel of the chart. */
export interface Series {
  /** Name in the value box and for screen readers. */
  readonly label: string;
  /** Title of its axis, with the unit. */
  readonly title: string;
  readonly shape: "bars" | "line" | "area";
  readonly axis: "left" | "right";
  /** Number of its color, from 1 to 5: `--series-1`, … */
  readonly color: number;
  /** Visible values by day, `YYYY-MM-DD`. */
  readonly values: ReadonlyMap<string, number | bigint>;
  /**
   * For comparisons of markets that publish on different days: the last day with a value, up to this day; undefined
   * before the first one.
   */
  readonly lastDay?: (day: string) => string | undefined;
  /** With the unit. */
  readonly format: (value: number | bigint) => string;
  /** For the axis, where space is scarce. */
  readonly formatTick: (value: number) => string;
  /** Change against the row before; undefined if a value is missing. */
  readonly changeAt: (day: string) => Change | undefined;
}

/** Panels are stacked and share the time axis. */
export interface Panel {
  /** Title of a panel whose series share one axis; empty if each series has its own. */
  readonly title: string;
  readonly series: readonly Series[];
}

/** A range of days, `YYYY-MM-DD`, both included. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
}
