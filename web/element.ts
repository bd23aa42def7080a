/** The element of web/page.html with this id. */
export function element(id: string): HTMLElement;
/** @param kind its class, which is looked at */
export function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind;
export function element(id: string, kind = HTMLElement): HTMLElement {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`There is no ${kind.name} ${id}`);
  return found;
}
