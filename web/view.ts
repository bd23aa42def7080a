import { startAddress, type ViewState } from "./address.ts";
import { createChart } from "./chart.ts";
import { comparisonOf } from "./comparison.ts";
import { datasetOf } from "./dataset.ts";
import { element } from "./element.ts";
import { formatsOf } from "./formats.ts";
import { drawHeadline } from "./headline.ts";
import { firstDay, type History, loadedOf, needsMore, pointsIn } from "./history.ts";
import type { DayRange } from "./series.ts";
import type { Status } from "./status.ts";
import { createTable } from "./table.ts";
import { interpolate, type Language, TEXTS } from "./texts.ts";

/** Renders the state of the page and the loaded histories. */
export function createView(language: Language, status: Status, onRemove: (symbol: string) => void) {
  const texts = TEXTS[language];
  const formats = formatsOf(language);
  const chart = createChart(element("chart"), zoomTo);
  const table = createTable(element("table", HTMLTableElement));

  /** The part of the range that the chart shows, if it is zoomed. */
  let zoom: DayRange | undefined;
  let redraw = () => {};
  element("reset-zoom").addEventListener("click", () => {
    zoomTo();
    // The button is hidden now and has lost the focus.
    element("chart").focus();
  });

  function zoomTo(range?: DayRange): void {
    if (range === zoom) return;
    zoom = range;
    redraw();
  }

  /** Renders the controls, which need no data. A new state starts without a zoom. */
  function drawControls({ symbols: [symbol, ...others], range, measure }: ViewState): void {
    zoom = undefined;
    element("name").textContent = symbol ?? texts.title;
    element("symbol", HTMLInputElement).value = symbol ?? "";
    element(`range-${range}`, HTMLInputElement).checked = true;
    element(`measure-${measure}`, HTMLInputElement).checked = true;
    element("too-many").textContent = "";
    element("compared").replaceChildren(...others.map(comparedItem));
    document.title = symbol === undefined ? texts.title : interpolate(texts.titleOf, { symbol });
    element("home", HTMLAnchorElement).href = startAddress(location.search);
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

  /**
   * Renders the loaded data.
   * @param isLoading reserves the space of data that is still missing, so that nothing moves when it arrives
   */
  function drawData(state: ViewState, histories: ReadonlyMap<string, History>, isLoading: boolean): void {
    redraw = () => drawData(state, histories, isLoading);
    const { symbols, range, measure } = state;
    const loaded = loadedOf(symbols, histories);
    const first = histories.get(symbols[0] ?? "");
    element("result").hidden = first === undefined && !isLoading;
    // All securities of a comparison have the same first day.
    const compareFrom = firstDay(loaded, range);
    // The base of an index is known only when the whole range is loaded.
    const complete = loaded.filter((history) => !needsMore(history, compareFrom));
    const isComparison = symbols.length > 1 && complete.length > 1;
    const from = isComparison ? compareFrom : firstDay(loaded.slice(0, 1), range);
    const compared = complete.filter((history) => pointsIn(history, from).length > 0);
    const outdated = isComparison ? complete.filter((history) => !compared.includes(history)) : [];
    status.notes([...loaded.flatMap(notesOn), ...outdated.flatMap(outdatedNote)]);
    if (first === undefined) {
      clear();
      return;
    }
    drawHeadline(first, measure, texts, formats);
    const shown = isComparison ? compared : [first];
    const { caption, panels, columns, days } = isComparison
      ? comparisonOf(
          compared.map((history) => ({ symbol: history.symbol, points: pointsIn(history, from, zoom) })),
          measure,
          texts,
          formats,
        )
      : datasetOf(first, pointsIn(first, from, zoom), measure, texts, formats);
    element("download").textContent = isComparison
      ? interpolate(texts.downloadOf, { symbol: first.symbol })
      : texts.download;
    element("data").hidden = days.length === 0;
    if (days.length === 0) return;
    element("chart").hidden = panels.length === 0;
    element("chart-bar").hidden = panels.length === 0;
    element("zoom").hidden = zoom === undefined;
    element("zoomed").textContent = zoom ? interpolate(texts.zoomed, { ...zoom }) : "";
    if (panels.length > 0) {
      const names = shown.map(({ symbol }) => symbol).join(texts.symbolSeparator);
      chart.draw({ label: interpolate(texts.chart, { symbols: names }), panels, texts, language });
    }
    element("table").hidden = false;
    table.draw(caption, columns, days);
  }

  function clear(): void {
    chart.clear();
    for (const id of ["newest-label", "newest", "newest-date", "change"]) element(id).textContent = "";
    for (const id of ["data", "chart", "chart-bar"]) element(id).hidden = false;
    element("zoom").hidden = true;
    element("table").hidden = true;
  }

  function notesOn({ symbol, staleAgeS, points, next }: History): string[] {
    return [
      ...(staleAgeS === undefined ? [] : [interpolate(texts.stale, { symbol, age: formats.age(staleAgeS) })]),
      ...(points.length === 0 && next === null ? [interpolate(texts.empty, { symbol })] : []),
    ];
  }

  /** A security with rows, but none in the range. */
  function outdatedNote({ symbol, points: [newest] }: History): string[] {
    return newest ? [interpolate(texts.outdated, { symbol, date: newest.date })] : [];
  }

  return { drawControls, drawData };
}
