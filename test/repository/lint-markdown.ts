import { globSync, readFileSync, writeFileSync } from "node:fs";
import { applyFixes } from "markdownlint";
import { lint, readConfig } from "markdownlint/sync";

/**
 * Lints the Markdown files with the rules of `.markdownlint.json` and exits with 1 after an error.
 * With `--fix` it first applies the fixes that markdownlint offers.
 *
 * This uses the library because markdownlint-cli2 brings packages under licenses that `licenses.test.ts` rejects.
 */
const files = globSync(["*.md", "docs/**/*.md", "examples/*.md", ".github/**/*.md"]).sort();
const config = readConfig(".markdownlint.json");

if (process.argv.includes("--fix")) {
  for (const [file, errors] of Object.entries(lint({ files, config }))) {
    const text = readFileSync(file, "utf8");
    const fixed = applyFixes(text, errors);
    if (fixed !== text) writeFileSync(file, fixed);
  }
}

const messages = Object.entries(lint({ files, config })).flatMap(([file, errors]) =>
  errors.map(({ lineNumber, ruleNames, ruleDescription, errorDetail, errorContext }) => {
    const details = [errorDetail, errorContext].filter((detail) => detail !== null).join(": ");
    return `${file}:${lineNumber} ${ruleNames.join("/")} ${ruleDescription}${details && ` [${details}]`}`;
  }),
);
for (const message of messages) console.error(message);
console.log(`Markdown: ${files.length} files, ${messages.length} errors`);
if (messages.length > 0) process.exitCode = 1;
