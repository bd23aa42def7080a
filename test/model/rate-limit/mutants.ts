import {
  acquireScript,
  type SlidingWindowRule,
  settleScript,
} from "../../../functions/rate-limit/sliding-window-log.ts";
import type { Mutant } from "../mutants.ts";

const RULE: SlidingWindowRule = { limit: 1, windowMs: 1, maxInFlightMs: 1, maxWaitMs: 1, clientShare: 1 };
const ACQUIRE = acquireScript("", RULE, { id: "", clientLog: "", reserve: 0 }).script;
const SETTLE = settleScript("", RULE, "", "", false).script;

export const RATE_LIMIT_MUTANTS: readonly Mutant[] = [
  {
    defect: "a permit shortens the TTL of its log",
    script: ACQUIRE,
    original: "extend(log, start - now + maxInFlightMs + windowMs + expiryMarginMs)",
    replacement: "redis.call('PEXPIRE', log, maxWaitMs + maxInFlightMs + windowMs + expiryMarginMs)",
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
    original: "'-inf', now - windowMs - 1)",
    replacement: "'-inf', now - windowMs)",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a permit does not count while its call is in flight",
    script: ACQUIRE,
    original: "redis.call('ZADD', log, start + maxInFlightMs, permit)",
    replacement: "redis.call('ZADD', log, start, permit)",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a settled permit counts from 1 ms before its answer",
    script: SETTLE,
    original: "redis.call('ZADD', log, now, permit)",
    replacement: "redis.call('ZADD', log, now - 1, permit)",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a late answer extends its permit",
    script: SETTLE,
    original: "if score and tonumber(score) > now then",
    replacement: "if score then",
    expectedMessage: "A permit is free",
  },
  {
    defect: "a replaced permit is not released",
    script: ACQUIRE,
    original: "redis.call('ZREM', log, replaced)",
    replacement: "",
    expectedMessage: "A permit is free",
  },
  {
    defect: "a repeated script grants another permit",
    script: ACQUIRE,
    original: "if score then return",
    replacement: "if false then return",
    expectedMessage: "The repeated script grants another permit",
  },
  {
    defect: "a block is ignored",
    script: ACQUIRE,
    original: "local blockedUntil = now + math.max(0, redis.call('PTTL', block))",
    replacement: "local blockedUntil = now",
    expectedMessage: "The permit starts while the log is blocked",
  },
  {
    defect: "reserved permits are granted",
    script: ACQUIRE,
    original: "if count < limit - reserve then",
    replacement: "if count < limit then",
    expectedMessage: "calls with a reserve of",
  },
  {
    defect: "a wasted call counts once for its client",
    script: SETTLE,
    original: "redis.call('ZADD', clientLog, now, secondEntry)",
    replacement: "",
    expectedMessage: "The permit exceeds the client's share",
  },
];
