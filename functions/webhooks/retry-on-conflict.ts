import { Failure } from "../errors.ts";

/** With this many conflicts in a row, other requests change the same webhook continuously. */
const MAX_ATTEMPTS = 5;

/**
 * Optimistic locking: repeats a read and the script that depends on it, until the script finds the data unchanged.
 * @param attempt reads and runs the script. It resolves to `conflict` if the script found other data and wrote nothing
 * @throws Failure `store_unavailable` after five conflicts
 */
export async function retryOnConflict<T>(attempt: () => Promise<T | "conflict">): Promise<T> {
  for (let count = 0; count < MAX_ATTEMPTS; count += 1) {
    const result = await attempt();
    if (result !== "conflict") return result;
  }
  throw new Failure("store_unavailable", "Too many concurrent changes to this webhook", {
    retryAfterMs: 1_000,
  });
}
