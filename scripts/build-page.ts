import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { TEXTS } from "../web/texts.ts";

/**
 * wrangler's `[build]`: makes of `web/` what `/` needs, where assets are served from. The script and the style sheet
 * are named after what is in them, so that browsers may keep them for good. There is an HTML file for each language.
 */

const TO = "public/page";

const uplotLicence = (await readFile("node_modules/uplot/LICENSE", "utf8")).trim();

const { outputFiles } = await build({
  entryPoints: ["web/main.ts", "web/page.css"],
  entryNames: "[name].[hash]",
  outdir: TO,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome120", "firefox121", "safari17.4"],
  banner: { js: `/*! uPlot, ${uplotLicence.replaceAll("\n", " ")} */` },
  write: false,
});

const files = new Map(outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]));
const named = (ending: string) => `/page/${[...files.keys()].find((name) => name.endsWith(ending))}`;
const template = await readFile("web/page.html", "utf8");
for (const [lang, texts] of Object.entries(TEXTS)) {
  const values = new Map(Object.entries({ ...texts, js: named(".js"), css: named(".css") }));
  const html = template
    .replace('lang="en"', `lang="${lang}"`)
    .replace(/\{\{(\w+)\}\}/g, (_, name: string) => escaped(values.get(name) ?? fail(name)));
  files.set(`${lang}.html`, Buffer.from(html));
}

await mkdir(TO, { recursive: true });
for (const [name, contents] of files) await put(join(TO, name), contents);
for (const name of await readdir(TO)) if (!files.has(name)) await rm(join(TO, name));

/** Another Worker that starts just now may read the directory: it must never see half a file. */
async function put(path: string, contents: Buffer): Promise<void> {
  const there = await readFile(path).catch(() => undefined);
  if (there?.equals(contents)) return;
  const whole = join("node_modules", `.${basename(path)}.${process.pid}`);
  await writeFile(whole, contents);
  await rename(whole, path);
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function fail(name: string): never {
  throw new Error(`web/page.html wants {{${name}}}, which web/texts.ts does not have`);
}
