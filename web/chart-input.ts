/** The chart, as its input sees it. Positions are in pixels from the left edge of the window. */
export interface ChartTarget {
  /** Number of rows. */
  readonly count: () => number;
  readonly selected: () => number;
  readonly indexAt: (x: number) => number;
  readonly select: (index: number) => void;
  /** Shows or hides crosshair and value box. */
  readonly setActive: (isActive: boolean) => void;
  /** Marks the part that a drag has covered so far; null removes the mark. */
  readonly mark: (range: readonly [from: number, to: number] | null) => void;
  readonly zoom: (range: readonly [from: number, to: number] | null) => void;
}

/** A shorter movement is a click. */
const MIN_DRAG_PX = 8;
/** Page keys move by this fraction of all rows. */
const PAGE = 0.1;

/**
 * Connects mouse, touch and keyboard to the chart. A mouse drag zooms. A finger moves the crosshair, as a drag of one
 * finger is the only way to read all values by touch.
 */
export function connectInput(frame: HTMLElement, target: ChartTarget): void {
  let dragFrom: number | undefined;

  const endDrag = () => {
    dragFrom = undefined;
    target.mark(null);
  };
  const isDrag = (x: number): boolean => dragFrom !== undefined && Math.abs(x - dragFrom) >= MIN_DRAG_PX;
  const read = (x: number) => {
    target.select(target.indexAt(x));
    target.setActive(true);
  };

  frame.addEventListener("pointerdown", (event) => {
    if (target.count() === 0 || event.button !== 0) return;
    // A touch is captured by its target already, unless the page scrolls.
    if (event.pointerType === "mouse") {
      frame.setPointerCapture(event.pointerId);
      dragFrom = event.clientX;
    }
    read(event.clientX);
  });
  frame.addEventListener("pointermove", (event) => {
    if (target.count() === 0) return;
    read(event.clientX);
    target.mark(dragFrom !== undefined && isDrag(event.clientX) ? [dragFrom, event.clientX] : null);
  });
  frame.addEventListener("pointerup", (event) => {
    const from = dragFrom;
    const zoomed = isDrag(event.clientX);
    endDrag();
    if (zoomed && from !== undefined) target.zoom([from, event.clientX]);
  });
  frame.addEventListener("pointercancel", endDrag);
  frame.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse" && !frame.matches(":focus-visible")) target.setActive(false);
  });
  frame.addEventListener("dblclick", () => target.zoom(null));
  frame.addEventListener("focus", () => frame.matches(":focus-visible") && target.setActive(true));
  frame.addEventListener("blur", () => target.setActive(false));
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (dragFrom === undefined) target.zoom(null);
      endDrag();
      return;
    }
    const index = indexFor(event.key, target.selected(), target.count());
    if (index === undefined) return;
    event.preventDefault();
    target.select(index);
    target.setActive(true);
  });
}

/** The row that a key of a slider leads to; undefined for other keys. */
function indexFor(key: string, index: number, count: number): number | undefined {
  const page = Math.max(1, Math.round(count * PAGE));
  const moved = {
    ArrowLeft: index - 1,
    ArrowDown: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index + 1,
    PageDown: index - page,
    PageUp: index + page,
    Home: 0,
    End: count - 1,
  }[key];
  return moved === undefined ? undefined : Math.max(0, Math.min(count - 1, moved));
}
