import { describe, expect, it } from "vitest";
import { rewriteOf } from "../mutants.ts";
import { checkRateLimit } from "./check.ts";
import { RATE_LIMIT_MUTANTS } from "./mutants.ts";

const SEED = "limit";
const HISTORIES = 100_000;
const TIMEOUT_MS = 10 * 60_000;

describe("rate limiter", () => {
  it("stays within all limits in 100,000 random histories", { timeout: TIMEOUT_MS }, async () => {
    const failure = await checkRateLimit({ seed: SEED, histories: HISTORIES });
    expect(failure?.report).toBeUndefined();
  });

  it.each(RATE_LIMIT_MUTANTS)(
    "check detects the defect: $defect",
    { timeout: TIMEOUT_MS },
    async (mutant) => {
      const failure = await checkRateLimit({
        seed: SEED,
        histories: HISTORIES,
        rewrite: rewriteOf(mutant),
        isRelevant: (message) => message.startsWith(mutant.expectedMessage),
      });
      expect(failure?.report).toContain(mutant.expectedMessage);
    },
  );
});
