import { READ, RELEASE, WRITE } from "../../../functions/page-source/shared-cache-scripts.ts";
import type { Mutant } from "../mutants.ts";

export const STORE_MUTANTS: readonly Mutant[] = [
  {
    defect: "a reply that was fetched earlier replaces a newer one",
    script: WRITE,
    part: "if tonumber(stored[1]) > fetched then",
    replacement: "if false then",
    breaks: "The reply is",
  },
  {
    defect: "a contradiction is believed as soon as it repeats",
    script: WRITE,
    part: "if not repeats or now - stored[6] < tonumber(ARGV[13]) then",
    replacement: "if not repeats then",
    breaks: "The reply is stored, not doubted",
  },
  {
    defect: "a Worker releases the lease of another one",
    script: RELEASE,
    part: "if redis.call('GET', KEYS[1]) == ARGV[1] then",
    replacement: "if true then",
    breaks: "The lease lives for",
  },
  {
    defect: "a page is found by a cursor above its rows",
    script: READ,
    part: "if tonumber(string.match(entry, '^%d+')) >= tonumber(ARGV[4]) then",
    replacement: "if true then",
    breaks: "The reply lacks the row",
  },
  {
    defect: "several leases probe at once",
    script: READ,
    part: "if state[2] and tonumber(state[2]) > now then return 0 end",
    replacement: "",
    breaks: "The answer is lease-acquired",
  },
  {
    defect: "a probe that fails leaves the circuit half-open",
    script: RELEASE,
    part: "if probed or #failures",
    replacement: "if #failures",
    breaks: "The answer is lease-acquired",
  },
];
