import { type FreshnessPolicy, freshnessPolicy } from "../../../functions/page-source/freshness.ts";
import { OLD_POLICY } from "./old-policy.ts";

/** A policy to simulate. */
export interface NamedPolicy {
  readonly name: string;
  readonly policy: FreshnessPolicy;
}

/** The policy of the Worker. */
export const NEW: NamedPolicy = { name: "new", policy: freshnessPolicy };
/** The policies to compare. */
export const POLICIES: readonly NamedPolicy[] = [{ name: "old", policy: OLD_POLICY }, NEW];
