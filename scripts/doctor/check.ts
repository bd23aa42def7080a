/** What a check has found. */
export interface Finding {
  /** `warning` is for what works from here, and may not from Cloudflare, or not well. */
  readonly status: "ok" | "warning" | "failed" | "skipped";
  /** What there is, in words; never a secret. */
  readonly found: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** A finding, and of what. */
export interface Result extends Finding {
  readonly name: string;
  /** The exit code that its failure means. */
  readonly exit: number;
  readonly ms: number;
}

/** One thing to look at. */
export interface Check {
  readonly name: string;
  readonly exit: number;
  readonly look: () => Promise<Finding>;
}

export const ok = (found: string): Finding => ({ status: "ok", found });
export const warning = (found: string, remedy: string): Finding => ({ status: "warning", found, remedy });
export const failed = (found: string, remedy: string): Finding => ({ status: "failed", found, remedy });
export const skipped = (found: string): Finding => ({ status: "skipped", found });

/**
 * Looks at one thing after the other. After a failure the rest is not looked at: it would only fail as well.
 * @param told called with each result as it is there
 */
export async function inTurn(checks: readonly Check[], told: (result: Result) => void): Promise<boolean> {
  let fine = true;
  for (const { name, exit, look } of checks) {
    const began = performance.now();
    const finding = fine ? await look().catch(brokenOff) : skipped("not looked at, after what failed before");
    told({ name, exit, ms: Math.round(performance.now() - began), ...finding });
    if (finding.status === "failed") fine = false;
  }
  return fine;
}

/** The message of an error may hold anything. */
function brokenOff(): Finding {
  return failed(
    "it broke off without an answer",
    "Look again. If it stays so, what is looked at fails now and then.",
  );
}

/** Clocks that are further apart are worth a word, in milliseconds. */
const APART_MS = 5_000;

/** @param whose clock it is that shows `theirs`, in Unix milliseconds */
export function compareClocks(whose: string, theirs: number, ours: number): Finding {
  const apart = theirs - ours;
  const found = `${whose} clock is ${(Math.abs(apart) / 1_000).toFixed(1)} s ${apart < 0 ? "behind" : "ahead of"} this machine's`;
  if (Math.abs(apart) <= APART_MS) return ok(found);
  return warning(
    found,
    "Let both be set by NTP. The limit counts by Upstash's clock alone, so it holds all the same.",
  );
}
