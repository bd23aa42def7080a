import type { Wanted } from "./address.ts";
import { createChart, type Line } from "./chart.ts";
import { element } from "./element.ts";
import { comparisonOf, figuresOf, formatsOf } from "./figures.ts";
import { type History, isWanting } from "./history.ts";
import type { Status } from "./status.ts";
import { createTable } from "./table.ts";
import { filled, type Language, TEXTS } from "./texts.ts";

/** What is seen of what is wanted and loaded. */
export function createView(language: Language, status: Status, remove: (symbol: string) => void) {
  const texts = TEXTS[language];
  const formats = formatsOf(language);
  const chart = createChart(element("chart"), element("position", HTMLInputElement));
  const table = createTable(element("table", HTMLTableElement));

  /** Shows what is wanted, before anything of it is there. */
  function ask(wanted: Wanted): void {
    const [symbol, ...others] = wanted.symbols;
    element("welcome").hidden = symbol !== undefined;
    element("symbol", HTMLInputElement).value = symbol ?? "";
    element(`range-${wanted.range}`, HTMLInputElement).checked = true;
    element(`measure-${wanted.measure}`, HTMLInputElement).checked = true;
    element("too-many").textContent = "";
    element("compared").replaceChildren(...others.map(compared));
    document.title = symbol === undefined ? texts.title : `${symbol} – ${texts.title}`;
    // Another language for the same.
    for (const link of document.querySelectorAll<HTMLAnchorElement>("a[hreflang]")) {
      const target = new URL(location.href);
      target.searchParams.set("lang", link.hreflang);
      link.href = target.search;
    }
  }

  function compared(symbol: string): HTMLElement {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${symbol} ×`;
    button.ariaLabel = filled(texts.remove, { symbol });
    button.addEventListener("click", () => {
      remove(symbol);
      // The button is gone, and the focus with it.
      element("other").focus();
    });
    item.append(button);
    return item;
  }

  /** Shows what is loaded. */
  function draw({ symbols, range, measure }: Wanted, histories: ReadonlyMap<string, History>): void {
    const loaded = symbols.flatMap((symbol) => histories.get(symbol) ?? []);
    const first = histories.get(symbols[0] ?? "");
    element("result").hidden = first === undefined;
    status.notes(
      loaded.flatMap(({ symbol, staleS, points, next }) => [
        ...(staleS === undefined ? [] : [filled(texts.stale, { symbol, age: formats.age(staleS) })]),
        ...(points.length === 0 && next === null ? [filled(texts.empty, { symbol })] : []),
      ]),
    );
    if (first === undefined) {
      chart.clear();
      return;
    }
    headline(first, measure);
    // The start that others are compared with is known when all of the range is there.
    const whole = loaded.filter((history) => !isWanting(history, range));
    const isComparison = symbols.length > 1 && whole.length > 1;
    const figures = isComparison
      ? comparisonOf(whole, range, measure, texts, formats)
      : figuresOf(first, range, measure, texts, formats);
    const names = (isComparison ? whole : [first]).map(({ symbol }) => symbol).join(", ");
    element("download").textContent = isComparison ? `${texts.download}: ${first.symbol}` : texts.download;
    element("figures").hidden = figures.days.length === 0;
    if (figures.days.length === 0) return;
    const hasLines = figures.lines.some(({ values }) => values.size > 0);
    for (const id of ["chart", "position"]) element(id).hidden = !hasLines;
    if (hasLines) drawChart(figures.lines, names);
    const what = measure === "shares" ? texts.shares_short : texts.percent_short;
    table.draw(isComparison ? `${what}, ${texts.ofStart}` : names, figures.columns, figures.days);
  }

  function drawChart(lines: readonly Line[], symbols: string): void {
    chart.draw(lines, { label: filled(texts.chart, { symbols }), date: texts.date, language });
    performance.mark("chart");
  }

  function headline({ symbol, points: [newest, before] }: History, measure: Wanted["measure"]): void {
    const figure = newest?.[measure] ?? null;
    const format = measure === "shares" ? formats.count : formats.percent;
    element("name").textContent = symbol;
    element("newest").textContent = figure === null ? "–" : format(figure);
    element("newest-date").textContent = newest ? filled(texts.on, { date: newest.date }) : "";
    const then = before?.[measure] ?? null;
    element("change").textContent =
      figure === null || then === null || before === undefined
        ? ""
        : change(figure, then, before.date, measure);
  }

  function change(
    now: number | bigint,
    then: number | bigint,
    date: string,
    measure: Wanted["measure"],
  ): string {
    if (measure === "percent") {
      return filled(texts.points, { points: formats.signed(Number(now) - Number(then)), date });
    }
    const shares = BigInt(now) - BigInt(then);
    const percent = Number(then) === 0 ? "–" : formats.signedPercent((Number(shares) / Number(then)) * 100);
    return filled(texts.change, { shares: formats.signed(shares), percent, date });
  }

  return { ask, draw };
}
