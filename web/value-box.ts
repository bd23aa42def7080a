import { colorBySign } from "./change.ts";
import { formatOrNone } from "./formats.ts";
import { createMark } from "./panel.ts";
import type { Panel } from "./series.ts";

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
      const { text = "", sign = 0 } = series.changeAt(day) ?? {};
      value.textContent = formatOrNone(series.values.get(day), series.format);
      change.textContent = text;
      colorBySign(change, sign);
    }
  }

  return { element: box, show };
}

function cell(name: string): HTMLElement {
  const made = document.createElement("span");
  made.className = name;
  return made;
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
      const value = labelled(series.label, formatOrNone(series.values.get(day), series.format));
      return [value, series.changeAt(day)?.text ?? ""].filter((text) => text !== "");
    });
}
