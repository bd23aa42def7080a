import uPlot from "uplot";
import { formatOrNone, NO_VALUE } from "./formats.ts";
import { interpolate, type Texts } from "./texts.ts";

/** A line of the chart. */
export interface Line {
  readonly label: string;
  /** Its axis: left, right, or a third one, which narrow screens hide. */
  readonly scale: "left" | "right" | "third";
  /** Values by day, `YYYY-MM-DD`. */
  readonly values: ReadonlyMap<string, number>;
  readonly format: (value: number) => string;
  /** For the axis, where space is scarce. */
  readonly formatShort: (value: number) => string;
}

export interface ChartOptions {
  /** Text alternative of the whole chart. */
  readonly label: string;
  readonly texts: Texts;
  readonly language: string;
}

const NARROW_PX = 640;
const COLORS = 5;
/** Lines differ in their dashes too: colors alone are not accessible. */
const DASHES = [[], [6, 3], [2, 2], [10, 4], [10, 3, 2, 3]];
const DAY_MS = 86_400_000;

/**
 * Creates a chart that fills the width of `frame`.
 * @param slider moves the crosshair; its `aria-valuetext` lists the values at that day
 */
export function createChart(frame: HTMLElement, slider: HTMLInputElement) {
  let chart: uPlot | undefined;
  let shown: { lines: readonly Line[]; options: ChartOptions } | undefined;
  /** The selected day. */
  let day = "";

  function draw(lines: readonly Line[], options: ChartOptions): void {
    shown = { lines, options };
    const { label, texts } = options;
    const days = [...new Set(lines.flatMap(({ values }) => [...values.keys()]))].sort();
    const data: uPlot.AlignedData = [
      days.map((day) => Date.parse(day) / 1_000),
      ...lines.map(({ values }) => days.map((day) => values.get(day) ?? null)),
    ];
    const select = (index: number) => {
      day = days[index] ?? "";
      const values = lines.map((line) => {
        const value = formatOrNone(line.values.get(day), line.format);
        return interpolate(texts.labelled, { label: line.label, value });
      });
      slider.value = String(index);
      slider.ariaValueText = [day, ...values].join(texts.valueSeparator);
    };
    const plotOptions = plotOptionsOf(frame, lines, options, days);
    plotOptions.hooks = {
      setCursor: [({ cursor }) => typeof cursor.idx === "number" && select(cursor.idx)],
    };
    chart?.destroy();
    frame.setAttribute("aria-label", label);
    slider.max = String(Math.max(0, days.length - 1));
    chart = new uPlot(plotOptions, data, frame);
    const selected = days.indexOf(day);
    select(selected < 0 ? days.length - 1 : selected);
  }

  const redraw = () => shown && draw(shown.lines, shown.options);
  new ResizeObserver(() => {
    if (chart && chart.width !== frame.clientWidth) redraw();
  }).observe(frame);
  // The canvas has its colors from the style sheet at the time it is drawn.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  slider.addEventListener("input", () => {
    const time = chart?.data[0][Number(slider.value)];
    if (chart === undefined || time === undefined) return;
    chart.setCursor({ left: chart.valToPos(time, "x"), top: chart.over.clientHeight / 2 });
  });

  return {
    draw,
    clear() {
      chart?.destroy();
      chart = undefined;
      shown = undefined;
      day = "";
    },
  };
}

/** The range of the x axis around a single day: three days before and after it. */
function weekAround(_: uPlot, dayS: number): [number, number] {
  return [dayS - (3 * DAY_MS) / 1_000, dayS + (3 * DAY_MS) / 1_000];
}

function plotOptionsOf(
  frame: HTMLElement,
  lines: readonly Line[],
  { texts, language }: ChartOptions,
  days: readonly string[],
): uPlot.Options {
  const style = getComputedStyle(frame);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const isNarrow = frame.clientWidth < NARROW_PX;
  const rangeMs = days.length < 2 ? 0 : Date.parse(days.at(-1) ?? "") - Date.parse(days[0] ?? "");
  const axisDate = new Intl.DateTimeFormat(language, {
    timeZone: "UTC",
    ...(rangeMs > 200 * DAY_MS ? { year: "numeric", month: "short" } : { month: "short", day: "numeric" }),
  });
  const axis = {
    stroke: color("--quiet"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
  };
  const valueAxis = (scale: Line["scale"], side: uPlot.Axis.Side): uPlot.Axis[] => {
    const line = lines.find((candidate) => candidate.scale === scale);
    if (!line) return [];
    const values = (_: uPlot, splits: number[]) => splits.map((value) => line.formatShort(value));
    const grid = scale === "left" ? axis.grid : { show: false };
    return [{ ...axis, grid, scale, side, values, size: isNarrow ? 48 : 64 }];
  };
  return {
    width: frame.clientWidth,
    height: isNarrow ? 260 : 380,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC"),
    cursor: { y: false, drag: { x: false, y: false } },
    ...(days.length === 1 ? { scales: { x: { range: weekAround } } } : {}),
    axes: [
      {
        ...axis,
        values: (_, splits) => splits.map((seconds) => axisDate.format(seconds * 1_000)),
        space: 70,
      },
      ...valueAxis("left", 3),
      ...valueAxis("right", 1),
      ...(isNarrow ? [] : valueAxis("third", 1)),
    ],
    series: [
      {
        label: texts.date,
        value: (_, seconds) =>
          seconds === null ? NO_VALUE : new Date(seconds * 1_000).toISOString().slice(0, 10),
      },
      ...lines.map(
        (line, index): uPlot.Series => ({
          label: line.label,
          scale: line.scale,
          stroke: color(`--series-${(index % COLORS) + 1}`),
          width: 2,
          spanGaps: true,
          dash: DASHES[index % DASHES.length] ?? [],
          points: { show: days.length < 2 },
          value: (_, value) => formatOrNone(value, line.format),
        }),
      ),
    ],
  };
}
