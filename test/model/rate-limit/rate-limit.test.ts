import { describe, expect, it } from "vitest";
import { rewriteOf } from "../mutants.ts";
import { checkLimit } from "./check.ts";
import { LIMIT_MUTANTS } from "./mutants.ts";

const SEED = "limit";
const HISTORIES = 100_000;
const TIMEOUT_MS = 10 * 60_000;

describe("rate limit", () => {
  it("keeps its promises in 100,000 random histories", { timeout: TIMEOUT_MS }, async () => {
    const failure = await checkLimit({ seed: SEED, histories: HISTORIES });
    expect(failure?.report).toBeUndefined();
  });

  it.each(LIMIT_MUTANTS)("check fails if $defect", { timeout: TIMEOUT_MS }, async (mutant) => {
    const failure = await checkLimit({
      seed: SEED,
      histories: HISTORIES,
      rewrite: rewriteOf(mutant),
      counts: (message) => message.startsWith(mutant.breaks),
    });
    expect(failure?.report).toContain(mutant.breaks);
  });
});
