import { OLD_POLICY } from "./old-policy.ts";

/** A policy to simulate. */
export interface NamedPolicy {
  readonly name: string;
  readonly policy: typeof OLD_POLICY;
  /** Whether it must hold `BOUNDS`. */
  readonly isBounded: boolean;
}

/** The policies to compare. */
export const POLICIES: readonly NamedPolicy[] = [{ name: "old", policy: OLD_POLICY, isBounded: false }];
