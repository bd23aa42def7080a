import { Failure } from "../errors.ts";

/** With as many conflicts in a row, other requests are changing the same webhook all the time. */
const MAX_ATTEMPTS = 5;

/**
 * Repeats a read and the script that depends on it, until the script finds the data as they were read.
 * @param attempt reads, runs the script, and resolves to `changed` when the script found other data and wrote nothing
 * @throws Failure `store_unavailable` after five conflicts
 */
export async function optimistically<T>(attempt: () => Promise<T | "changed">): Promise<T> {
  for (let count = 0; count < MAX_ATTEMPTS; count += 1) {
    const result = await attempt();
    if (result !== "changed") return result;
  }
  throw new Failure("store_unavailable", "Other requests are changing this webhook", {
    retryAfterMs: 1_000,
  });
}
