import { readFile, rename, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** Code that the builds of static files share. */

/** Writes a file atomically: another Worker that starts at the same time must not read a part of it. */
export async function replaceFile(path: string, contents: Uint8Array): Promise<void> {
  const current = await readFile(path).catch(() => undefined);
  if (current?.equals(contents)) return;
  const temporary = join("node_modules", `.${basename(path)}.${process.pid}`);
  await writeFile(temporary, contents);
  await rename(temporary, path);
}

/** Escapes text for HTML, inside and outside of quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
