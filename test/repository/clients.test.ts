import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { blockOf } from "../support/readme.ts";

const read = (path: string) => readFileSync(path, "utf8");

it("the Python program of docs/clients.md is the vendor's example that test/sdk runs", async () => {
  expect(await blockOf("py", "get_short_interest")).toBe(read("test/sdk/python/example.py"));
});

it("the JavaScript line of docs/clients.md is part of the vendor's example that test/sdk runs", async () => {
  expect(read("test/sdk/javascript/example.js")).toContain(await blockOf("js", "GetShortInterest ??="));
});

it.each(["openapi-typescript", "@hey-api/openapi-ts", "orval"])(
  "the version of %s in docs/clients.md is the one that generates the client of the examples",
  (name) => {
    const { devDependencies }: { devDependencies: Readonly<Record<string, string>> } = JSON.parse(
      read("examples/typescript/package.json"),
    );
    const [, version] = new RegExp(`${name}\`? (\\d+\\.\\d+\\.\\d+) \\|`).exec(read("docs/clients.md")) ?? [];
    expect(version).toBe(devDependencies[name]);
  },
);
