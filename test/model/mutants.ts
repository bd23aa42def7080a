/** A script with a seeded defect, by which a check shows that it can fail. */
export interface Mutant {
  readonly defect: string;
  /** The text of the whole script. */
  readonly script: string;
  /** A part of the script that occurs once, and its replacement. */
  readonly part: string;
  readonly replacement: string;
  /** How the message of the expected failure begins. */
  readonly breaks: string;
}

/**
 * Replaces the script of a mutant, and leaves all others as they are.
 * @throws Error if the part does not occur exactly once: the script has changed, and the mutant must follow
 */
export function rewriteOf({ defect, script, part, replacement }: Mutant): (script: string) => string {
  const [before, after, ...more] = script.split(part);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error(`The part to replace must occur once: ${defect}`);
  }
  return (text) => (text === script ? before + replacement + after : text);
}
