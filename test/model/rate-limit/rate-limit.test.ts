import { describe, expect, it } from "vitest";
import { rewriteOf } from "../mutants.ts";
import { checkRateLimit } from "./check.ts";
import { RATE_LIMIT_MUTANTS } from "./mutants.ts";

const SEED = "limit";
/** The rarest defect below needs 3,035. `npm run soak -- 60` checks 18,000, and `npm run model` any number. */
const HISTORIES = 5_000;
const TIMEOUT_MS = 5 * 60_000;

describe("rate limiter", () => {
  it("stays within all limits in 5,000 random histories", { timeout: TIMEOUT_MS }, async () => {
    const failure = await checkRateLimit({ seed: SEED, histories: HISTORIES });
    expect(failure?.report).toBeUndefined();
  });

  it("counts a wasted call until its time is over, although clocks are rounded", async () => {
    const failure = await checkRateLimit({ seed: "17a", histories: 1, firstHistory: 10_370 });
    expect(failure?.report).toBeUndefined();
  });

  it.each(RATE_LIMIT_MUTANTS)(
    "check detects the defect: $defect",
    { timeout: TIMEOUT_MS },
    async (mutant) => {
      const failure = await checkRateLimit({
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
