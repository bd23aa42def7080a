import { Problem, rememberedKey, rememberKey } from "./api.ts";
import { element } from "./element.ts";
import { isItsOwn, sentenceFor } from "./problems.ts";
import { filled, type Texts } from "./texts.ts";

/** What the page says of what it is doing, or cannot do. */
export interface Status {
  /** @param part from 0 to 1; undefined where the end is not known */
  loading(text: string, part: number | undefined): void;
  /** Says what stands in the way, and calls `retry` when it may be gone, or when somebody wants to try. */
  problem(thrown: unknown, symbol: string, retry: () => void): void;
  /** Notes that stand beside what is shown. */
  notes(texts: readonly string[]): void;
  done(): void;
}

export function createStatus(texts: Texts): Status {
  const bar = element("progress", HTMLProgressElement);
  const message = element("message");
  // Beside what is read out, which would be read out each second.
  const countdown = element("countdown");
  const notes = element("notes");
  const again = element("retry", HTMLButtonElement);
  const keyForm = element("key", HTMLFormElement);
  let counting: ReturnType<typeof setInterval> | undefined;
  let retry = () => {};

  function done(): void {
    clearInterval(counting);
    for (const each of [bar, again, keyForm]) each.hidden = true;
    for (const each of [message, countdown]) each.textContent = "";
  }

  again.addEventListener("click", () => {
    // What was pressed is hidden now.
    message.focus();
    retry();
  });
  keyForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const input = element("key-input", HTMLInputElement);
    rememberKey(input.value.trim());
    input.value = "";
    message.focus();
    retry();
  });

  return {
    done,
    notes: (all) => {
      notes.textContent = all.join(" ");
    },
    loading(text, part) {
      done();
      bar.hidden = false;
      if (part === undefined) bar.removeAttribute("value");
      else bar.value = part;
      message.textContent = text;
    },
    problem(thrown, symbol, tryAgain) {
      done();
      retry = tryAgain;
      const problem = thrown instanceof Problem ? thrown : new Problem(String(thrown));
      const sentence = filled(texts[sentenceFor(problem)], { symbol, code: problem.code });
      message.textContent = sentence;
      if (problem.code === "unauthorized") {
        if (rememberedKey() === null) message.textContent = texts.key;
        keyForm.hidden = false;
      } else if (problem.retryAfterS !== undefined) {
        const until = Date.now() + problem.retryAfterS * 1_000;
        const count = () => {
          const seconds = Math.ceil((until - Date.now()) / 1_000);
          if (seconds > 0) countdown.textContent = filled(texts.retryIn, { seconds });
          else {
            done();
            tryAgain();
          }
        };
        count();
        counting = setInterval(count, 1_000);
      } else if (!isItsOwn(problem)) again.hidden = false;
    },
  };
}
