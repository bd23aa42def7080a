/**
 * The kind of `nextKey`:
 * - `timestamp`: the documented one, the timestamp of the last row
 * - `offset`: the number of rows before the next page
 * - `opaque`: a text
 * - `bound`: a text that is refused with another `num` than that of its walk
 * - `page number`: means another row with another `num`
 * - `loop`: a text that leads to an earlier row
 */
export type CursorKind = "timestamp" | "offset" | "opaque" | "bound" | "page number" | "loop";

/** The cursors that lead each row once. */
export const CURSOR_KINDS = ["timestamp", "offset", "opaque", "bound", "page number"] as const;

/**
 * The cursor of the next page.
 * @param to the number of rows before it
 * @param timestamp of the last row before it
 */
export function cursorOf(kind: CursorKind, to: number, timestamp: bigint, num: number): string {
  switch (kind) {
    case "timestamp":
      return String(timestamp);
    case "offset":
      return String(to);
    case "opaque":
      return `after-${to}`;
    case "bound":
      return `after-${to}/${num}`;
    case "page number":
      return String(Math.ceil(to / num) + 1);
    case "loop":
      return `after-${to % 150 === 0 ? 50 : to}`;
  }
}

/** The index of the first row of a page; NaN for a cursor that OpenD refuses. */
export function startOf(
  kind: CursorKind,
  history: readonly { readonly timestamp: bigint }[],
  nextKey: string,
  num: number,
): number {
  if (nextKey === "") return 0;
  if (kind === "offset") return Number(nextKey);
  if (kind === "page number") return (Number(nextKey) - 1) * num;
  if (kind === "opaque" || kind === "loop") return Number(/^after-(\d+)$/.exec(nextKey)?.[1] ?? Number.NaN);
  if (kind === "bound") {
    const [, to, bound] = /^after-(\d+)\/(\d+)$/.exec(nextKey) ?? [];
    return Number(bound) === num ? Number(to) : Number.NaN;
  }
  if (Number.isNaN(Number(nextKey))) return Number.NaN;
  const index = history.findIndex((row) => row.timestamp < Number(nextKey));
  return index < 0 ? history.length : index;
}
