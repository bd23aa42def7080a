import type { ScriptCall } from "../upstash.ts";

/** The lease that the call needs. Its script acquires it in the same request to Redis, just before the permit's. */
export interface RequiredLease {
  readonly script: ScriptCall;
  /** The key of the lease, a string. */
  readonly key: string;
  /** The value of the key while the caller holds the lease. */
  readonly id: string;
}

/** The script of the lease did not acquire it. No permit was granted. */
export class LeaseNotAcquired extends Error {
  /** The raw reply of the script. */
  readonly reply: unknown;

  constructor(reply: unknown) {
    super("The lease that the call needs was not acquired");
    this.reply = reply;
  }
}
