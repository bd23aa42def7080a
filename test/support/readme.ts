import { globSync, readFileSync } from "node:fs";

/** The documents that tests hold to the truth. */

/** Documents in English about the program as it is now. */
export const DOCUMENTS: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...globSync(["docs/*.md", "examples/*.md"]).sort(),
];

/** A fenced block; it may be indented in a list. */
const BLOCK = /^ *```(\w+)\n([\s\S]*?)^ *```$/gm;

export interface Block {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a document, in order. */
export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(BLOCK)].map(([, language = "", text = ""]) => ({ language, text }));
}

/** A document without its fenced blocks. */
export function proseOf(markdown: string): string {
  return markdown.replace(BLOCK, "");
}

/** The rows of all tables, as trimmed cells. Headers and separators are rows too. */
export function tableRowsOf(markdown: string): string[][] {
  const rows = proseOf(markdown).matchAll(/^ *\|(.*)\| *$/gm);
  return [...rows].map(([, row = ""]) => row.split("|").map((cell) => cell.trim()));
}

/** The text below a heading, up to the next heading of the same or a higher level. */
export function sectionOf(markdown: string, heading: string): string {
  const [level = ""] = /^#+/.exec(heading) ?? [];
  const [, after] = `\n${markdown}`.split(`\n${heading}\n`);
  if (after === undefined) throw new Error(`No heading ${heading}`);
  return after.split(new RegExp(`^#{1,${level.length}} `, "m"))[0] ?? "";
}

/**
 * The one block of a language that contains `text`, of all documents.
 * @throws Error without such a block, and with several
 */
export async function blockOf(language: string, text: string): Promise<string> {
  const blocks = DOCUMENTS.flatMap((path) => blocksOf(readFileSync(path, "utf8")));
  const found = blocks.filter((block) => block.language === language && block.text.includes(text));
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${language} contain ${text}`);
  return found[0]?.text ?? "";
}

/** The HTTP status of each error code in the table of docs/api.md. */
export async function documentedProblems(): Promise<ReadonlyMap<string, number>> {
  const rows = tableRowsOf(sectionOf(readFileSync("docs/api.md", "utf8"), "## Errors"));
  const problems = rows.flatMap(([status = "", code = ""]) =>
    /^\d{3}$/.test(status) ? [[code.replaceAll("`", ""), Number(status)] as const] : [],
  );
  if (problems.length === 0) throw new Error("docs/api.md has no table of errors");
  return new Map(problems);
}
