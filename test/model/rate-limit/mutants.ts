import {
  acquireScript,
  releaseScript,
  type SlidingWindowRule,
  settleScript,
} from "../../../functions/rate-limit/sliding-window-log.ts";
import type { Mutant } from "../mutants.ts";

const RULE: SlidingWindowRule = { limit: 1, windowMs: 1, maxInFlightMs: 1, maxWaitMs: 1, clientShare: 1 };
const ACQUIRE = acquireScript("", RULE, { id: "", client: "", reserve: 0 }).script;
const RELEASE = releaseScript("", RULE, "").script;
const SETTLE = settleScript("", []).script;

export const RATE_LIMIT_MUTANTS: readonly Mutant[] = [
  {
    defect: "a permit shortens the TTL of its log",
    script: ACQUIRE,
    original: "table.concat(lines), 'PX', ttlMs)",
    replacement: "table.concat(lines), 'PX', windowMs)",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a permit starts exactly one window after another",
    script: ACQUIRE,
    original: "return math.max(now, nthNewest + windowMs + 1),",
    replacement: "return math.max(now, nthNewest + windowMs),",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a permit is removed from the log one millisecond early",
    script: ACQUIRE,
    original: "local isCounted = entry.score >= now - windowMs",
    replacement: "local isCounted = entry.score > now - windowMs",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a permit does not count while its call is in flight",
    script: ACQUIRE,
    original: "addLine(start + maxInFlightMs, permit, 1, client)",
    replacement: "addLine(start, permit, 1, client)",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a settled permit counts from 2 ms before its time",
    script: SETTLE,
    original: "math.min(tonumber(score), repliedAt)",
    replacement: "math.min(tonumber(score), repliedAt - 2)",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a late answer extends its permit",
    script: SETTLE,
    original: "math.min(tonumber(score), repliedAt)",
    replacement: "repliedAt",
    expectedMessage: "A permit is free",
  },
  {
    defect: "a replaced permit is not released",
    script: ACQUIRE,
    original: "if id == replaced then",
    replacement: "if false then",
    expectedMessage: "A permit is free",
  },
  {
    defect: "a repeated script grants another permit",
    script: ACQUIRE,
    original: "if grantedScore then",
    replacement: "if false then",
    expectedMessage: "The repeated script grants another permit",
  },
  {
    defect: "a block is ignored",
    script: ACQUIRE,
    original: "if stored[2] then",
    replacement: "if false then",
    expectedMessage: "The permit starts while the log is blocked",
  },
  {
    defect: "reserved permits are granted",
    script: ACQUIRE,
    original: "scores[limit - reserve]",
    replacement: "scores[limit]",
    expectedMessage: "calls with a reserve of",
  },
  {
    defect: "a wasted call counts once for its client",
    script: ACQUIRE,
    original: "entry.client == client and entry.weight or 0",
    replacement: "entry.client == client and 1 or 0",
    expectedMessage: "The permit exceeds the client's share",
  },
  {
    defect: "a wasted call counts twice for the account",
    script: ACQUIRE,
    original: "table.insert(scores, entry.score)",
    replacement: "for _ = 1, entry.weight do table.insert(scores, entry.score) end",
    expectedMessage: "A permit is free",
  },
  {
    defect: "a settlement forgets that the call was wasted",
    script: SETTLE,
    original: "math.max(tonumber(weight), newWeight)",
    replacement: "weight",
    expectedMessage: "The permit exceeds the client's share",
  },
  {
    defect: "a settlement shortens the TTL of the log",
    script: SETTLE,
    original: "'PX', ARGV[first + 3])",
    replacement: "'PX', 1)",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a settlement changes another permit",
    script: SETTLE,
    original: "if id == permit then",
    replacement: "if true then",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a release removes all permits",
    script: RELEASE,
    original: "if id == ARGV[1] then",
    replacement: "if true then",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a released permit stays in the log",
    script: RELEASE,
    original: "if isFound then",
    replacement: "if false then",
    expectedMessage: "A permit is free",
  },
  {
    defect: "a permit is granted without the lease",
    script: ACQUIRE,
    original: "if KEYS[3] and stored[3] ~= leaseId then",
    replacement: "if KEYS[3] and not stored[3] then",
    expectedMessage: "The script ignores the lease",
  },
  {
    defect: "outdated lines stay in the log",
    script: ACQUIRE,
    original: "if isCounted or isRemembered then",
    replacement: "if true then",
    expectedMessage: "The log has",
  },
  {
    defect: "wasted calls are forgotten after a window",
    script: ACQUIRE,
    original: "if isCounted or isRemembered then",
    replacement: "if isCounted then",
    expectedMessage: "calls with a reserve of",
  },
  {
    defect: "the wasted calls of one client lower the limit as far as those of two",
    script: ACQUIRE,
    original: "and ofClient < maxWastedOfClient",
    replacement: "",
    expectedMessage: "A permit is free",
  },
];
