/** A query parameter. */
interface QueryParameter {
  /** Decoded, or raw if it is not percent-encoded UTF-8. */
  readonly name: string;
  /** Undefined if the name or the value is not percent-encoded UTF-8. */
  readonly value: string | undefined;
}

/**
 * Reads the query of a URL. For bytes that are not UTF-8, `URLSearchParams` returns U+FFFD and Hono returns their
 * percent-encoding as text. Both hide that the value is invalid.
 */
export function readQuery(url: string): QueryParameter[] {
  const pairs = new URL(url).search.slice(1).split("&");
  return pairs.filter((pair) => pair !== "").map(decodeParameter);
}

/** Decodes one `name=value` of a query. */
export function decodeParameter(pair: string): QueryParameter {
  const [rawName = "", ...rest] = pair.split("=");
  const name = decode(rawName);
  return name === undefined ? { name: rawName, value: undefined } : { name, value: decode(rest.join("=")) };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    // A percent sign without two hex digits, or not UTF-8.
    return undefined;
  }
}
