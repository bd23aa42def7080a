import type { NumericValue } from "./api.ts";
import { changeOf, colorBySign, difference, relativeChange } from "./change.ts";
import { type Measure, measureLabel } from "./dataset.ts";
import { element } from "./element.ts";
import { type Formats, formatOrNone, NO_VALUE } from "./formats.ts";
import type { History } from "./history.ts";
import { interpolate, type Texts } from "./texts.ts";

/** Renders the newest value and its change since the row before. */
export function drawHeadline(
  { market, points: [newest, previous] }: History,
  measure: Measure,
  texts: Texts,
  formats: Formats,
): void {
  const current = newest?.[measure];
  element("newest-label").textContent =
    measure === "shares" ? texts.title : measureLabel(measure, market, texts);
  element("newest").textContent = formatOrNone(current, (value) =>
    measure === "shares"
      ? interpolate(texts.sharesValue, { shares: formats.count(value) })
      : formats.percent(value),
  );
  element("newest-date").textContent = newest ? interpolate(texts.asOf, { date: newest.date }) : "";
  const change = element("change");
  change.textContent = changeText(current ?? null, previous?.[measure] ?? null, previous?.date ?? "");
  colorBySign(change, changeOf("plain", current, previous?.[measure], texts, formats)?.sign ?? 0);

  /** The change since the row before; empty if either value is missing. */
  function changeText(value: NumericValue, before: NumericValue, date: string): string {
    if (value === null || before === null) return "";
    const delta = formats.signed(difference(value, before));
    if (measure === "percent") return interpolate(texts.changeInPoints, { points: delta, date });
    const relative = relativeChange(value, before);
    const percent = relative === undefined ? NO_VALUE : formats.signedPercent(relative);
    return interpolate(texts.change, { shares: delta, percent, date });
  }
}
