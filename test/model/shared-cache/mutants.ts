import {
  READ_OR_LEASE_SCRIPT,
  RELEASE_SCRIPT,
  WRITE_SCRIPT,
} from "../../../functions/page-source/shared-cache-scripts.ts";
import type { Mutant } from "../mutants.ts";

export const SHARED_CACHE_MUTANTS: readonly Mutant[] = [
  {
    defect: "a reply that was fetched earlier replaces a newer one",
    script: WRITE_SCRIPT,
    original: "if tonumber(stored[1]) > fetched then",
    replacement: "if false then",
    expectedMessage: "The write result is",
  },
  {
    defect: "a contradicting reply is stored as soon as it repeats",
    script: WRITE_SCRIPT,
    original: "if not repeats or now - stored[6] < confirmAfterMs then",
    replacement: "if not repeats then",
    expectedMessage: "The write result is stored, not unconfirmed",
  },
  {
    defect: "a Worker releases the lease of another Worker",
    script: RELEASE_SCRIPT,
    original: "if redis.call('GET', leaseKey) == leaseId then",
    replacement: "if true then",
    expectedMessage: "The TTL of the lease is",
  },
  {
    defect: "a page is returned for a cursor newer than its rows",
    script: READ_OR_LEASE_SCRIPT,
    original: "if tonumber(string.match(entry, '^%d+')) >= tonumber(timestamp) then",
    replacement: "if true then",
    expectedMessage: "The reply lacks the row",
  },
  {
    defect: "a half-open circuit allows several probes at once",
    script: READ_OR_LEASE_SCRIPT,
    original: "if state[2] and tonumber(state[2]) > now then return 0 end",
    replacement: "",
    expectedMessage: "The read state is lease-acquired",
  },
  {
    defect: "a failed probe leaves the circuit half-open",
    script: RELEASE_SCRIPT,
    original: "if probed or #failures",
    replacement: "if #failures",
    expectedMessage: "The read state is lease-acquired",
  },
];
