import { describe, expect, it } from "vitest";
import { rewriteOf } from "../mutants.ts";
import { checkSharedCache } from "./check.ts";
import { SHARED_CACHE_MUTANTS } from "./mutants.ts";

const SEED = "store";
const HISTORIES = 10_000;
const TIMEOUT_MS = 5 * 60_000;

describe("shared cache", () => {
  it("matches the oracle in 10,000 random histories", { timeout: TIMEOUT_MS }, async () => {
    const failure = await checkSharedCache({ seed: SEED, histories: HISTORIES });
    expect(failure?.report).toBeUndefined();
  });

  it.each(SHARED_CACHE_MUTANTS)(
    "check detects the defect: $defect",
    { timeout: TIMEOUT_MS },
    async (mutant) => {
      const failure = await checkSharedCache({
        seed: SEED,
        histories: HISTORIES,
        rewrite: rewriteOf(mutant),
        isRelevant: (message) => message.startsWith(mutant.expectedMessage),
      });
      expect(failure?.report).toContain(mutant.expectedMessage);
    },
  );
});
