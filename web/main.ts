import { MOST_COMPARED, readAddress, symbolOf, type Wanted, writeAddress } from "./address.ts";
import { fetchCsv, Problem } from "./api.ts";
import { element } from "./element.ts";
import { MEASURES } from "./figures.ts";
import {
  firstDay,
  type History,
  isOld,
  isWanting,
  loadedPart,
  loadMore,
  nothingOf,
  RANGES,
} from "./history.ts";
import { isItsOwn } from "./problems.ts";
import { createStatus } from "./status.ts";
import { filled, languageOf, TEXTS } from "./texts.ts";
import { createView } from "./view.ts";

/** The page: what is wanted stands in its address, is loaded page by page, and drawn as it comes. */

const language = languageOf(document.documentElement.lang);
const texts = TEXTS[language];
const status = createStatus(texts);
const view = createView(language, status, (symbol) =>
  want({ symbols: wanted.symbols.filter((each) => each !== symbol) }),
);

let wanted = readAddress(location.search);
const histories = new Map<string, History>();
let loading = new AbortController();

function want(changes: Partial<Wanted>): void {
  wanted = { ...wanted, ...changes };
  history.pushState(null, "", writeAddress(wanted, location.search));
  view.ask(wanted);
  void load();
}

/** Loads what is missing, and draws after each page. */
async function load(): Promise<void> {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  status.done();
  for (const [symbol, known] of histories) if (isOld(known, Date.now())) histories.delete(symbol);
  view.draw(wanted, histories);
  const problems: [symbol: string, thrown: unknown][] = [];
  for (const symbol of wanted.symbols) {
    try {
      for (;;) {
        const known = histories.get(symbol) ?? nothingOf(symbol);
        if (!isWanting(known, wanted.range)) break;
        status.loading(progressOf(known), loadedPart(known, wanted.range));
        const more = await loadMore(known, signal);
        if (signal.aborted) return;
        histories.set(symbol, more);
        view.draw(wanted, histories);
      }
    } catch (thrown) {
      if (signal.aborted) return;
      problems.push([symbol, thrown]);
      // What is only this one's trouble does not keep the others from being shown.
      if (!(thrown instanceof Problem && isItsOwn(thrown))) break;
    }
  }
  const last = problems.at(-1);
  if (last) status.problem(last[1], last[0], load);
  else status.done();
}

function progressOf({ symbol, points }: History): string {
  const date = points.at(-1)?.date;
  if (date === undefined) return filled(texts.loadingFirst, { symbol });
  return filled(texts.loading, { symbol, rows: points.length, date });
}

/** What is downloaded comes to its end, whatever else is wanted meanwhile. */
async function download(): Promise<void> {
  const [symbol = ""] = wanted.symbols;
  const known = histories.get(symbol);
  const button = element("download", HTMLButtonElement);
  button.disabled = true;
  try {
    const blob = await fetchCsv(symbol, known && firstDay(known, wanted.range));
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
    button.disabled = false;
  }
}

element("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const symbol = symbolOf(element("symbol", HTMLInputElement).value);
  if (symbol !== "") want({ symbols: [...new Set([symbol, ...wanted.symbols.slice(1)])] });
});
element("comparison").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = element("other", HTMLInputElement);
  const other = symbolOf(input.value);
  const symbols = [...new Set([...wanted.symbols, other])];
  if (other === "") return;
  if (symbols.length > MOST_COMPARED) {
    element("too-many").textContent = texts.most;
    return;
  }
  input.value = "";
  want({ symbols });
});
for (const range of RANGES) element(`range-${range}`).addEventListener("change", () => want({ range }));
for (const measure of MEASURES) {
  element(`measure-${measure}`).addEventListener("change", () => want({ measure }));
}
element("download").addEventListener("click", download);
addEventListener("popstate", () => {
  wanted = readAddress(location.search);
  view.ask(wanted);
  void load();
});
view.ask(wanted);
void load();
