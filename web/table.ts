import { colorBySign } from "./change.ts";
import { NO_VALUE } from "./formats.ts";

export interface TableColumn {
  readonly label: string;
  readonly valueAt: (day: string) => number | bigint | string | null;
  readonly format: (value: number | bigint) => string;
  /** Its values are colored by their sign. */
  readonly isChange?: boolean;
}

/** Creates a table with one row per day. A click on a column heading sorts by that column. */
export function createTable(table: HTMLTableElement) {
  let sorted = { column: 0, ascending: false };
  let shown: { caption: string; columns: readonly TableColumn[]; days: readonly string[] } | undefined;

  function draw(caption: string, columns: readonly TableColumn[], days: readonly string[]): void {
    const labels = (all: readonly TableColumn[]) => all.map(({ label }) => label).join();
    if (shown && labels(shown.columns) !== labels(columns)) sorted = { column: 0, ascending: false };
    shown = { caption, columns, days };
    const headings: (Element | null)[] = [...(table.tHead?.querySelectorAll("button") ?? [])];
    const focused = headings.indexOf(document.activeElement);
    const head = document.createElement("tr");
    head.append(...columns.map(heading));
    const sortColumn = columns[sorted.column];
    const rows = (sortColumn ? sortedBy(sortColumn, days) : days).map((day) => rowOf(columns, day));
    table.tHead?.replaceChildren(head);
    table.tBodies[0]?.replaceChildren(...rows);
    if (table.caption) table.caption.textContent = caption;
    if (focused >= 0) table.tHead?.querySelectorAll("button")[focused]?.focus();
  }

  function heading({ label }: TableColumn, column: number): HTMLElement {
    const cell = document.createElement("th");
    cell.scope = "col";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    if (column === sorted.column) cell.ariaSort = sorted.ascending ? "ascending" : "descending";
    button.addEventListener("click", () => {
      sorted = { column, ascending: column === sorted.column && !sorted.ascending };
      if (shown) draw(shown.caption, shown.columns, shown.days);
    });
    cell.append(button);
    return cell;
  }

  /** Missing values come last in both directions. */
  function sortedBy({ valueAt }: TableColumn, days: readonly string[]): string[] {
    const sign = sorted.ascending ? 1 : -1;
    return days.toSorted((one, other) => {
      const [a, b] = [valueAt(one), valueAt(other)];
      if (a === null || b === null) return Number(a === null) - Number(b === null);
      return a < b ? -sign : a > b ? sign : 0;
    });
  }

  return { draw };
}

function rowOf(columns: readonly TableColumn[], day: string): HTMLElement {
  const row = document.createElement("tr");
  for (const [index, { valueAt, format, isChange }] of columns.entries()) {
    const cell = document.createElement(index === 0 ? "th" : "td");
    if (cell instanceof HTMLTableCellElement && index === 0) cell.scope = "row";
    const value = valueAt(day);
    cell.textContent = value === null ? NO_VALUE : typeof value === "string" ? value : format(value);
    if (isChange) colorBySign(cell, Number(value));
    row.append(cell);
  }
  return row;
}
