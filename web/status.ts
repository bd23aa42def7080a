import { suggestSymbols } from "../functions/short-interest/symbol-suggestions.ts";
import { keyOf, Problem, savedKey, saveKey } from "./api.ts";
import { element } from "./element.ts";
import { isSymbolError, textNameFor } from "./problems.ts";
import { interpolate, type Texts } from "./texts.ts";

/** The status area: loading progress, errors with their retry, the API key form, and notes. */
export interface Status {
  /** @param fraction loaded, from 0 to 1; undefined if the total is unknown */
  loading(text: string, fraction: number | undefined): void;
  /** Shows an error. Calls `retry` after its Retry-After, when the user asks for it, or after a key was entered. */
  problem(thrown: unknown, symbol: string, retry: () => void): void;
  /** Shows notes about the displayed data. */
  notes(texts: readonly string[]): void;
  /** Clears everything but the notes. */
  done(): void;
}

/** @param onChoose replaces a symbol by a suggestion */
export function createStatus(texts: Texts, onChoose: (symbol: string, suggestion: string) => void): Status {
  const progress = element("progress", HTMLProgressElement);
  const message = element("message");
  // Outside the live region: a screen reader would read it out every second.
  const countdown = element("countdown");
  const notes = element("notes");
  const suggestions = element("suggestions");
  const retryButton = element("retry", HTMLButtonElement);
  const keyForm = element("key", HTMLFormElement);
  let timer: ReturnType<typeof setInterval> | undefined;
  let onRetry = () => {};

  function done(): void {
    clearInterval(timer);
    for (const control of [progress, retryButton, keyForm]) control.hidden = true;
    for (const output of [message, countdown, suggestions]) output.textContent = "";
  }

  function retryAfter(seconds: number): void {
    const until = Date.now() + seconds * 1_000;
    const tick = () => {
      const remaining = Math.ceil((until - Date.now()) / 1_000);
      if (remaining > 0) countdown.textContent = interpolate(texts.retryIn, { seconds: remaining });
      else {
        done();
        onRetry();
      }
    };
    tick();
    timer = setInterval(tick, 1_000);
  }

  /** Shows the possible meanings of a wrong symbol. An invalid symbol with one meaning has been corrected before. */
  function suggest(symbol: string, code: string): void {
    const others = suggestSymbols(symbol).filter((other) => other !== symbol);
    if (others.length === 0) return;
    message.textContent =
      code === "invalid_symbol"
        ? interpolate(texts.ambiguous, { symbol })
        : [message.textContent, texts.didYouMean].join(texts.sentenceSeparator);
    suggestions.replaceChildren(
      ...others.map((other) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = other;
        button.addEventListener("click", () => {
          message.focus();
          onChoose(symbol, other);
        });
        return button;
      }),
    );
  }

  retryButton.addEventListener("click", () => {
    // The button is about to be hidden and would lose the focus.
    message.focus();
    onRetry();
  });
  keyForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const input = element("key-input", HTMLInputElement);
    const key = keyOf(input.value);
    saveKey(input.value);
    input.value = "";
    message.focus();
    if (key === undefined) message.textContent = texts.unauthorized;
    else onRetry();
  });

  return {
    done,
    notes: (all) => {
      notes.textContent = all.join(texts.sentenceSeparator);
    },
    loading(text, fraction) {
      done();
      progress.hidden = false;
      if (fraction === undefined) progress.removeAttribute("value");
      else progress.value = fraction;
      message.textContent = text;
    },
    problem(thrown, symbol, retry) {
      done();
      onRetry = retry;
      const problem = thrown instanceof Problem ? thrown : new Problem(String(thrown));
      message.textContent = interpolate(texts[textNameFor(problem)], { symbol, code: problem.code });
      if (problem.code === "unauthorized") {
        if (savedKey() === null) message.textContent = texts.key;
        keyForm.hidden = false;
      } else if (problem.retryAfterS !== undefined) retryAfter(problem.retryAfterS);
      else if (isSymbolError(problem)) suggest(symbol, problem.code);
      else retryButton.hidden = false;
    },
  };
}
