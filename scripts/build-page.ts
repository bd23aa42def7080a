import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { TEXTS } from "../web/texts.ts";
import { escapeHtml, replaceFile } from "./static-files.ts";

/**
 * Part of wrangler's `[build]`: builds the web UI from `web/` into the static assets. The names of the script and the
 * style sheet contain a hash of their content, so that browsers may cache them forever. Each language has its own HTML.
 */

const OUTPUT = "public/page";

const uplotLicence = (await readFile("node_modules/uplot/LICENSE", "utf8")).trim();

const { outputFiles } = await build({
  entryPoints: ["web/main.ts", "web/page.css"],
  entryNames: "[name].[hash]",
  outdir: OUTPUT,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome120", "firefox121", "safari17.4"],
  banner: { js: `/*! uPlot, ${uplotLicence.replaceAll("\n", " ")} */` },
  write: false,
});

const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]));
const pathOf = (extension: string) => `/page/${[...files.keys()].find((name) => name.endsWith(extension))}`;
const template = await readFile("web/page.html", "utf8");
for (const [lang, texts] of Object.entries(TEXTS)) {
  const values = new Map(Object.entries({ ...texts, js: pathOf(".js"), css: pathOf(".css") }));
  const html = template
    .replace('lang="en"', `lang="${lang}"`)
    .replace(/\{\{(\w+)\}\}/g, (_, name: string) => escapeHtml(values.get(name) ?? fail(name)));
  files.set(`${lang}.html`, Buffer.from(html));
}

await mkdir(OUTPUT, { recursive: true });
for (const [name, contents] of files) await replaceFile(join(OUTPUT, name), contents);
for (const name of await readdir(OUTPUT)) if (!files.has(name)) await rm(join(OUTPUT, name), { force: true });

function fail(name: string): never {
  throw new Error(`web/page.html uses {{${name}}}, which web/texts/en.ts does not define`);
}
