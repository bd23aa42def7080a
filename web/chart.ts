import uPlot from "uplot";

/** A line of the chart. */
export interface Line {
  readonly label: string;
  /** The axis that it goes by: of the left, the right, or one of its own. */
  readonly scale: "left" | "right" | "third";
  /** Values by day, `YYYY-MM-DD`. */
  readonly values: ReadonlyMap<string, number>;
  readonly format: (value: number) => string;
  /** The same in little room. */
  readonly onAxis: (value: number) => string;
}

/** What the chart stands for, where it is not seen. */
export interface ChartText {
  readonly label: string;
  readonly date: string;
  readonly language: string;
}

const NARROW_PX = 640;
const COLOURS = 5;
/** Lines are told apart without their colours, too. */
const DASHES = [[], [6, 3], [2, 2], [10, 4], [10, 3, 2, 3]];
const DAY_MS = 86_400_000;

/** A chart in `frame`, as wide as it. `slider` moves its crosshair, and says what stands there. */
export function createChart(frame: HTMLElement, slider: HTMLInputElement) {
  let chart: uPlot | undefined;
  let shown: { lines: readonly Line[]; text: ChartText } | undefined;
  /** Where the slider stands. */
  let day = "";

  function draw(lines: readonly Line[], text: ChartText): void {
    shown = { lines, text };
    const days = [...new Set(lines.flatMap(({ values }) => [...values.keys()]))].sort();
    const data: uPlot.AlignedData = [
      days.map((day) => Date.parse(day) / 1_000),
      ...lines.map(({ values }) => days.map((day) => values.get(day) ?? null)),
    ];
    const options = optionsOf(frame, lines, text, days);
    const say = (at: number) => {
      day = days[at] ?? "";
      const values = lines.map((line) => {
        const value = line.values.get(day);
        return `${line.label}: ${value === undefined ? "–" : line.format(value)}`;
      });
      slider.value = String(at);
      slider.ariaValueText = [day, ...values].join(", ");
    };
    options.hooks = { setCursor: [({ cursor }) => typeof cursor.idx === "number" && say(cursor.idx)] };
    chart?.destroy();
    frame.setAttribute("aria-label", text.label);
    slider.max = String(Math.max(0, days.length - 1));
    chart = new uPlot(options, data, frame);
    // It stays where it was, if that is still there.
    const before = days.indexOf(day);
    say(before < 0 ? days.length - 1 : before);
  }

  const again = () => shown && draw(shown.lines, shown.text);
  new ResizeObserver(() => {
    if (chart && chart.width !== frame.clientWidth) again();
  }).observe(frame);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
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

/** A day alone stands in the middle of a week. */
function around(_: uPlot, day: number): [number, number] {
  return [day - (3 * DAY_MS) / 1_000, day + (3 * DAY_MS) / 1_000];
}

function optionsOf(
  frame: HTMLElement,
  lines: readonly Line[],
  text: ChartText,
  days: readonly string[],
): uPlot.Options {
  const style = getComputedStyle(frame);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const isNarrow = frame.clientWidth < NARROW_PX;
  const has = (scale: Line["scale"]) => lines.find((line) => line.scale === scale);
  const span = days.length < 2 ? 0 : Date.parse(days.at(-1) ?? "") - Date.parse(days[0] ?? "");
  const onAxis = new Intl.DateTimeFormat(text.language, {
    timeZone: "UTC",
    ...(span > 200 * DAY_MS ? { year: "numeric", month: "short" } : { month: "short", day: "numeric" }),
  });
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  const valueAxis = (scale: Line["scale"], side: uPlot.Axis.Side): uPlot.Axis[] => {
    const line = has(scale);
    if (!line) return [];
    const values = (_: uPlot, splits: number[]) => splits.map((value) => line.onAxis(value));
    const grid = scale === "left" ? axis.grid : { show: false };
    return [{ ...axis, grid, scale, side, values, size: isNarrow ? 48 : 64 }];
  };
  return {
    width: frame.clientWidth,
    height: isNarrow ? 260 : 380,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), "Etc/UTC"),
    cursor: { y: false, drag: { x: false, y: false } },
    ...(days.length === 1 ? { scales: { x: { range: around } } } : {}),
    axes: [
      { ...axis, values: (_, splits) => splits.map((seconds) => onAxis.format(seconds * 1_000)), space: 70 },
      ...valueAxis("left", 3),
      ...valueAxis("right", 1),
      ...(isNarrow ? [] : valueAxis("third", 1)),
    ],
    series: [
      {
        label: text.date,
        value: (_, seconds) =>
          seconds === null ? "–" : new Date(seconds * 1_000).toISOString().slice(0, 10),
      },
      ...lines.map(
        (line, at): uPlot.Series => ({
          label: line.label,
          scale: line.scale,
          stroke: colour(`--series-${(at % COLOURS) + 1}`),
          width: 2,
          spanGaps: true,
          dash: DASHES[at % DASHES.length] ?? [],
          points: { show: days.length < 2 },
          value: (_, value) => (value === null ? "–" : line.format(value)),
        }),
      ),
    ],
  };
}
