import { MAX_COMPARED, readAddress, symbolOf, type ViewState, writeAddress } from "./address.ts";
import { fetchCsv, Problem } from "./api.ts";
import { MEASURES } from "./dataset.ts";
import { element } from "./element.ts";
import {
  emptyHistory,
  firstDay,
  type History,
  isExpired,
  loadedFraction,
  loadedOf,
  loadMore,
  needsMore,
  RANGES,
} from "./history.ts";
import { isSymbolError } from "./problems.ts";
import { rememberSymbol } from "./recent.ts";
import { createStart } from "./start.ts";
import { createStatus } from "./status.ts";
import { interpolate, languageOf, TEXTS } from "./texts.ts";
import { createView } from "./view.ts";

/** Entry point of the web UI: keeps the state in the URL, loads the data page by page, and redraws after each page. */

const language = languageOf(document.documentElement.lang);
const texts = TEXTS[language];
const status = createStatus(texts, (symbol, suggestion) =>
  update({ symbols: [...new Set(state.symbols.map((other) => (other === symbol ? suggestion : other)))] }),
);
const start = createStart(
  language,
  (symbol) => {
    // The link that had the focus is about to be hidden.
    element("message").focus();
    update({ symbols: [symbol] });
  },
  () => void load(),
);
const view = createView(language, status, (removed) =>
  update({ symbols: state.symbols.filter((symbol) => symbol !== removed) }),
);

let state = readAddress(location.search);
const histories = new Map<string, History>();
let loading = new AbortController();

function update(changes: Partial<ViewState>): void {
  state = { ...state, ...changes };
  history.pushState(null, "", writeAddress(state, location.search));
  draw();
  void load();
}

function draw(): void {
  const isStart = state.symbols.length === 0;
  element("start").hidden = !isStart;
  if (isStart) start.draw();
  view.drawControls(state);
}

/** Loads the missing pages of all symbols. A new call aborts the one before. */
async function load(): Promise<void> {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  status.done();
  for (const [symbol, known] of histories) if (isExpired(known, Date.now())) histories.delete(symbol);
  view.drawData(state, histories, state.symbols.length > 0);
  if (state.symbols.length === 0) {
    await start.load(signal).catch((thrown) => signal.aborted || status.problem(thrown, "", load));
    return;
  }
  const from = () => firstDay(loadedOf(state.symbols, histories), state.range);
  const problems: [symbol: string, thrown: unknown][] = [];
  for (const symbol of state.symbols) {
    try {
      for (;;) {
        const known = histories.get(symbol) ?? emptyHistory(symbol);
        if (symbol === state.symbols[0] && known.points.length > 0) rememberSymbol(symbol);
        if (!needsMore(known, from())) break;
        status.loading(progressText(known), loadedFraction(known, from()));
        const more = await loadMore(known, signal);
        if (signal.aborted) return;
        histories.set(symbol, more);
        view.drawData(state, histories, true);
      }
    } catch (thrown) {
      if (signal.aborted) return;
      problems.push([symbol, thrown]);
      // Other errors would hit the remaining symbols too.
      if (!(thrown instanceof Problem && isSymbolError(thrown))) break;
    }
  }
  // The space of a main symbol without data is not reserved any longer.
  if (!histories.has(state.symbols[0] ?? "")) view.drawData(state, histories, false);
  const last = problems.at(-1);
  if (last) status.problem(last[1], last[0], load);
  else status.done();
}

function progressText({ symbol, points }: History): string {
  const date = points.at(-1)?.date;
  if (date === undefined) return interpolate(texts.loadingFirst, { symbol });
  return interpolate(texts.loading, { symbol, rows: points.length, date });
}

/** Downloads the main symbol's range. Later changes of the state do not abort it. */
async function download(): Promise<void> {
  const [symbol = ""] = state.symbols;
  const known = histories.get(symbol);
  const button = element("download", HTMLButtonElement);
  // A disabled button would lose the focus.
  if (button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    const blob = await fetchCsv(symbol, known && firstDay([known], state.range));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${symbol}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (thrown) {
    status.problem(thrown, symbol, () => {
      status.done();
      void download();
    });
  } finally {
    button.ariaDisabled = "false";
  }
}

element("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const symbol = symbolOf(element("symbol", HTMLInputElement).value);
  if (symbol !== "") update({ symbols: [...new Set([symbol, ...state.symbols.slice(1)])] });
});
element("comparison").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = element("other", HTMLInputElement);
  const other = symbolOf(input.value);
  const symbols = [...new Set([...state.symbols, other])];
  if (other === "") return;
  if (symbols.length > MAX_COMPARED) {
    element("too-many").textContent = texts.compareLimit;
    return;
  }
  input.value = "";
  update({ symbols });
});
for (const range of RANGES) element(`range-${range}`).addEventListener("change", () => update({ range }));
for (const measure of MEASURES) {
  element(`measure-${measure}`).addEventListener("change", () => update({ measure }));
}
element("download").addEventListener("click", download);
addEventListener("popstate", () => {
  state = readAddress(location.search);
  draw();
  void load();
});
draw();
void load();
