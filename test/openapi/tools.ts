import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openapiJson } from "../../functions/openapi/document.ts";

/**
 * `npm run test:openapi` gives both variants of the OpenAPI document to dredd and portman. npx installs them first: they are
 * large, and have many dependencies. So they are not part of CI.
 */
const DREDD = "dredd@14.1.0";
const PORTMAN = "@apideck/portman@1.33.0";
/** Portman's own package does not name it. */
const TSLIB = "tslib@2.8.1";

const folder = mkdtempSync(join(tmpdir(), "openapi-"));
try {
  for (const keys of ["optional", "required"] as const) {
    const path = join(folder, `${keys}.json`);
    writeFileSync(path, openapiJson(keys));
    const names = run(["--package", DREDD, "dredd", path, "http://localhost", "--names"]);
    const transactions = names.split("\n").filter((line) => /info.*: .* > \d{3}/.test(line)).length;
    check(`dredd reads the document with ${keys} keys: ${transactions} transactions`, transactions > 20);
    const collection = join(folder, `${keys}.collection.json`);
    run(["--package", PORTMAN, "--package", TSLIB, "portman", "--local", path, "--output", collection]);
    const { auth }: { auth?: { type: string } } = JSON.parse(readFileSync(collection, "utf8"));
    const expected = keys === "required" ? "bearer" : "noauth";
    check(
      `portman's collection with ${keys} keys has the authentication ${auth?.type}`,
      auth?.type === expected,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Runs a tool in the temporary folder, and returns its output. */
function run(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync("npx", ["--yes", ...args], { cwd: folder, encoding: "utf8" });
  if (status !== 0) throw new Error(`${args.join(" ")} failed:\n${stdout}${stderr}`);
  return `${stdout}${stderr}`;
}

function check(text: string, isTrue: boolean): void {
  console.log(`${isTrue ? "✓" : "×"} ${text}`);
  if (!isTrue) process.exitCode = 1;
}
