import type { NumericValue, Point } from "./api.ts";
import type { Line } from "./chart.ts";
import type { Formats } from "./formats.ts";
import { type History, pointsIn, type Range } from "./history.ts";
import type { TableColumn } from "./table.ts";
import { interpolate, type Texts } from "./texts.ts";

export const MEASURES = ["shares", "percent"] as const;
export type Measure = (typeof MEASURES)[number];

/** The data of the chart and the table. */
export interface Dataset {
  readonly caption: string;
  readonly lines: readonly Line[];
  readonly columns: readonly TableColumn[];
  /** Newest first. */
  readonly days: readonly string[];
}

/** The name of a measure in a market: in Hong Kong the ratio is of the shares in circulation. */
export function measureLabel(measure: Measure, market: string, texts: Texts): string {
  const labels = {
    HK: { shares: texts.sharesShortHk, percent: texts.ratioHk },
    US: { shares: texts.sharesShortUs, percent: texts.ratioUs },
  };
  return labels[market === "US" ? "US" : "HK"][measure];
}

/** One security: its short interest, closing price and, in the US, days to cover. */
export function datasetOf(
  history: History,
  range: Range,
  measure: Measure,
  texts: Texts,
  formats: Formats,
): Dataset {
  const points = pointsIn(history, range);
  const pointAt = new Map(points.map((point) => [point.date, point]));
  const isUs = history.market === "US";
  const labelOf = (name: Measure) => measureLabel(name, history.market, texts);
  const line = (
    label: string,
    scale: Line["scale"],
    pick: (point: Point) => NumericValue,
    { format, formatShort = format }: Pick<Line, "format"> & Partial<Line>,
  ): Line => ({ label, scale, values: valuesOf(points, pick), format, formatShort });
  const decimal = { format: formats.decimal };
  const lines = [
    line(
      labelOf(measure),
      "left",
      (point) => point[measure],
      measure === "shares"
        ? { format: formats.count, formatShort: formats.compact }
        : { format: formats.percent },
    ),
    line(texts.price, "right", ({ price }) => price, decimal),
    ...(isUs ? [line(texts.daysToCover, "third", ({ daysToCover }) => daysToCover, decimal)] : []),
  ];
  const column = (
    label: string,
    pick: (point: Point) => NumericValue,
    format: TableColumn["format"],
  ): TableColumn => ({
    label,
    valueAt: (day) => {
      const point = pointAt.get(day);
      return point ? pick(point) : null;
    },
    format,
  });
  const columns = [
    dateColumn(texts),
    column(labelOf("shares"), ({ shares }) => shares, formats.count),
    column(labelOf("percent"), ({ percent }) => percent, formats.percent),
    column(texts.price, ({ price }) => price, formats.decimal),
    ...(isUs ? [column(texts.daysToCover, ({ daysToCover }) => daysToCover, formats.decimal)] : []),
  ];
  return { caption: history.symbol, lines, columns, days: points.map(({ date }) => date) };
}

/** Several securities, each as an index: its first positive value in the range is 100. */
export function comparisonOf(
  histories: readonly History[],
  range: Range,
  measure: Measure,
  texts: Texts,
  formats: Formats,
): Dataset {
  const format = formats.decimal;
  const all = histories.map((history) => {
    const points = pointsIn(history, range);
    const base = points.findLast((point) => Number(point[measure]) > 0)?.[measure];
    const indexOf = (point: Point): NumericValue =>
      base == null || point[measure] === null ? null : (Number(point[measure]) / Number(base)) * 100;
    return { symbol: history.symbol, values: valuesOf(points, indexOf) };
  });
  return {
    caption: interpolate(texts.indexed, {
      measure: measure === "shares" ? texts.sharesShort : texts.ratio,
    }),
    lines: all.map(
      ({ symbol, values }): Line => ({ label: symbol, scale: "left", values, format, formatShort: format }),
    ),
    columns: [
      dateColumn(texts),
      ...all.map(({ symbol, values }) => ({
        label: symbol,
        valueAt: (day: string) => values.get(day) ?? null,
        format,
      })),
    ],
    days: [...new Set(all.flatMap(({ values }) => [...values.keys()]))].sort().reverse(),
  };
}

function dateColumn({ date }: Texts): TableColumn {
  return { label: date, valueAt: (day) => day, format: String };
}

function valuesOf(points: readonly Point[], pick: (point: Point) => NumericValue): Map<string, number> {
  return new Map(
    points.flatMap((point) => {
      const value = pick(point);
      return value === null ? [] : [[point.date, Number(value)] as const];
    }),
  );
}
