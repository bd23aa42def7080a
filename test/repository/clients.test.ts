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
