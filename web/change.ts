import type { NumericValue } from "./api.ts";
import { type Formats, NO_VALUE } from "./formats.ts";
import { interpolate, type Texts } from "./texts.ts";

/** A change against the row before, ready to show. Its sign selects the color. */
export interface Change {
  readonly text: string;
  readonly sign: number;
}

/** Difference of two values. Counts stay exact past 2^53. */
export function difference(current: number | bigint, previous: number | bigint): number | bigint {
  return Number.isInteger(Number(current)) && Number.isInteger(Number(previous))
    ? BigInt(current) - BigInt(previous)
    : Number(current) - Number(previous);
}

/** Relative change in percent; undefined without a base. */
export function relativeChange(current: NumericValue, previous: NumericValue): number | undefined {
  if (current === null || previous === null || Number(previous) === 0) return undefined;
  return (Number(difference(current, previous)) / Number(previous)) * 100;
}

/** How a value changes: `amount` and `price` also in percent, `points` in percentage points, `plain` in its own unit. */
export type ChangeKind = "amount" | "price" | "points" | "plain";

export function changeOf(
  kind: ChangeKind,
  current: NumericValue | undefined,
  previous: NumericValue | undefined,
  texts: Texts,
  formats: Formats,
): Change | undefined {
  if (current == null || previous == null) return undefined;
  const delta = difference(current, previous);
  const text = kind === "price" ? formats.signedPrice(delta) : formats.signed(delta);
  const sign = Math.sign(Number(delta));
  if (kind === "plain") return { text, sign };
  if (kind === "points") return { text: interpolate(texts.points, { points: text }), sign };
  const percent = relativeChange(current, previous);
  const relative = percent === undefined ? NO_VALUE : formats.signedPercent(percent);
  return { text: interpolate(texts.changeShort, { change: text, percent: relative }), sign };
}

/** Colors an element by the sign of a change. The text has the sign too: color alone is not accessible. */
export function colorBySign(element: HTMLElement, sign: number): void {
  element.classList.toggle("up", sign > 0);
  element.classList.toggle("down", sign < 0);
}
