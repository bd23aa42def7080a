import type { Figure, Point } from "./api.ts";
import type { Line } from "./chart.ts";
import { type History, pointsIn, type Range } from "./history.ts";
import type { TableColumn } from "./table.ts";
import type { Texts } from "./texts.ts";

export const MEASURES = ["shares", "percent"] as const;
export type Measure = (typeof MEASURES)[number];

/** How numbers are written in a language. */
export function formatsOf(language: string) {
  const number = (options: Intl.NumberFormatOptions) => {
    const format = new Intl.NumberFormat(language, options);
    return (value: number | bigint) => format.format(value);
  };
  const decimal = number({ maximumFractionDigits: 2 });
  const signed = number({ signDisplay: "exceptZero", maximumFractionDigits: 2 });
  return {
    count: number({}),
    short: number({ notation: "compact", maximumSignificantDigits: 5 }),
    decimal,
    percent: (value: number | bigint) => `${decimal(value)}\u00a0%`,
    signed,
    signedPercent: (value: number) => `${signed(value)}\u00a0%`,
    age: (seconds: number) => {
      const [value, unit] =
        seconds >= 172_800
          ? [seconds / 86_400, "day"]
          : seconds >= 7_200
            ? [seconds / 3_600, "hour"]
            : [seconds / 60, "minute"];
      return number({ style: "unit", unit: String(unit), unitDisplay: "long" })(Math.round(Number(value)));
    },
  };
}
export type Formats = ReturnType<typeof formatsOf>;

export interface Figures {
  readonly lines: readonly Line[];
  readonly columns: readonly TableColumn[];
  /** Newest first. */
  readonly days: readonly string[];
}

/** One security: its short interest, closing price and, in the US, days to cover. */
export function figuresOf(
  history: History,
  range: Range,
  measure: Measure,
  texts: Texts,
  formats: Formats,
): Figures {
  const points = pointsIn(history, range);
  const byDay = new Map(points.map((point) => [point.date, point]));
  const isUs = history.market === "US";
  const short = measure === "shares" ? texts.shares_short : texts.percent_short;
  const kinds: readonly { of: (point: Point) => Figure; label: string; scale: Line["scale"] }[] = [
    { of: (point) => point[measure], label: short, scale: "left" },
    { of: ({ price }) => price, label: texts.price, scale: "right" },
    ...(isUs ? [{ of: ({ cover }: Point) => cover, label: texts.cover, scale: "third" } as const] : []),
  ];
  const shortFormats =
    measure === "shares" ? { format: formats.count, onAxis: formats.short } : both(formats.percent);
  const lines = kinds.map(
    ({ of, label, scale }): Line => ({
      label,
      scale,
      values: valuesOf(points, of),
      ...(scale === "left" ? shortFormats : both(formats.decimal)),
    }),
  );
  const column = (
    label: string,
    of: (point: Point) => Figure,
    format: TableColumn["format"],
  ): TableColumn => ({
    label,
    valueAt: (day) => {
      const point = byDay.get(day);
      return point ? of(point) : null;
    },
    format,
  });
  const columns = [
    dateColumn(texts),
    column(texts.shares_short, ({ shares }) => shares, formats.count),
    column(texts.percent_short, ({ percent }) => percent, formats.percent),
    column(texts.price, ({ price }) => price, formats.decimal),
    ...(isUs ? [column(texts.cover, ({ cover }) => cover, formats.decimal)] : []),
  ];
  return { lines, columns, days: points.map(({ date }) => date) };
}

/** Several securities, each in percent of its own first row in the range. */
export function comparisonOf(
  histories: readonly History[],
  range: Range,
  measure: Measure,
  texts: Texts,
  formats: Formats,
): Figures {
  const all = histories.map((history) => {
    const points = pointsIn(history, range);
    const start = points.findLast((point) => Number(point[measure]) > 0)?.[measure];
    const ofStart = (point: Point): Figure =>
      start == null || point[measure] === null ? null : (Number(point[measure]) / Number(start)) * 100;
    return { symbol: history.symbol, values: valuesOf(points, ofStart) };
  });
  const days = [...new Set(all.flatMap(({ values }) => [...values.keys()]))].sort().reverse();
  return {
    lines: all.map(
      ({ symbol, values }): Line => ({ label: symbol, scale: "left", values, ...both(formats.percent) }),
    ),
    columns: [
      dateColumn(texts),
      ...all.map(({ symbol, values }) => ({
        label: symbol,
        valueAt: (day: string) => values.get(day) ?? null,
        format: formats.percent,
      })),
    ],
    days,
  };
}

/** Written the same beside the axis and in full. */
function both(format: Line["format"]) {
  return { format, onAxis: format };
}

function dateColumn({ date }: Texts): TableColumn {
  return { label: date, valueAt: (day) => day, format: String };
}

function valuesOf(points: readonly Point[], of: (point: Point) => Figure): Map<string, number> {
  return new Map(
    points.flatMap((point) => {
      const value = of(point);
      return value === null ? [] : [[point.date, Number(value)] as const];
    }),
  );
}
