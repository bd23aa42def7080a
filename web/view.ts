import type { ViewState } from "./address.ts";
import type { NumericValue } from "./api.ts";
import { createChart } from "./chart.ts";
import { comparisonOf, datasetOf, type Measure, measureLabel } from "./dataset.ts";
import { element } from "./element.ts";
import { formatOrNone, formatsOf, NO_VALUE } from "./formats.ts";
import { type History, needsMore } from "./history.ts";
import type { Status } from "./status.ts";
import { createTable } from "./table.ts";
import { interpolate, type Language, TEXTS } from "./texts.ts";

/** Renders the state of the page and the loaded histories. */
export function createView(language: Language, status: Status, onRemove: (symbol: string) => void) {
  const texts = TEXTS[language];
  const formats = formatsOf(language);
  const chart = createChart(element("chart"), element("position", HTMLInputElement));
  const table = createTable(element("table", HTMLTableElement));

  /** Renders the controls, which need no data. */
  function drawControls({ symbols: [symbol, ...others], range, measure }: ViewState): void {
    element("symbol", HTMLInputElement).value = symbol ?? "";
    element(`range-${range}`, HTMLInputElement).checked = true;
    element(`measure-${measure}`, HTMLInputElement).checked = true;
    element("too-many").textContent = "";
    element("compared").replaceChildren(...others.map(comparedItem));
    document.title = symbol === undefined ? texts.title : interpolate(texts.titleOf, { symbol });
    for (const link of document.querySelectorAll<HTMLAnchorElement>("a[hreflang]")) {
      const target = new URL(location.href);
      target.searchParams.set("lang", link.hreflang);
      link.href = target.search;
    }
  }

  function comparedItem(symbol: string): HTMLElement {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${symbol} ×`;
    button.ariaLabel = interpolate(texts.remove, { symbol });
    button.addEventListener("click", () => {
      onRemove(symbol);
      // The removed button had the focus.
      element("other").focus();
    });
    item.append(button);
    return item;
  }

  /** Renders the loaded data. */
  function drawData({ symbols, range, measure }: ViewState, histories: ReadonlyMap<string, History>): void {
    const loaded = symbols.flatMap((symbol) => histories.get(symbol) ?? []);
    const first = histories.get(symbols[0] ?? "");
    element("result").hidden = first === undefined;
    status.notes(loaded.flatMap(notesOn));
    if (first === undefined) {
      chart.clear();
      return;
    }
    drawHeadline(first, measure);
    // The base of an index is known only when the whole range is loaded.
    const complete = loaded.filter((history) => !needsMore(history, range));
    const isComparison = symbols.length > 1 && complete.length > 1;
    const shown = isComparison ? complete : [first];
    const { caption, lines, columns, days } = isComparison
      ? comparisonOf(complete, range, measure, texts, formats)
      : datasetOf(first, range, measure, texts, formats);
    element("download").textContent = isComparison
      ? interpolate(texts.downloadOf, { symbol: first.symbol })
      : texts.download;
    element("data").hidden = days.length === 0;
    if (days.length === 0) return;
    const hasLines = lines.some(({ values }) => values.size > 0);
    for (const id of ["chart", "position"]) element(id).hidden = !hasLines;
    if (hasLines) {
      const names = shown.map(({ symbol }) => symbol).join(texts.symbolSeparator);
      chart.draw(lines, { label: interpolate(texts.chart, { symbols: names }), texts, language });
      performance.mark("chart");
    }
    table.draw(caption, columns, days);
  }

  function notesOn({ symbol, staleAgeS, points, next }: History): string[] {
    return [
      ...(staleAgeS === undefined ? [] : [interpolate(texts.stale, { symbol, age: formats.age(staleAgeS) })]),
      ...(points.length === 0 && next === null ? [interpolate(texts.empty, { symbol })] : []),
    ];
  }

  function drawHeadline({ symbol, market, points: [newest, previous] }: History, measure: Measure): void {
    const current = newest?.[measure];
    element("name").textContent = symbol;
    element("newest-label").textContent =
      measure === "shares" ? texts.title : measureLabel(measure, market, texts);
    element("newest").textContent = formatOrNone(current, (value) =>
      measure === "shares"
        ? interpolate(texts.sharesValue, { shares: formats.count(value) })
        : formats.percent(value),
    );
    element("newest-date").textContent = newest ? interpolate(texts.asOf, { date: newest.date }) : "";
    element("change").textContent = previous
      ? changeText(current ?? null, previous[measure], previous.date, measure)
      : "";
  }

  /** The change since the row before; empty if either value is missing. */
  function changeText(current: NumericValue, previous: NumericValue, date: string, measure: Measure): string {
    if (current === null || previous === null) return "";
    if (measure === "percent") {
      const points = formats.signed(Number(current) - Number(previous));
      return interpolate(texts.changeInPoints, { points, date });
    }
    const shares = BigInt(current) - BigInt(previous);
    const percent =
      Number(previous) === 0 ? NO_VALUE : formats.signedPercent((Number(shares) / Number(previous)) * 100);
    return interpolate(texts.change, { shares: formats.signed(shares), percent, date });
  }

  return { drawControls, drawData };
}
