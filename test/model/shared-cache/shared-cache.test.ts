import { describe, expect, it } from "vitest";
import { rewriteOf } from "../mutants.ts";
import { checkSharedCache } from "./check.ts";
import { SHARED_CACHE_MUTANTS } from "./mutants.ts";

const SEED = "store";
/** The rarest defect below needs 2,158. `npm run soak -- 60` checks 3,600, and `npm run model` any number. */
const HISTORIES = 3_000;
const TIMEOUT_MS = 5 * 60_000;

describe("shared cache", () => {
  it("matches the oracle in 3,000 random histories", { timeout: TIMEOUT_MS }, async () => {
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
        firstHistory: mutant.firstHistory ?? 0,
        rewrite: rewriteOf(mutant),
        isRelevant: (message) => message.startsWith(mutant.expectedMessage),
      });
      expect(failure?.report).toContain(mutant.expectedMessage);
    },
  );
});
