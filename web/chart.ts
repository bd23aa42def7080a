import type uPlot from "uplot";
import { connectInput } from "./chart-input.ts";
import { createHeading, drawPanel } from "./panel.ts";
import { redrawOnPrint } from "./print.ts";
import type { DayRange, Panel } from "./series.ts";
import { interpolate, type Texts } from "./texts.ts";
import { createValueBox, valuesText } from "./value-box.ts";

export interface ChartContent {
  /** Text alternative of the whole chart. */
  readonly label: string;
  readonly panels: readonly Panel[];
  readonly texts: Texts;
  readonly language: string;
}

/**
 * Creates a chart that fills `frame`. The frame is a slider for keyboards and screen readers: its `aria-valuetext` lists
 * the values of the selected day.
 * @param onZoom called with the days of a drag, or without a range if the zoom is to be reset
 */
export function createChart(frame: HTMLElement, onZoom: (range?: DayRange) => void) {
  const crosshair = divOf("crosshair");
  const mark = divOf("zoom-mark");
  mark.hidden = true;
  let plots: uPlot[] = [];
  let box: ReturnType<typeof createValueBox> | undefined;
  let content: ChartContent | undefined;
  /** All days of the chart, oldest first, and the selected one. */
  let days: string[] = [];
  let day = "";

  function draw(next: ChartContent): void {
    removePlots();
    content = next;
    const { panels } = next;
    const all = panels.flatMap(({ series }) => series.flatMap(({ values }) => [...values.keys()]));
    days = [...new Set(all)].sort();
    box = createValueBox(panels);
    const bodies = panels.map(() => divOf("panel"));
    frame.replaceChildren(
      box.element,
      ...panels.flatMap((panel, index) => [createHeading(panel), bodies[index] ?? ""]),
      crosshair,
      mark,
    );
    setSlider(next.label);
    // The panels get the height that the filled box leaves.
    select(days.includes(day) ? days.indexOf(day) : days.length - 1);
    const hasRightAxis = panels.some(({ series }) => series.some(({ axis }) => axis === "right"));
    plots = panels.flatMap((panel, index) => {
      const body = bodies[index];
      const isLast = index === panels.length - 1;
      const shared = { days, hasRightAxis, language: next.language, widthPx: frame.clientWidth };
      return body ? [drawPanel(body, panel, { ...shared, isLast, onReady: place })] : [];
    });
  }

  function setSlider(label: string): void {
    frame.role = "slider";
    frame.tabIndex = 0;
    frame.ariaLabel = label;
    frame.ariaValueMin = "0";
    frame.ariaValueMax = String(days.length - 1);
  }

  function select(index: number): void {
    day = days[index] ?? "";
    if (!content || !box) return;
    const { panels, texts } = content;
    const labelled = (label: string, value: string) => interpolate(texts.labelled, { label, value });
    frame.ariaValueNow = String(index);
    frame.ariaValueText = [day, ...valuesText(panels, day, labelled)].join(texts.valueSeparator);
    box.show(day);
    place();
  }

  /** Moves the crosshair and the dots to the selected day, and the box to the side that has more room. */
  function place(): void {
    const second = Date.parse(day) / 1_000;
    for (const plot of plots) plot.setCursor({ left: plot.valToPos(second, "x"), top: 0 }, false);
    const [plot] = plots;
    if (!plot || !box || Number.isNaN(second)) return;
    const left = plot.valToPos(second, "x");
    const offset = plot.over.getBoundingClientRect().left - frame.getBoundingClientRect().left;
    for (const line of [crosshair, mark]) line.style.top = `${plot.root.offsetTop}px`;
    crosshair.style.left = `${offset + left}px`;
    const isRight = left > plot.over.clientWidth / 2;
    // It may cover the feet of bars, but not the line above them.
    const isLow = content?.panels[0]?.series[0]?.shape === "bars";
    const room = plot.over.clientHeight - box.element.offsetHeight;
    box.element.style.top = `${plot.root.offsetTop + (isLow ? room : 8)}px`;
    box.element.style.left = isRight ? "auto" : `${offset + left + 16}px`;
    box.element.style.right = isRight ? `${frame.clientWidth - offset - left + 16}px` : "auto";
  }

  function clear(): void {
    removePlots();
    days = [];
    content = undefined;
    box = undefined;
    frame.replaceChildren();
    frame.classList.remove("active");
    frame.removeAttribute("role");
    frame.removeAttribute("tabindex");
    for (const name of ["label", "valuemin", "valuemax", "valuenow", "valuetext"]) {
      frame.removeAttribute(`aria-${name}`);
    }
  }

  function removePlots(): void {
    for (const plot of plots) plot.destroy();
    plots = [];
  }

  const indexAt = (x: number): number => {
    const [plot] = plots;
    return plot ? plot.posToIdx(x - plot.over.getBoundingClientRect().left) : 0;
  };

  connectInput(frame, {
    count: () => days.length,
    selected: () => days.indexOf(day),
    indexAt,
    select,
    setActive: (isActive) => frame.classList.toggle("active", isActive),
    mark(range) {
      const offset = frame.getBoundingClientRect().left;
      mark.hidden = range === null;
      mark.style.left = `${Math.min(...(range ?? [])) - offset}px`;
      mark.style.width = `${Math.abs((range?.[1] ?? 0) - (range?.[0] ?? 0))}px`;
    },
    zoom(range) {
      if (range === null) return onZoom();
      const [from, to] = range.map(indexAt).toSorted((one, other) => one - other);
      const [first, last] = [days[from ?? 0], days[to ?? 0]];
      // A single row cannot be compared with another.
      if (first !== undefined && last !== undefined && first !== last) onZoom({ from: first, to: last });
    },
  });

  const redraw = () => content && draw(content);
  let drawnWidth = 0;
  new ResizeObserver(() => {
    if (frame.clientWidth !== drawnWidth) redraw();
    drawnWidth = frame.clientWidth;
  }).observe(frame);
  // The canvas has its colors from the style sheet at the time it is drawn.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  redrawOnPrint(redraw);

  return { draw, clear };
}

function divOf(className: string): HTMLElement {
  const made = document.createElement("div");
  made.className = className;
  return made;
}
