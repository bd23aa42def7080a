import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** Licences that ask for no more than to be named. */
const PERMISSIVE = new Set([
  "MIT",
  "ISC",
  "0BSD",
  "BSD-3-Clause",
  "Apache-2.0",
  "CC0-1.0",
  "Unlicense",
  "Python-2.0",
]);
/** Licences that ask for more of who passes it on; these are tools, and none of it is passed on. */
const FOR_TOOLS = new Set(["MPL-2.0", "LGPL-3.0-or-later"]);

interface Package {
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}

const lock: { packages: Readonly<Record<string, Package>> } = JSON.parse(
  readFileSync("package-lock.json", "utf8"),
);
const packages = Object.entries(lock.packages).filter(
  ([path, { link }]) => path.includes("node_modules/") && !link,
);

/** Whether one of the licences offered, or each of those that apply together, is among `known`. */
function isAmong(known: ReadonlySet<string>, license = ""): boolean {
  const choices = license.replace(/[()]/g, "").split(" OR ");
  return choices.some((choice) => choice.split(" AND ").every((each) => known.has(each)));
}

it("goes to the edge only under a permissive licence", () => {
  const shipped = packages.filter(([, { dev }]) => dev !== true);
  expect(shipped.length).toBeGreaterThan(0);
  expect(shipped.filter(([, { license }]) => !isAmong(PERMISSIVE, license))).toEqual([]);
});

it("is a tool only under a licence that is known", () => {
  const known = new Set([...PERMISSIVE, ...FOR_TOOLS]);
  expect(packages.filter(([, { license }]) => !isAmong(known, license))).toEqual([]);
});

it("comes from no other place than the registry that npm is set to", () => {
  const elsewhere = Object.entries(lock.packages).filter(([, entry]) => "resolved" in entry && !entry.link);
  expect(elsewhere).toEqual([]);
});
