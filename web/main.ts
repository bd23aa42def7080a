import { fetchCsv, Problem } from "./api.ts";
import { createChart } from "./chart.ts";
import { comparisonOf, figuresOf, formatsOf, MEASURES, type Measure } from "./figures.ts";
import {
  firstDay,
  type History,
  isOld,
  isWanting,
  loadedPart,
  loadMore,
  nothingOf,
  RANGES,
  type Range,
} from "./history.ts";
import { isItsOwn } from "./problems.ts";
import { createStatus } from "./status.ts";
import { createTable } from "./table.ts";
import { filled, type Language, TEXTS } from "./texts.ts";

/** The page: what is wanted stands in its address, is loaded page by page, and drawn as it comes. */

const MOST_COMPARED = 5;

const language = document.documentElement.lang as Language;
const texts = TEXTS[language];
const formats = formatsOf(language);
const element = <Kind extends HTMLElement>(id: string) => document.getElementById(id) as Kind;
const chart = createChart(element("chart"), element<HTMLInputElement>("position"));
const table = createTable(element<HTMLTableElement>("table"));
const status = createStatus(texts);

interface Wanted {
  /** The first is the one that was searched for. */
  readonly symbols: readonly string[];
  readonly range: Range;
  readonly measure: Measure;
}

let wanted = readAddress();
const histories = new Map<string, History>();
let loading = new AbortController();

function readAddress(): Wanted {
  const query = new URLSearchParams(location.search);
  const named = [query.get("symbol") ?? "", ...(query.get("compare") ?? "").split(",")];
  const symbols = named.map(symbolOf).filter((each) => each !== "");
  return {
    symbols: [...new Set(symbols)].slice(0, MOST_COMPARED),
    range: RANGES.find((each) => each === query.get("range")) ?? "1Y",
    measure: MEASURES.find((each) => each === query.get("measure")) ?? "shares",
  };
}

function symbolOf(text: string): string {
  const symbol = text.trim().toUpperCase();
  const code = /^HK\.(\d{1,4})$/.exec(symbol)?.[1];
  return code === undefined ? symbol : `HK.${code.padStart(5, "0")}`;
}

function addressOf({ symbols: [symbol, ...others], range, measure }: Wanted): string {
  const query = new URLSearchParams(location.search);
  const set = (name: string, value: string) => (value === "" ? query.delete(name) : query.set(name, value));
  set("symbol", symbol ?? "");
  set("compare", others.join());
  set("range", range === "1Y" ? "" : range);
  set("measure", measure === "shares" ? "" : measure);
  const text = query.toString().replaceAll("%2C", ",");
  return text === "" ? location.pathname : `?${text}`;
}

function want(changes: Partial<Wanted>): void {
  wanted = { ...wanted, ...changes };
  history.pushState(null, "", addressOf(wanted));
  void show();
}

/** Loads what is missing, and draws after each page. */
async function show(): Promise<void> {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  status.done();
  for (const [symbol, known] of histories) if (isOld(known, Date.now())) histories.delete(symbol);
  render();
  const problems: [symbol: string, thrown: unknown][] = [];
  for (const symbol of wanted.symbols) {
    try {
      for (;;) {
        const known = histories.get(symbol) ?? nothingOf(symbol);
        if (!isWanting(known, wanted.range)) break;
        status.loading(progressOf(known), loadedPart(known, wanted.range));
        histories.set(symbol, await loadMore(known, signal));
        if (signal.aborted) return;
        render();
      }
    } catch (thrown) {
      if (signal.aborted) return;
      problems.push([symbol, thrown]);
      // What is only this one's trouble does not keep the others from being shown.
      if (!(thrown instanceof Problem && isItsOwn(thrown))) break;
    }
  }
  const last = problems.at(-1);
  if (last) status.problem(last[1], last[0], show);
  else status.done();
}

function progressOf({ symbol, points }: History): string {
  const date = points.at(-1)?.date;
  if (date === undefined) return filled(texts.loadingFirst, { symbol });
  return filled(texts.loading, { symbol, rows: points.length, date });
}

function render(): void {
  const { symbols, range, measure } = wanted;
  const shown = symbols.flatMap((symbol) => histories.get(symbol) ?? []);
  const [first] = shown;
  element("welcome").hidden = symbols.length > 0;
  element("result").hidden = first === undefined;
  element<HTMLInputElement>("symbol").value = symbols[0] ?? "";
  element<HTMLInputElement>(`range-${range}`).checked = true;
  element<HTMLInputElement>(`measure-${measure}`).checked = true;
  document.title = symbols[0] === undefined ? texts.title : `${symbols[0]} – ${texts.title}`;
  renderCompared();
  status.notes(
    shown.flatMap(({ symbol, staleS, points, next }) => [
      ...(staleS === undefined ? [] : [filled(texts.stale, { symbol, age: formats.age(staleS) })]),
      ...(points.length === 0 && next === null ? [filled(texts.empty, { symbol })] : []),
    ]),
  );
  if (first === undefined) {
    chart.clear();
    return;
  }
  renderHeadline(first);
  const figures =
    shown.length > 1
      ? comparisonOf(shown, range, measure, texts, formats)
      : figuresOf(first, range, measure, texts, formats);
  element("download").textContent = shown.length > 1 ? `${texts.download}: ${first.symbol}` : texts.download;
  const names = shown.map(({ symbol }) => symbol).join(", ");
  element("figures").hidden = figures.days.length === 0;
  if (figures.days.length === 0) return;
  chart.draw(figures.lines, { label: filled(texts.chart, { symbols: names }), date: texts.date, language });
  performance.mark("chart");
  const what = measure === "shares" ? texts.shares_short : texts.percent_short;
  const caption = shown.length > 1 ? `${what}, ${texts.ofStart}` : names;
  table.draw(caption, figures.columns, figures.days);
}

function renderHeadline({ symbol, points: [newest, before] }: History): void {
  const { measure } = wanted;
  const format = measure === "shares" ? formats.count : formats.percent;
  const figure = newest?.[measure] ?? null;
  element("name").textContent = symbol;
  element("newest").textContent = figure === null ? "–" : format(figure);
  element("newest-date").textContent = newest ? filled(texts.on, { date: newest.date }) : "";
  const [now, then] = [newest?.shares, before?.shares];
  if (now == null || then == null || before === undefined || Number(then) === 0) {
    element("change").textContent = "";
    return;
  }
  const shares = BigInt(now) - BigInt(then);
  const percent = formats.signedPercent((Number(shares) / Number(then)) * 100);
  element("change").textContent = filled(texts.change, {
    shares: formats.signed(shares),
    percent,
    date: before.date,
  });
}

function renderCompared(): void {
  const others = wanted.symbols.slice(1);
  const items = others.map((symbol) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${symbol} ×`;
    button.ariaLabel = filled(texts.remove, { symbol });
    button.addEventListener("click", () => {
      want({ symbols: wanted.symbols.filter((each) => each !== symbol) });
      // The button is gone, and the focus with it.
      element("other").focus();
    });
    item.append(button);
    return item;
  });
  element("compared").replaceChildren(...items);
}

element("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const symbol = symbolOf(element<HTMLInputElement>("symbol").value);
  if (symbol !== "") want({ symbols: [...new Set([symbol, ...wanted.symbols.slice(1)])] });
});
element("comparison").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = element<HTMLInputElement>("other");
  const symbols = [...new Set([...wanted.symbols, symbolOf(input.value)])];
  const isTooMany = symbols.length > MOST_COMPARED;
  element("too-many").textContent = isTooMany ? texts.most : "";
  if (input.value.trim() === "" || isTooMany) return;
  input.value = "";
  want({ symbols });
});
for (const range of RANGES) element(`range-${range}`).addEventListener("change", () => want({ range }));
for (const measure of MEASURES)
  element(`measure-${measure}`).addEventListener("change", () => want({ measure }));
element("download").addEventListener("click", async () => {
  const [symbol = ""] = wanted.symbols;
  const known = histories.get(symbol);
  try {
    const blob = await fetchCsv(symbol, known && firstDay(known, wanted.range), loading.signal);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${symbol}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (thrown) {
    status.problem(thrown, symbol, () => element("download").click());
  }
});
addEventListener("popstate", () => {
  wanted = readAddress();
  void show();
});
void show();
