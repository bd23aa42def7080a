import uPlot from "uplot";
import { timeLabels, timeRange, valueRange } from "./axes.ts";
import type { Panel, Series } from "./series.ts";

const NARROW_PX = 640;
const MAX_BAR_PX = 28;
/** Lines of a comparison differ in their dashes too: colors alone are not accessible. */
const DASHES = [[], [7, 3], [2, 2], [12, 4], [10, 3, 2, 3]];

/** The common part of all panels of a chart. */
export interface PanelOptions {
  /** All days of the chart, oldest first. */
  readonly days: readonly string[];
  readonly language: string;
  readonly widthPx: number;
  /** Whether another panel has an axis on the right: all panels have the same width. */
  readonly hasRightAxis: boolean;
  readonly isLast: boolean;
  readonly onReady: () => void;
}

/** Creates the headings of a panel: the titles of its axes, or its title and the names of its lines. */
export function createHeading({ title, series }: Panel): HTMLElement {
  const heading = document.createElement("div");
  heading.className = title === "" ? "heading" : "heading legend";
  if (title !== "") heading.append(textElement("span", title));
  for (const [index, one] of series.entries()) {
    const name = textElement("span", one.title);
    name.prepend(createMark(one, title === "" ? 0 : index));
    heading.append(name);
  }
  return heading;
}

/** A sample of a series: its color, and its dashes in a comparison. */
export function createMark({ shape, color }: Series, dash: number): HTMLElement {
  const mark = document.createElement("i");
  mark.className = `mark ${shape} series-${color} dash-${dash}`;
  return mark;
}

/** Draws a panel into `frame`, as high as the frame. Colors are those of the style sheet at this time. */
export function drawPanel(frame: HTMLElement, panel: Panel, options: PanelOptions): uPlot {
  const { days, widthPx, hasRightAxis, isLast } = options;
  const style = getComputedStyle(frame);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const isNarrow = widthPx < NARROW_PX;
  const axisWidthPx = isNarrow ? 46 : 58;
  const font = `12px ${style.fontFamily}`;
  const axis = { stroke: color("--quiet"), font, ticks: { show: false }, grid: { show: false } };
  const labels = timeLabels(options.language, days);
  const valueAxes = (["left", "right"] as const).flatMap((scale): uPlot.Axis[] => {
    const series = panel.series.find((one) => one.axis === scale);
    if (!series) return [];
    const grid = scale === "left" ? { stroke: color("--grid"), width: 1 } : { show: false };
    const values = (_: uPlot, splits: number[]) => splits.map((split) => series.formatTick(split));
    const side = scale === "left" ? 3 : 1;
    return [{ ...axis, grid, scale, side, values, size: axisWidthPx, gap: 6, space: 44 }];
  });
  // A line over bars has a casing in the color of the background, as roads on maps have.
  const hasBars = panel.series.some(({ shape }) => shape === "bars");
  const drawn = panel.series.flatMap((one) =>
    hasBars && one.shape === "line"
      ? [
          { one, isCasing: true },
          { one, isCasing: false },
        ]
      : [{ one, isCasing: false }],
  );
  const fromZero = (scale: string) => panel.series.some((one) => one.axis === scale && one.shape !== "line");
  const plotOptions: uPlot.Options = {
    width: widthPx,
    height: frame.clientHeight,
    padding: [6, valueAxes.length > 1 ? 0 : hasRightAxis ? axisWidthPx : 12, isLast ? 0 : 8, 0],
    tzDate: (second) => uPlot.tzDate(new Date(second * 1_000), "Etc/UTC"),
    legend: { show: false },
    // The chart moves the cursor itself: all panels, a screen reader and the keyboard share it.
    cursor: { x: false, y: false, drag: { x: false, y: false }, bind: SILENT, points: { size: 8 } },
    hooks: { ready: [options.onReady] },
    scales: {
      x: { range: () => timeRange(days) },
      left: { range: valueRange(fromZero("left")) },
      right: { range: valueRange(fromZero("right")) },
    },
    axes: [
      {
        ...axis,
        show: isLast,
        size: 26,
        gap: 8,
        space: isNarrow ? 56 : 90,
        values: (_, splits) => labels(splits),
      },
      ...valueAxes,
    ],
    series: [
      {},
      ...drawn.map(({ one, isCasing }, index) => ({
        scale: one.axis,
        ...(isCasing
          ? { stroke: color("--back"), width: 6, points: { show: false } }
          : lookOf(one, color, days.length)),
        ...(panel.title === "" ? {} : { dash: DASHES[index % DASHES.length] ?? [], spanGaps: true }),
      })),
    ],
  };
  const data: uPlot.AlignedData = [
    days.map((day) => Date.parse(day) / 1_000),
    ...drawn.map(({ one: { values } }) =>
      days.map((day) => {
        const value = values.get(day);
        return value === undefined ? null : Number(value);
      }),
    ),
  ];
  return new uPlot(plotOptions, data, frame);
}

const silent = () => null;
const SILENT = {
  mousedown: silent,
  mouseup: silent,
  click: silent,
  dblclick: silent,
  mousemove: silent,
  mouseleave: silent,
  mouseenter: silent,
};

function lookOf(series: Series, colorOf: (name: string) => string, days: number): uPlot.Series {
  const color = colorOf(`--series-${series.color}`);
  if (series.shape === "bars") {
    const paths = uPlot.paths.bars?.({ size: [0.7, MAX_BAR_PX, 1] });
    return { fill: colorOf("--bars"), width: 0, points: { show: false }, ...(paths && { paths }) };
  }
  return {
    stroke: color,
    width: 2,
    points: { show: days < 2, size: 8, fill: color },
    ...(series.shape === "area" ? { fill: `${color}33` } : {}),
  };
}

function textElement(name: string, text: string): HTMLElement {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
