import {
  acquireScript,
  type SlidingWindowLog,
  settleScript,
} from "../../../functions/rate-limit/sliding-window-log.ts";
import type { Mutant } from "../mutants.ts";

const RULE: SlidingWindowLog = { limit: 1, windowMs: 1, maxInFlightMs: 1, waitMs: 1, clientShare: 1 };
const ACQUIRE = acquireScript("", RULE, { id: "", clientLog: "", reserve: 0 }).script;
const SETTLE = settleScript("", RULE, "", "", false).script;

export const RATE_LIMIT_MUTANTS: readonly Mutant[] = [
  {
    defect: "a permit shortens the TTL of its log",
    script: ACQUIRE,
    original: "extend(log, start - now + hold + window + ARGV[12])",
    replacement: "redis.call('PEXPIRE', log, maxWait + hold + window + ARGV[12])",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a permit starts exactly one window after another",
    script: ACQUIRE,
    original: "return math.max(now, nth + window + 1),",
    replacement: "return math.max(now, nth + window),",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a permit is removed from the log one millisecond early",
    script: ACQUIRE,
    original: "'-inf', now - window - 1)",
    replacement: "'-inf', now - window)",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a permit does not count while its call is in flight",
    script: ACQUIRE,
    original: "redis.call('ZADD', log, start + hold, ARGV[1])",
    replacement: "redis.call('ZADD', log, start, ARGV[1])",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a settled permit counts from 1 ms before its answer",
    script: SETTLE,
    original: "redis.call('ZADD', KEYS[at], now, ARGV[1])",
    replacement: "redis.call('ZADD', KEYS[at], now - 1, ARGV[1])",
    expectedMessage: "OpenD:",
  },
  {
    defect: "a late answer extends its permit",
    script: SETTLE,
    original: "if held and tonumber(held) > now then",
    replacement: "if held then",
    expectedMessage: "A permit is free",
  },
  {
    defect: "a replaced permit is not released",
    script: ACQUIRE,
    original: "redis.call('ZREM', log, ARGV[6])",
    replacement: "",
    expectedMessage: "A permit is free",
  },
  {
    defect: "a repeated script grants another permit",
    script: ACQUIRE,
    original: "if held then return",
    replacement: "if false then return",
    expectedMessage: "The repeated script grants another permit",
  },
  {
    defect: "a block is ignored",
    script: ACQUIRE,
    original: "local blocked = now + math.max(0, redis.call('PTTL', KEYS[2]))",
    replacement: "local blocked = now",
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
    original: "redis.call('ZADD', KEYS[2], now, ARGV[3])",
    replacement: "",
    expectedMessage: "The permit exceeds the client's share",
  },
];
