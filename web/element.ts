/** The element of `web/page.html` with this id. */
export function element(id: string): HTMLElement;
/** @throws Error unless the element is an instance of `kind` */
export function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind;
export function element(id: string, kind = HTMLElement): HTMLElement {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`page.html has no ${kind.name} with id ${id}`);
  return found;
}
