import { READ, RELEASE, WRITE } from "../../../functions/page-source/shared-cache-scripts.ts";
import type { Mutant } from "../mutants.ts";

export const SHARED_CACHE_MUTANTS: readonly Mutant[] = [
  {
    defect: "a reply that was fetched earlier replaces a newer one",
    script: WRITE,
    original: "if tonumber(stored[1]) > fetched then",
    replacement: "if false then",
    expectedMessage: "The write result is",
  },
  {
    defect: "a contradicting reply is stored as soon as it repeats",
    script: WRITE,
    original: "if not repeats or now - stored[6] < tonumber(ARGV[13]) then",
    replacement: "if not repeats then",
    expectedMessage: "The write result is stored, not doubted",
  },
  {
    defect: "a Worker releases the lease of another Worker",
    script: RELEASE,
    original: "if redis.call('GET', KEYS[1]) == ARGV[1] then",
    replacement: "if true then",
    expectedMessage: "The TTL of the lease is",
  },
  {
    defect: "a page is returned for a cursor newer than its rows",
    script: READ,
    original: "if tonumber(string.match(entry, '^%d+')) >= tonumber(ARGV[4]) then",
    replacement: "if true then",
    expectedMessage: "The reply lacks the row",
  },
  {
    defect: "a half-open circuit allows several probes at once",
    script: READ,
    original: "if state[2] and tonumber(state[2]) > now then return 0 end",
    replacement: "",
    expectedMessage: "The read state is lease-acquired",
  },
  {
    defect: "a failed probe leaves the circuit half-open",
    script: RELEASE,
    original: "if probed or #failures",
    replacement: "if #failures",
    expectedMessage: "The read state is lease-acquired",
  },
];
