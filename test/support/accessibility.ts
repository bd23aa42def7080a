import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const { resolve } = createRequire(import.meta.url);
const AXE = resolve("axe-core/axe.min.js");
const HTMLCS = resolve("html_codesniffer/build/HTMLCS.js");

/** Violations that axe-core finds. */
export async function axeViolationsOn(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(AXE, "utf8"));
  const result = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
    "axe.run()",
  );
  return result.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

/** Violations of WCAG 2 AA that HTML_CodeSniffer finds. */
export async function codeSnifferViolationsOn(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(HTMLCS, "utf8"));
  return page.evaluate<string[]>(`new Promise((done) =>
    HTMLCS.process("WCAG2AA", document, () => done(
      HTMLCS.getMessages()
        .filter(({ type }) => type === HTMLCS.ERROR)
        .map(({ code, msg, element }) => code + ": " + msg + " " + element.outerHTML.slice(0, 200)),
    )))`);
}
