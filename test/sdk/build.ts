import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

/**
 * Builds a program below `node_modules/.cache/sdk`, or reuses a complete build of the same sources.
 *
 * @param name of the program, and of its source folder below `test/sdk`
 * @param build writes the program to the given folder, which is empty
 * @returns the folder of the program
 * @throws Error if the build fails
 */
export async function buildOnce(
  name: string,
  build: (directory: string) => Promise<unknown>,
): Promise<string> {
  const directory = resolve("node_modules/.cache/sdk", name);
  // Written last: a build without it is incomplete.
  const marker = join(directory, "complete");
  const digest = await digestOf([`test/sdk/${name}`, `test/sdk/${name}.test.ts`, "proto"]);
  if (existsSync(marker) && (await readFile(marker, "utf8")) === digest) return directory;
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await build(directory);
  await writeFile(marker, digest);
  return directory;
}

/** The SHA-256 of files and of the files in folders. */
async function digestOf(paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of paths) {
    const isFile = path.endsWith(".ts");
    const files = isFile ? [path] : (await readdir(path)).sort().map((file) => join(path, file));
    for (const file of files) hash.update(`${file}\0`).update(await readFile(file));
  }
  return hash.digest("hex");
}
