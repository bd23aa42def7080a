import uPlot from "uplot";

const DAY_S = 86_400;
/** From this span on, ticks of the time axis name months instead of days. */
const MONTHS_FROM_DAYS = 150;

/** The range of the time axis: half a column more on both sides, so that the first and the last bar are whole. */
export function timeRange(days: readonly string[]): [fromS: number, toS: number] {
  const [fromS, toS] = [Date.parse(days[0] ?? "") / 1_000, Date.parse(days.at(-1) ?? "") / 1_000];
  // A single day is in the middle of a week.
  const paddingS = days.length < 2 ? 3.5 * DAY_S : (0.6 * (toS - fromS)) / (days.length - 1);
  return [fromS - paddingS, toS + paddingS];
}

/** Labels of the time axis. The first label and each January have the year. */
export function timeLabels(
  language: string,
  days: readonly string[],
): (seconds: readonly number[]) => string[] {
  const [fromS, toS] = timeRange(days);
  const format = (options: Intl.DateTimeFormatOptions) => {
    const made = new Intl.DateTimeFormat(language, { timeZone: "UTC", ...options });
    return (second: number) => made.format(second * 1_000);
  };
  const [year, month] = [format({ year: "numeric" }), format({ month: "short" })];
  const monthOfYear = format({ year: "numeric", month: "short" });
  if (toS - fromS < MONTHS_FROM_DAYS * DAY_S) {
    const day = format({ month: "short", day: "numeric" });
    return (seconds) => seconds.map(day);
  }
  return (seconds) => {
    const isJanuary = (second: number) => new Date(second * 1_000).getUTCMonth() === 0;
    const allYears = seconds.every(isJanuary);
    return seconds.map((second, index) => {
      if (isJanuary(second)) return year(second);
      return index === 0 && !allYears ? monthOfYear(second) : month(second);
    });
  };
}

/** Bars and areas start at zero, as their heights are compared. Lines fill the panel. */
export function valueRange(fromZero: boolean): uPlot.Range.Function {
  return (_, min, max) => {
    if (fromZero) return [0, max > 0 ? max * 1.1 : 1];
    // A line without values has no range.
    return min === null || max === null ? [0, 1] : uPlot.rangeNum(min, max, 0.1, true);
  };
}
