/**
 * Redraws the canvas in the light colors, and as wide as paper, while the page is printed. The media of the style sheet
 * changes only after `beforeprint`, so the page has a class for it.
 */
export function redrawOnPrint(redraw: () => void): void {
  const set = (isPrinting: boolean) => {
    document.documentElement.classList.toggle("printing", isPrinting);
    redraw();
  };
  addEventListener("beforeprint", () => set(true));
  addEventListener("afterprint", () => set(false));
  matchMedia("print").addEventListener("change", ({ matches }) => set(matches));
}
