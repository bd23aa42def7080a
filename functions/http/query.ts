/** A parameter of a query. */
interface QueryParameter {
  /** As it was sent, where it is not percent-encoded UTF-8. */
  readonly name: string;
  /** Undefined where the name or the value is not percent-encoded UTF-8. */
  readonly value: string | undefined;
}

/**
 * Reads the query of a URL. `URLSearchParams` replaces bytes that are not UTF-8 by U+FFFD, and Hono keeps their
 * percent-encoding as text; both would pass off something else as the value that was sent.
 */
export function readQuery(url: string): QueryParameter[] {
  const pairs = new URL(url).search.slice(1).split("&");
  return pairs.filter((pair) => pair !== "").map(readParameter);
}

function readParameter(pair: string): QueryParameter {
  const [rawName = "", ...rest] = pair.split("=");
  const name = decode(rawName);
  return name === undefined ? { name: rawName, value: undefined } : { name, value: decode(rest.join("=")) };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    // Not two hex digits after a percent sign, or not UTF-8.
    return undefined;
  }
}
