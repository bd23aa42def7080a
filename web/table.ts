/** A column of the table: what it is called, and what stands in it. */
export interface TableColumn {
  readonly label: string;
  readonly valueAt: (day: string) => number | bigint | string | null;
  readonly format: (value: number | bigint) => string;
}

/** A table with a row for each day, that is sorted by the column whose heading is pressed. */
export function createTable(table: HTMLTableElement) {
  let sorted = { at: 0, ascending: false };
  let shown: { caption: string; columns: readonly TableColumn[]; days: readonly string[] } | undefined;

  function draw(caption: string, columns: readonly TableColumn[], days: readonly string[]): void {
    const labels = (all: readonly TableColumn[]) => all.map(({ label }) => label).join();
    if (shown && labels(shown.columns) !== labels(columns)) sorted = { at: 0, ascending: false };
    shown = { caption, columns, days };
    const headings: (Element | null)[] = [...(table.tHead?.querySelectorAll("button") ?? [])];
    const focused = headings.indexOf(document.activeElement);
    const head = document.createElement("tr");
    head.append(...columns.map(heading));
    const by = columns[sorted.at];
    const rows = (by ? ordered(days, by) : days).map((day) => rowOf(columns, day));
    table.tHead?.replaceChildren(head);
    table.tBodies[0]?.replaceChildren(...rows);
    if (table.caption) table.caption.textContent = caption;
    if (focused >= 0) table.tHead?.querySelectorAll("button")[focused]?.focus();
  }

  function heading({ label }: TableColumn, at: number): HTMLElement {
    const cell = document.createElement("th");
    cell.scope = "col";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    if (at === sorted.at) cell.ariaSort = sorted.ascending ? "ascending" : "descending";
    button.addEventListener("click", () => {
      sorted = { at, ascending: at === sorted.at && !sorted.ascending };
      if (shown) draw(shown.caption, shown.columns, shown.days);
    });
    cell.append(button);
    return cell;
  }

  /** What is not known comes last, either way. */
  function ordered(days: readonly string[], { valueAt }: TableColumn): string[] {
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
  for (const [at, { valueAt, format }] of columns.entries()) {
    const cell = document.createElement(at === 0 ? "th" : "td");
    if (cell instanceof HTMLTableCellElement && at === 0) cell.scope = "row";
    const value = valueAt(day);
    cell.textContent = value === null ? "–" : typeof value === "string" ? value : format(value);
    row.append(cell);
  }
  return row;
}
