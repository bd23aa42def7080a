import { describe, expect, it } from "vitest";
import { rewriteOf } from "../mutants.ts";
import { checkStore } from "./check.ts";
import { STORE_MUTANTS } from "./mutants.ts";

const SEED = "store";
const HISTORIES = 25_000;
const TIMEOUT_MS = 5 * 60_000;

describe("shared store", () => {
  it("keeps its promises in 25,000 random histories", { timeout: TIMEOUT_MS }, async () => {
    const failure = await checkStore({ seed: SEED, histories: HISTORIES });
    expect(failure?.report).toBeUndefined();
  });

  it.each(STORE_MUTANTS)("check fails if $defect", { timeout: TIMEOUT_MS }, async (mutant) => {
    const failure = await checkStore({
      seed: SEED,
      histories: HISTORIES,
      rewrite: rewriteOf(mutant),
      counts: (message) => message.startsWith(mutant.breaks),
    });
    expect(failure?.report).toContain(mutant.breaks);
  });
});
