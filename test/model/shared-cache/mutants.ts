import {
  LEASE_SCRIPT,
  RELEASE_SCRIPT,
  WRITE_SCRIPT,
} from "../../../functions/page-source/shared-cache-scripts.ts";
import type { Mutant } from "../mutants.ts";

const LEASE_MUTANTS: readonly Omit<Mutant, "script">[] = [
  {
    defect: "a page that was fetched after the look is fetched again",
    original: "if (string.match(stored[1] or '', '^%d+') or '') ~= version then return 'changed' end",
    replacement: "",
    expectedMessage: "The lease is acquired, not changed",
  },
  {
    defect: "two Workers hold one lease",
    original: "if stored[2] then return 'held' end",
    replacement: "",
    expectedMessage: "The lease is acquired, not held",
  },
  {
    defect: "an open circuit allows calls",
    original: "if tonumber(openUntil) > now or tonumber(probeUntil) > now",
    replacement: "if tonumber(probeUntil) > now",
    expectedMessage: "The lease is acquired, not open",
    firstHistory: 1_845,
  },
  {
    defect: "a half-open circuit allows several probes at once",
    original: " or tonumber(probeUntil) > now",
    replacement: "",
    expectedMessage: "The lease is acquired, not open",
    firstHistory: 43,
  },
];

const RELEASE_MUTANTS: readonly Omit<Mutant, "script">[] = [
  {
    defect: "a Worker releases the lease of another Worker",
    original: "if stored[1] == leaseId then",
    replacement: "if true then",
    expectedMessage: "The TTL of the lease is",
  },
  {
    defect: "a failed probe leaves the circuit half-open",
    original: "if probed then\n      openMs",
    replacement: "if false then\n      openMs",
    expectedMessage: 'The look\'s state is "lease-free", not "circuit-open"',
  },
  {
    defect: "the open time does not double after a failed probe",
    original: "math.min(2 * openMs, ",
    replacement: "math.min(1 * openMs, ",
    expectedMessage: "The look's ",
  },
  {
    defect: "the open time doubles without a limit",
    original: "openMs = math.min(2 * openMs, 300000)",
    replacement: "openMs = 2 * openMs",
    expectedMessage: "The look's ",
  },
  {
    defect: "a probe that ends without a result blocks the next one",
    original: "if probed then probe, probeUntil = '-', 0 end",
    replacement: "",
    expectedMessage: 'The look\'s state is "circuit-open", not "lease-free"',
  },
  {
    defect: "failures count for ever",
    original: "if now - failedAt < 30000 then table.insert(times, failedAt) end",
    replacement: "table.insert(times, failedAt)",
    expectedMessage: 'The look\'s state is "circuit-open", not "lease-free"',
  },
];

const WRITE_MUTANTS: readonly Omit<Mutant, "script">[] = [
  {
    defect: "a reply that was fetched earlier replaces a newer one",
    original: "if tonumber(oldFetched) > fetched then",
    replacement: "if false then",
    expectedMessage: "The write result is stored, not superseded",
  },
  {
    defect: "a contradicting reply is stored as soon as it repeats",
    original: "if not repeats or now - since < confirmAfterMs then",
    replacement: "if not repeats then",
    expectedMessage: "The write result is stored, not unconfirmed",
    firstHistory: 840,
  },
  {
    defect: "a contradicting reply confirms a different one",
    original: "local repeats = unconfirmed == contradiction",
    replacement: "local repeats = unconfirmed ~= '-'",
    expectedMessage: "The write result is stored, not unconfirmed",
    firstHistory: 424,
  },
  {
    defect: "a page that a rewrite dropped is not replaced",
    original: "if tonumber(oldExpires) > now and not isDropped then",
    replacement: "if tonumber(oldExpires) > now then",
    expectedMessage: "The write result is unconfirmed, not stored",
    firstHistory: 775,
  },
  {
    defect: "a rewrite drops first pages",
    original: "ARGV[9] == '1' and oldRewrittenAt",
    replacement: "oldRewrittenAt",
    expectedMessage: "The write result is",
    firstHistory: 1_021,
  },
  {
    defect: "a rewrite is not recorded",
    original: "if entries ~= '' or rewrittenAt ~= '0' then",
    replacement: "rewrittenAt = '0'\nif entries ~= '' then",
    expectedMessage: "The index is",
  },
  {
    defect: "an earlier rewrite replaces a later one",
    original: "if tonumber(rewrittenAt) > tonumber(oldRewrittenAt or 0) then",
    replacement: "if rewrittenAt ~= '0' then",
    expectedMessage: "The index is",
    firstHistory: 2_157,
  },
  {
    defect: "a rewrite is forgotten with the next page",
    original: "elseif oldRewrite then",
    replacement: "elseif false then",
    expectedMessage: "The index is",
  },
  {
    defect: "the index keeps expired entries",
    original: "if (tonumber(string.match(line, '^%S+ %S+ (%d+)')) or 0) > now then add(line) end",
    replacement: "add(line)",
    expectedMessage: "The index is",
    firstHistory: 282,
  },
  {
    defect: "the index has no limit",
    original: "if not added[name] and #lines < 128 then",
    replacement: "if not added[name] then",
    expectedMessage: "The index is",
    firstHistory: 83,
  },
  {
    defect: "the publication record goes back to an older row",
    original: "local isNewer = not oldNewest or tonumber(newNewest) > tonumber(oldNewest)",
    replacement: "local isNewer = not oldNewest or newNewest ~= oldNewest",
    expectedMessage: "The publication record is",
    firstHistory: 1_864,
  },
  {
    defect: "the publication record goes back to an earlier confirmation",
    original: "and tonumber(newChecked) > tonumber(oldChecked) then",
    replacement: "then",
    expectedMessage: "The publication record is",
    firstHistory: 150,
  },
  {
    defect: "a stored page does not settle its permit",
    original: "settle(log, stored[6], 14)",
    replacement: "",
    expectedMessage: "The permit log is",
  },
  {
    defect: "a stored page does not close the circuit",
    original: "close(circuit, stored[4])",
    replacement: "",
    expectedMessage: "The look's",
    firstHistory: 507,
  },
  {
    defect: "a Worker that lost its lease ends that of another Worker",
    original: "local isLeaseHolder = stored[2] == leaseId",
    replacement: "local isLeaseHolder = true",
    expectedMessage: "The TTL of the lease is",
  },
  {
    defect: "a row from before the first look gets a time",
    original: "local seen = oldest and string",
    replacement: "local seen = string",
    expectedMessage: "The first-seen record is",
  },
  {
    defect: "a row is seen for the first time twice",
    original: "if not isKnown[date] and (",
    replacement: "if (",
    expectedMessage: "The first-seen record is",
  },
  {
    defect: "a row that is older than the record counts as new",
    original: " and (not oldest or tonumber(date) > oldest)",
    replacement: "",
    expectedMessage: "The first-seen record is",
  },
  {
    defect: "a row newer than a later page stays",
    original: "if newest and tonumber(date) > newest then",
    replacement: "if false then",
    expectedMessage: "The first-seen record is",
  },
  {
    defect: "the earlier of two clocks tells when a row was seen",
    original: "math.max(fetched, tonumber(",
    replacement: "math.min(fetched, tonumber(",
    expectedMessage: "The first-seen record is",
  },
];

export const SHARED_CACHE_MUTANTS: readonly Mutant[] = [
  ...LEASE_MUTANTS.map((mutant) => ({ ...mutant, script: LEASE_SCRIPT })),
  ...RELEASE_MUTANTS.map((mutant) => ({ ...mutant, script: RELEASE_SCRIPT })),
  ...WRITE_MUTANTS.map((mutant) => ({ ...mutant, script: WRITE_SCRIPT })),
];
