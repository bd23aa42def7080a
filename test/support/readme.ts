import { readFile } from "node:fs/promises";

/** The one block of this language in the README that has `text` in it. */
export async function blockOf(language: string, text: string): Promise<string> {
  const readme = await readFile("README.md", "utf8");
  const blocks = [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  const found = blocks.filter(([, name, block]) => name === language && block?.includes(text));
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${language} have ${text}`);
  return found[0]?.[2] ?? "";
}

/** The status of each problem by its code, as the README's table has them. */
export async function problemsInReadme(): Promise<ReadonlyMap<string, number>> {
  const readme = await readFile("README.md", "utf8");
  const rows = readme.matchAll(/^\| ([\d, ]+) \| (`[a-z_`, ]+) \|/gm);
  const problems = [...rows].flatMap(([, statuses = "", codes = ""]) => {
    const each = statuses.split(", ").map(Number);
    return [...codes.matchAll(/\w+/g)].map(([code], at) => [code, each[at] ?? each[0] ?? 0] as const);
  });
  if (problems.length === 0) throw new Error("The README has no table of problems");
  return new Map(problems);
}
