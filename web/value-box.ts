import { type Change, colorBySign } from "./change.ts";
import { formatOrNone } from "./formats.ts";
import { createMark } from "./panel.ts";
import type { Panel, Series } from "./series.ts";

const NO_CHANGE: Change = { text: "", sign: 0 };

/** Creates the box that shows the values of one day: a row for each series, with its change against the row before. */
export function createValueBox(panels: readonly Panel[]) {
  const box = document.createElement("div");
  box.className = panels.some(({ title }) => title !== "") ? "values compared" : "values";
  const date = document.createElement("strong");
  box.append(date);
  const rows = panels.flatMap(({ title, series }) =>
    series.map((one, index) => {
      const [name, value, change] = [cell("name"), cell("value"), cell("change")];
      name.append(createMark(one, title === "" ? 0 : index), one.label);
      box.append(name, value, change);
      return { series: one, value, change };
    }),
  );

  function show(day: string): void {
    date.textContent = day;
    for (const { series, value, change } of rows) {
      const shown = valueOn(series, day);
      value.textContent = shown.value;
      change.textContent = shown.change.text;
      colorBySign(change, shown.change.sign);
    }
  }

  return { element: box, show };
}

function cell(name: string): HTMLElement {
  const made = document.createElement("span");
  made.className = name;
  return made;
}

/** The value and the change on a day. An older value has its date in place of the change. */
function valueOn(series: Series, day: string): { value: string; change: Change } {
  const shownDay = series.lastDay?.(day) ?? day;
  return {
    value: formatOrNone(series.values.get(shownDay), series.format),
    change: shownDay === day ? (series.changeAt(day) ?? NO_CHANGE) : { text: shownDay, sign: 0 },
  };
}

/** The values of one day as a sentence, for screen readers. */
export function valuesText(
  panels: readonly Panel[],
  day: string,
  labelled: (label: string, value: string) => string,
) {
  return panels
    .flatMap(({ series }) => series)
    .flatMap((series) => {
      const { value, change } = valueOn(series, day);
      return [labelled(series.label, value), change.text].filter((text) => text !== "");
    });
}
