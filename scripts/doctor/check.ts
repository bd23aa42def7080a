/** The outcome of a check. */
export interface Finding {
  /** `warning`: it works from this machine, but possibly not from Cloudflare, or not well. */
  readonly status: "ok" | "warning" | "failed" | "skipped";
  /** What the check observed; never a secret. */
  readonly message: string;
  /** How to fix it. */
  readonly advice?: string;
}

/** A finding with its check. */
export interface Result extends Finding {
  readonly name: string;
  /** The exit code of the doctor if this check fails. */
  readonly exit: number;
  /** Duration in milliseconds. */
  readonly ms: number;
}

export interface Check {
  readonly name: string;
  /** The exit code of the doctor if this check fails. */
  readonly exit: number;
  readonly run: () => Promise<Finding>;
}

export const ok = (message: string): Finding => ({ status: "ok", message });
export const warning = (message: string, advice: string): Finding => ({ status: "warning", message, advice });
export const failed = (message: string, advice: string): Finding => ({ status: "failed", message, advice });
export const skipped = (message: string): Finding => ({ status: "skipped", message });

/**
 * Runs checks one after the other. After a failure, the remaining checks are skipped: they depend on it.
 * @param onResult called with each result as soon as it is known
 * @returns whether no check failed
 */
export async function runChecks(
  checks: readonly Check[],
  onResult: (result: Result) => void,
): Promise<boolean> {
  let hasPassed = true;
  for (const { name, exit, run } of checks) {
    const startedAt = performance.now();
    const finding = hasPassed
      ? await run().catch(unexpectedError)
      : skipped("not run: an earlier check failed");
    onResult({ name, exit, ms: Math.round(performance.now() - startedAt), ...finding });
    if (finding.status === "failed") hasPassed = false;
  }
  return hasPassed;
}

/** The message of the error is not shown: it may contain a secret. */
function unexpectedError(): Finding {
  return failed(
    "the check ended with an unexpected error",
    "Run the doctor again. The connection may be unstable.",
  );
}

/** Clocks that differ by more than this cause a warning, in milliseconds. */
const MAX_CLOCK_SKEW_MS = 5_000;

/**
 * @param owner whose clock it is, for example "Upstash"
 * @param remoteMs Unix time of that clock, in milliseconds
 * @param localMs Unix time of this machine, in milliseconds
 */
export function compareClocks(owner: string, remoteMs: number, localMs: number): Finding {
  const skewMs = remoteMs - localMs;
  const seconds = (Math.abs(skewMs) / 1_000).toFixed(1);
  const message = `${owner}'s clock is ${seconds} s ${skewMs < 0 ? "behind" : "ahead of"} this machine's clock`;
  if (Math.abs(skewMs) <= MAX_CLOCK_SKEW_MS) return ok(message);
  return warning(
    message,
    "Synchronize both clocks with NTP. The rate limit is not affected: it uses only Upstash's clock.",
  );
}
