import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Package {
  readonly hasInstallScript?: boolean;
}

const lock: { packages: Readonly<Record<string, Package>> } = JSON.parse(
  readFileSync("package-lock.json", "utf8"),
);
const { allowScripts }: { allowScripts: Readonly<Record<string, boolean>> } = JSON.parse(
  readFileSync("package.json", "utf8"),
);

it("allowScripts lists exactly the packages of the lock file that have an install script", () => {
  const withScript = Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript);
  const names = withScript.map(([path]) => path.replace(/^.*node_modules\//, ""));
  expect([...new Set(names)].sort()).toEqual(Object.keys(allowScripts).sort());
});

it("npm rebuild in SECURITY.md lists exactly the packages whose install scripts are allowed", () => {
  const [, rebuilt = ""] = /^npm rebuild (.+)$/m.exec(readFileSync("SECURITY.md", "utf8")) ?? [];
  const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name]);
  expect(rebuilt.split(" ").sort()).toEqual(allowed.sort());
});
