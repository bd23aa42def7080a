/** A script with a deliberate defect. The check must detect it. */
export interface Mutant {
  readonly defect: string;
  /** The source of the script. */
  readonly script: string;
  /** A part of the source that occurs exactly once. */
  readonly original: string;
  readonly replacement: string;
  /** The start of the expected error message. */
  readonly expectedMessage: string;
  /** The history of the test's seed to begin with, for a rare defect. It saves time only. The default is 0. */
  readonly firstHistory?: number;
}

/**
 * Returns a function that adds the defect to the mutant's script, and does not change other scripts.
 * @throws Error if `original` does not occur exactly once, because the script was changed without its mutants
 */
export function rewriteOf({ defect, script, original, replacement }: Mutant): (script: string) => string {
  const [before, after, ...more] = script.split(original);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`The original text must occur once in the script: ${defect}`);
  }
  return (source) => (source === script ? before + replacement + after : source);
}
