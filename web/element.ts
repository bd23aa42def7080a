/**
 * The element of web/page.html with this id.
 * @param kind its class, which is looked at
 */
export function element<Kind extends HTMLElement = HTMLElement>(id: string, kind?: new () => Kind): Kind {
  const found = document.getElementById(id);
  const wanted = kind ?? HTMLElement;
  if (!(found instanceof wanted)) throw new Error(`There is no ${wanted.name} ${id}`);
  return found as Kind;
}
