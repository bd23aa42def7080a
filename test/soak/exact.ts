declare global {
  interface JSON {
    /** Not yet in TypeScript's own declarations: the reviver is told how a number was written. */
    parse(
      text: string,
      reviver: (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
  }
}

/**
 * Reads JSON so that no digit is lost: a number becomes a text of its own digits after a `#`, which none of our texts
 * begins with. Two such values are the same where `JSON.stringify` makes the same of them.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_, value, { source }) => (typeof value === "number" ? `#${source}` : value));
}

/** How `parseExactly` reads a number. */
export function exactly(number: number | bigint): string {
  return `#${number}`;
}

export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
