import { copyFile, mkdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

/** wrangler's `[build]`: puts what `/docs` needs of Swagger UI, and its licence, where assets are served from. */

const FROM = "node_modules/swagger-ui-dist";
const TO = "public/docs/swagger-ui";
const FILES = [
  "LICENSE",
  "NOTICE",
  "swagger-ui-bundle.js",
  "swagger-ui-bundle.js.LICENSE.txt",
  "swagger-ui.css",
];

await mkdir(TO, { recursive: true });
for (const name of FILES) {
  const [from, to] = [join(FROM, name), join(TO, name)];
  const [wanted, there] = await Promise.all([readFile(from), readFile(to).catch(() => undefined)]);
  if (there?.equals(wanted)) continue;
  // Another Worker that starts just now may read the directory: it must never see half a file.
  const whole = join("node_modules", `.${name}.${process.pid}`);
  await copyFile(from, whole);
  await rename(whole, to);
}
