import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { COST_DOCUMENT, withCostTables } from "../support/cost-table.ts";

it("the tables of costs are those that `npm run bench -- cost` writes", () => {
  const text = readFileSync(COST_DOCUMENT, "utf8");
  expect(text).toBe(withCostTables(text));
});
