import { readFile } from "node:fs/promises";

/** The one block of this language in the README that has `text` in it. */
export async function blockOf(language: string, text: string): Promise<string> {
  const readme = await readFile("README.md", "utf8");
  const blocks = [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  const found = blocks.filter(([, name, block]) => name === language && block?.includes(text));
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${language} have ${text}`);
  return found[0]?.[2] ?? "";
}
