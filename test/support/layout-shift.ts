import type { Page } from "playwright-core";

/** Cumulative layout shift of a page, as browsers report it: the largest sum of a session window. */

/** A window ends after a pause of this length, in milliseconds. */
const PAUSE_MS = 1_000;
/** Longest window, in milliseconds. */
const MAX_WINDOW_MS = 5_000;

interface Shift {
  /** Milliseconds since the navigation. */
  readonly time: number;
  readonly value: number;
  /** The elements that moved. */
  readonly moved: readonly string[];
}

/** Records the shifts of the pages that are opened afterwards. */
export async function recordShifts(page: Page): Promise<void> {
  await page.addInitScript(`
    window.layoutShifts = [];
    new PerformanceObserver((list) => {
      for (const { startTime, value, hadRecentInput, sources } of list.getEntries()) {
        const moved = sources.map(({ node }) => node ? node.nodeName + (node.id ? "#" + node.id : "") : "");
        if (!hadRecentInput) window.layoutShifts.push({ time: startTime, value, moved });
      }
    }).observe({ type: "layout-shift", buffered: true });
  `);
}

/** The recorded shifts. Waits for two frames, because the browser reports a shift after its frame. */
export async function shiftsOf(page: Page): Promise<readonly Shift[]> {
  return page.evaluate<Shift[]>(
    "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(window.layoutShifts))))",
  );
}

export function cumulativeShift(shifts: readonly Shift[]): number {
  let [largest, sum, first, last] = [0, 0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { time, value } of shifts) {
    const continues = time - last < PAUSE_MS && time - first < MAX_WINDOW_MS;
    sum = continues ? sum + value : value;
    if (!continues) first = time;
    last = time;
    largest = Math.max(largest, sum);
  }
  return largest;
}
