import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

interface Package {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const lock: { packages: Readonly<Record<string, Package>> } = JSON.parse(
  readFileSync("package-lock.json", "utf8"),
);
const { devDependencies }: { devDependencies: Readonly<Record<string, string>> } = JSON.parse(
  readFileSync("package.json", "utf8"),
);

it("package.json pins workerd to the version that wrangler depends on", () => {
  expect(devDependencies.workerd).toBe(lock.packages["node_modules/wrangler"]?.dependencies?.workerd);
});

// Tests, `npm run dev` and benches would otherwise run different runtimes.
it.each(["wrangler", "miniflare", "workerd"])("the lock file has one version of %s", (name) => {
  const paths = Object.keys(lock.packages).filter((path) => path.endsWith(`node_modules/${name}`));
  expect(paths).toEqual([`node_modules/${name}`]);
});

it(".nvmrc names the major version of the Node that package.json pins", () => {
  expect(devDependencies.node?.split(".")[0]).toBe(readFileSync(".nvmrc", "utf8").trim());
});

it("CHANGELOG.md has a section for the version of package.json", () => {
  const { version }: Package = JSON.parse(readFileSync("package.json", "utf8"));
  expect(readFileSync("CHANGELOG.md", "utf8")).toMatch(
    new RegExp(`^## ${version} - \\d{4}-\\d{2}-\\d{2}$`, "m"),
  );
});
