import { decodeParameter } from "./query.ts";

/** The parameter of a URL that may hold an API key. */
const NAME = "key";

/**
 * Takes the API key out of a URL, so that nothing that gets the URL can store or repeat the key.
 * @returns undefined if the URL has no parameter `key`; the key is empty if the parameter has no valid value
 */
export function takeQueryKey(url: string): { readonly url: string; readonly key: string } | undefined {
  if (!url.includes("?")) return undefined;
  const target = new URL(url);
  const pairs = target.search.slice(1).split("&");
  const isKey = (pair: string) => decodeParameter(pair).name === NAME;
  const found = pairs.filter(isKey);
  if (found.length === 0) return undefined;
  const rest = pairs.filter((pair) => !isKey(pair)).join("&");
  // With an explicit question mark, the setter keeps one that begins a parameter.
  target.search = rest === "" ? "" : `?${rest}`;
  // No known key has two values, so a repeated one is refused.
  const key = found.map((pair) => decodeParameter(pair).value ?? "").join("&");
  return { url: target.href, key };
}
