declare global {
  interface JSON {
    /** TypeScript does not yet declare the third argument of the reviver. */
    parse(
      text: string,
      reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
}

/**
 * Parses JSON without losing digits: a number becomes a string of `#` and its digits. No string in our data begins
 * with `#`. Compare results with `isSame`.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_, value, { source }) => (typeof value === "number" ? `#${source}` : value));
}

/** Returns the result of `parseExactly` for a number. */
export function exactly(number: number | bigint): string {
  return `#${number}`;
}

export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
