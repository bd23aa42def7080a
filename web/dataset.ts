import type { NumericValue, Point } from "./api.ts";
import { type ChangeKind, changeOf, relativeChange } from "./change.ts";
import { currencyOf } from "./currency.ts";
import type { Formats } from "./formats.ts";
import type { History } from "./history.ts";
import type { Panel, Series } from "./series.ts";
import type { TableColumn } from "./table.ts";
import { interpolate, type Texts } from "./texts.ts";

export const MEASURES = ["shares", "percent"] as const;
export type Measure = (typeof MEASURES)[number];

/** The data of the chart and the table. */
export interface Dataset {
  readonly caption: string;
  readonly panels: readonly Panel[];
  readonly columns: readonly TableColumn[];
  /** Newest first. */
  readonly days: readonly string[];
}

type Column = "shares" | "percent" | "price" | "daysToCover";
type Look = Pick<Series, "shape" | "axis" | "color">;

const CHANGES: Readonly<Record<Column, ChangeKind>> = {
  shares: "amount",
  percent: "points",
  price: "price",
  daysToCover: "plain",
};
const LOWER: Look = { shape: "area", axis: "left", color: 4 };

/** The name of a measure in a market: in Hong Kong the ratio is of the shares in circulation. */
export function measureLabel(measure: Measure, market: string, texts: Texts): string {
  const labels = {
    HK: { shares: texts.sharesShortHk, percent: texts.ratioHk },
    US: { shares: texts.sharesShortUs, percent: texts.ratioUs },
  };
  return labels[market === "US" ? "US" : "HK"][measure];
}

/**
 * One security. The upper panel has short interest and closing price. The lower one has days to cover in the US, and in
 * Hong Kong the measure that the upper one lacks.
 * @param points the visible rows of the history
 */
export function datasetOf(
  history: History,
  points: readonly Point[],
  measure: Measure,
  texts: Texts,
  formats: Formats,
): Dataset {
  const isUs = history.market === "US";
  const currency = currencyOf(history.symbol);
  const indexAt = new Map(history.points.map(({ date }, index) => [date, index]));
  const rowAt = (day: string, back = 0) => history.points[(indexAt.get(day) ?? Number.NaN) + back];
  const labels: Readonly<Record<Column, string>> = {
    shares: measureLabel("shares", history.market, texts),
    percent: measureLabel("percent", history.market, texts),
    price: texts.price,
    daysToCover: texts.daysToCover,
  };
  const titles: Readonly<Record<Column, string>> = {
    ...labels,
    shares: interpolate(texts.withUnit, { label: texts.title, unit: texts.unitShares }),
    price: interpolate(texts.withUnit, { label: texts.price, unit: currency }),
  };
  const valueFormats: Readonly<Record<Column, Series["format"]>> = {
    shares: (value) => interpolate(texts.sharesValue, { shares: formats.count(value) }),
    percent: formats.percent,
    price: (value) => `${formats.price(value)} ${currency}`,
    daysToCover: formats.days,
  };
  const tickFormats: Readonly<Record<Column, Series["formatTick"]>> = {
    shares: formats.compact,
    percent: formats.percent,
    price: formats.priceTick,
    daysToCover: formats.decimal,
  };
  const series = (name: Column, look: Look): Series => ({
    ...look,
    label: labels[name],
    title: titles[name],
    values: valuesOf(points, (point) => point[name]),
    format: valueFormats[name],
    formatTick: tickFormats[name],
    changeAt: (day) => changeOf(CHANGES[name], rowAt(day)?.[name], rowAt(day, 1)?.[name], texts, formats),
  });
  const other = measure === "shares" ? "percent" : "shares";
  const upper = [
    series(measure, { shape: "bars", axis: "left", color: 1 }),
    series("price", { shape: "line", axis: "right", color: 2 }),
  ];
  const lower = series(isUs ? "daysToCover" : other, LOWER);
  const column = (name: Column, format: TableColumn["format"]): TableColumn => ({
    label: labels[name],
    valueAt: (day) => rowAt(day)?.[name] ?? null,
    format,
  });
  return {
    caption: history.symbol,
    panels: [upper, [lower]]
      .map((all) => ({ title: "", series: all.filter(({ values }) => values.size > 0) }))
      .filter((panel) => panel.series.length > 0),
    columns: [
      dateColumn(texts),
      column("shares", formats.count),
      {
        label: texts.changeColumn,
        valueAt: (day) => relativeChange(rowAt(day)?.shares ?? null, rowAt(day, 1)?.shares ?? null) ?? null,
        format: formats.signedPercent,
        isChange: true,
      },
      column("percent", formats.percent),
      column("price", formats.price),
      ...(isUs ? [column("daysToCover", formats.decimal)] : []),
    ],
    days: points.map(({ date }) => date),
  };
}

export function dateColumn({ date }: Texts): TableColumn {
  return { label: date, valueAt: (day) => day, format: String };
}

/** Values by day, without the missing ones. */
export function valuesOf(
  points: readonly Point[],
  pick: (point: Point) => NumericValue,
): Map<string, number | bigint> {
  return new Map(
    points.flatMap((point) => {
      const value = pick(point);
      return value === null ? [] : [[point.date, value] as const];
    }),
  );
}
