import { openSymbolAddress } from "./address.ts";
import { fetchLatest, type Newest } from "./api.ts";
import { colorBySign } from "./change.ts";
import { element } from "./element.ts";
import { formatsOf, NO_VALUE } from "./formats.ts";
import { isSymbolError, textNameFor } from "./problems.ts";
import { forgetAll, forgetSymbol, recentSymbols } from "./recent.ts";
import { interpolate, type Language, TEXTS } from "./texts.ts";

/** The start page: examples, recently viewed securities, and the newest rows of a watchlist. */

/** Few, because an uncached symbol costs a call to OpenD, and the free plan allows about five in a request. */
const DEFAULT_WATCHLIST = ["HK.00700", "HK.09988", "US.AAPL", "US.TSLA"];
const MAX_WATCHED = 8;

/**
 * @param onOpen shows a security
 * @param onMissing loads the watchlist again, because a new row has no data yet
 */
export function createStart(language: Language, onOpen: (symbol: string) => void, onMissing: () => void) {
  const texts = TEXTS[language];
  const formats = formatsOf(language);
  const table = element("watchlist", HTMLTableElement);
  const newest = new Map<string, Newest>();
  let isLoading = false;

  const watched = () => [...new Set([...recentSymbols(), ...DEFAULT_WATCHLIST])].slice(0, MAX_WATCHED);

  /** Renders the parts that need no request. Empty rows reserve the space of the watchlist. */
  function draw(): void {
    for (const link of document.querySelectorAll<HTMLAnchorElement>("#examples a")) {
      link.href = openSymbolAddress(link.dataset.symbol ?? "", location.search);
    }
    const recent = recentSymbols();
    element("recent").hidden = recent.length === 0;
    element("recent-symbols").replaceChildren(...recent.map(recentItem));
    drawRows();
  }

  function recentItem(symbol: string, index: number): HTMLElement {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "×";
    button.ariaLabel = interpolate(texts.forget, { symbol });
    button.addEventListener("click", () => {
      forgetSymbol(symbol);
      drawRemoval(index);
    });
    item.append(linkTo(symbol), button);
    return item;
  }

  /** Moves the focus from the removed button to the next one, to the last one, or to the search. */
  function drawRemoval(index: number): void {
    draw();
    const buttons = [...document.querySelectorAll<HTMLElement>("#recent-symbols button")];
    (buttons[index] ?? buttons.at(-1) ?? element("symbol")).focus();
    if (watched().some((symbol) => !newest.has(symbol))) onMissing();
  }

  function linkTo(symbol: string): HTMLAnchorElement {
    const link = document.createElement("a");
    link.textContent = symbol;
    link.dataset.symbol = symbol;
    link.href = openSymbolAddress(symbol, location.search);
    return link;
  }

  function drawRows(): void {
    table.ariaBusy = String(isLoading);
    table.tBodies[0]?.replaceChildren(...watched().map(row));
  }

  function row(symbol: string): HTMLElement {
    const { point, change } = newest.get(symbol) ?? {};
    const isPending = isLoading && !newest.has(symbol);
    const cell = (...content: (Node | string)[]) => {
      const made = create("td", ...(isPending ? [] : content.length > 0 ? content : [NO_VALUE]));
      if (isPending) made.className = "pending";
      return made;
    };
    const name = create(
      "th",
      linkTo(symbol),
      create("small", isPending ? "\u00a0" : (point?.date ?? NO_VALUE)),
    );
    name.setAttribute("scope", "row");
    const shares = point?.shares ?? undefined;
    const percent = change?.percent ?? undefined;
    return create(
      "tr",
      name,
      shares === undefined ? cell() : cell(formats.count(shares)),
      change ? cell(colored(change.shares, formats.signed)) : cell(),
      percent === undefined ? cell() : cell(colored(percent, formats.signedPercent)),
      point ? cell(point.date) : cell(),
    );
  }

  /**
   * Loads the newest rows of the watchlist in one request.
   * @throws Problem of the request, or of a symbol that a later request may return. A missing permission for some
   *   symbols is none: the other rows are there, and a retry would not help.
   */
  async function load(signal: AbortSignal): Promise<void> {
    const symbols = watched();
    isLoading = true;
    drawRows();
    try {
      for (const item of await fetchLatest(symbols, signal)) {
        if (item.problem === undefined || !newest.has(item.symbol)) newest.set(item.symbol, item);
      }
    } finally {
      // A later call may be loading.
      if (!signal.aborted) {
        isLoading = false;
        drawRows();
      }
    }
    const problems = symbols.flatMap((symbol) => newest.get(symbol)?.problem ?? []);
    const failures = problems.filter((problem) => !isSymbolError(problem));
    const isPartial = failures.length < symbols.length;
    const shown = failures.find((failure) => !isPartial || textNameFor(failure) !== "misconfigured");
    if (shown) throw shown;
  }

  element("recent-clear").addEventListener("click", () => {
    forgetAll();
    drawRemoval(0);
  });
  element("start").addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLElement>("a[data-symbol]") : null;
    // With a modifier, the browser opens a new tab or window.
    if (link?.dataset.symbol === undefined || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onOpen(link.dataset.symbol);
  });

  return { draw, load };
}

function create(tag: string, ...content: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  made.append(...content);
  return made;
}

/** A change, which has a color in addition to its sign. */
function colored<Value extends number | bigint>(value: Value, format: (value: Value) => string): HTMLElement {
  const made = create("span", format(value));
  colorBySign(made, Math.sign(Number(value)));
  return made;
}
