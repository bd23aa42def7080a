import { escapeHtml } from "../static-files.ts";

/** Text that is HTML already. */
export class Html {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

type Value = Html | string | number | undefined | readonly Value[];

/** HTML with escaped values. `undefined` is empty, and a list is joined without separator. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.reduce((all, part, index) => all + sourceOf(values[index - 1]) + part));
}

function sourceOf(value: Value): string {
  if (value === undefined) return "";
  if (value instanceof Html) return value.source;
  if (typeof value === "object") return value.map(sourceOf).join("");
  return escapeHtml(String(value));
}

/** The items with a separator between them. */
export function joined(items: readonly Value[], separator: string): Value[] {
  return items.flatMap((item, index) => (index === 0 ? [item] : [separator, item]));
}

/** Paragraphs of a description. Text between backticks is code. */
export function prose(text = ""): Value[] {
  return text.split("\n\n").map((paragraph) => html`<p>${inline(paragraph)}</p>`);
}

/** A description in one line. */
export function inline(text = ""): Value[] {
  return text.split("`").map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part));
}
