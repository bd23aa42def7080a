import { copyFile, mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

/** Part of wrangler's `[build]`: copies Swagger UI and its license into the static assets of `/docs`. */

const SOURCE = "node_modules/swagger-ui-dist";
const OUTPUT = "public/docs/swagger-ui";
const FILES = [
  "LICENSE",
  "NOTICE",
  "swagger-ui-bundle.js",
  "swagger-ui-bundle.js.LICENSE.txt",
  "swagger-ui.css",
];

await mkdir(OUTPUT, { recursive: true });
for (const name of FILES) {
  const [source, target] = [join(SOURCE, name), join(OUTPUT, name)];
  const [contents, current] = await Promise.all([readFile(source), readFile(target).catch(() => undefined)]);
  if (current?.equals(contents)) continue;
  // Written atomically: another Worker that starts at the same time must not read a part of the file.
  const temporary = join("node_modules", `.${name}.${process.pid}`);
  await copyFile(source, temporary);
  await rename(temporary, target);
}
