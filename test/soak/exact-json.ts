declare global {
  interface JSON {
    /** TypeScript does not declare yet that the reviver gets the source text of a number. */
    parse(
      text: string,
      reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
}

/**
 * Parses JSON without losing digits: a number becomes a string of `#` and its digits. No string of ours begins with
 * `#`. Two results are equal if `JSON.stringify` gives the same text.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_, value, { source }) => (typeof value === "number" ? `#${source}` : value));
}

/** The result of `parseExactly` for a number. */
export function exactly(number: number | bigint): string {
  return `#${number}`;
}

export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
