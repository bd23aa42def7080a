import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

/** Licences that require only attribution, or nothing. */
const PERMISSIVE = new Set([
  "MIT",
  "ISC",
  "0BSD",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "Apache-2.0",
  "CC0-1.0",
  "Unlicense",
  "Python-2.0",
  "BlueOak-1.0.0",
]);
/** Licences with more conditions for redistribution. They are allowed for tools, which are not redistributed. */
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

/** Whether `known` has one alternative of an SPDX expression: each license that `AND` joins. */
function isAmong(known: ReadonlySet<string>, license = ""): boolean {
  const choices = license.replace(/[()]/g, "").split(" OR ");
  return choices.some((choice) => choice.split(" AND ").every((name) => known.has(name)));
}

it("bundled packages have a permissive license", () => {
  const shipped = packages.filter(([, { dev }]) => dev !== true);
  expect(shipped.length).toBeGreaterThan(0);
  expect(shipped.filter(([, { license }]) => !isAmong(PERMISSIVE, license))).toEqual([]);
});

it("development tools have a permissive license or one allowed for tools", () => {
  const known = new Set([...PERMISSIVE, ...FOR_TOOLS]);
  expect(packages.filter(([, { license }]) => !isAmong(known, license))).toEqual([]);
});

it("the lock file contains no download address, so that npm uses the configured registry", () => {
  const elsewhere = Object.entries(lock.packages).filter(([, entry]) => "resolved" in entry && !entry.link);
  expect(elsewhere).toEqual([]);
});
