import type { Point } from "./api.ts";
import { changeOf } from "./change.ts";
import { type Dataset, dateColumn, type Measure, valuesOf } from "./dataset.ts";
import type { Formats } from "./formats.ts";
import type { Series } from "./series.ts";
import { interpolate, type Texts } from "./texts.ts";

/** The visible rows of a security, newest first. */
export interface Compared {
  readonly symbol: string;
  readonly points: readonly Point[];
}

/**
 * Several securities, each as an index that is 100 on the first visible day by which all of them have a value.
 * Markets publish on different days: a security without a row on that day is 100 at its last row before it.
 */
export function comparisonOf(
  compared: readonly Compared[],
  measure: Measure,
  texts: Texts,
  formats: Formats,
): Dataset {
  const isPositive = (point: Point) => Number(point[measure]) > 0;
  const starts = compared.flatMap(({ points }) => points.findLast(isPositive)?.date ?? []);
  const baseDay = starts.toSorted().at(-1) ?? "";
  const all = compared.map(({ symbol, points }, index): Series => {
    const base = points.find((point) => point.date <= baseDay && isPositive(point))?.[measure];
    const values = valuesOf(points, (point) =>
      base == null || point[measure] === null ? null : (Number(point[measure]) / Number(base)) * 100,
    );
    const days = [...values.keys()];
    return {
      label: symbol,
      title: symbol,
      shape: "line",
      axis: "left",
      color: index + 1,
      values,
      lastDay: (day) => days.find((other) => other <= day),
      format: formats.decimal,
      formatTick: formats.decimal,
      changeAt: (day) =>
        changeOf("plain", values.get(day), values.get(days[days.indexOf(day) + 1] ?? ""), texts, formats),
    };
  });
  const name = measure === "shares" ? texts.sharesShort : texts.ratio;
  const caption = interpolate(texts.indexed, { measure: name, date: baseDay });
  return {
    caption,
    panels: all.some(({ values }) => values.size > 0) ? [{ title: caption, series: all }] : [],
    columns: [
      dateColumn(texts),
      ...all.map(({ label, values, format }) => ({
        label,
        valueAt: (day: string) => values.get(day) ?? null,
        format,
      })),
    ],
    days: [...new Set(all.flatMap(({ values }) => [...values.keys()]))].sort().reverse(),
  };
}
