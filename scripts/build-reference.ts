import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { openapiJson } from "../functions/openapi/document.ts";
import type { Document } from "./reference/openapi.ts";
import { referencePage } from "./reference/page.ts";
import { replaceFile } from "./static-files.ts";

/** Part of wrangler's `[build]`: renders `/docs` from the OpenAPI document. Browsers need no script to read it. */

const OUTPUT = "public/docs";

const { outputFiles } = await build({
  entryPoints: ["web/reference/try-it.ts", "web/reference/reference.css"],
  entryNames: "[name].[hash]",
  outdir: OUTPUT,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome120", "firefox121", "safari17.4"],
  write: false,
});
const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), contents]));
const pathOf = (extension: string) => `/docs/${[...files.keys()].find((name) => name.endsWith(extension))}`;

const document: Document = JSON.parse(openapiJson("optional"));
const template = await readFile("web/reference/page.html", "utf8");
const page = referencePage(template, document)
  .replace("{{css}}", pathOf(".css"))
  .replace("{{js}}", pathOf(".js"));

await mkdir(OUTPUT, { recursive: true });
for (const [name, contents] of files) await replaceFile(join(OUTPUT, name), contents);
for (const name of await readdir(OUTPUT)) {
  if (!files.has(name)) await rm(join(OUTPUT, name), { recursive: true });
}
await replaceFile("public/docs.html", Buffer.from(page));
