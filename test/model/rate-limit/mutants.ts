import {
  acquireScript,
  type SlidingWindowLog,
  settleScript,
} from "../../../functions/rate-limit/sliding-window-log.ts";
import type { Mutant } from "../mutants.ts";

const RULE: SlidingWindowLog = { limit: 1, windowMs: 1, maxInFlightMs: 1, waitMs: 1, clientShare: 1 };
const ACQUIRE = acquireScript("", RULE, { id: "", clientLog: "", reserve: 0 }).script;
const SETTLE = settleScript("", RULE, "", "", false).script;

export const LIMIT_MUTANTS: readonly Mutant[] = [
  {
    defect: "the expiry of a log moves closer when a refresh does not wait (issue 13, defect 1)",
    script: ACQUIRE,
    part: "extend(log, start - now + hold + window + ARGV[12])",
    replacement: "redis.call('PEXPIRE', log, maxWait + hold + window + ARGV[12])",
    breaks: "OpenD:",
  },
  {
    defect: "a permit starts exactly one window after another",
    script: ACQUIRE,
    part: "return math.max(now, nth + window + 1),",
    replacement: "return math.max(now, nth + window),",
    breaks: "OpenD:",
  },
  {
    defect: "a permit is dropped one millisecond early",
    script: ACQUIRE,
    part: "'-inf', now - window - 1)",
    replacement: "'-inf', now - window)",
    breaks: "OpenD:",
  },
  {
    defect: "a permit does not count while its call is in flight",
    script: ACQUIRE,
    part: "redis.call('ZADD', log, start + hold, ARGV[1])",
    replacement: "redis.call('ZADD', log, start, ARGV[1])",
    breaks: "OpenD:",
  },
  {
    defect: "a permit counts from before its answer",
    script: SETTLE,
    part: "redis.call('ZADD', KEYS[at], now, ARGV[1])",
    replacement: "redis.call('ZADD', KEYS[at], now - 1, ARGV[1])",
    breaks: "OpenD:",
  },
  {
    defect: "a late answer prolongs its permit",
    script: SETTLE,
    part: "if held and tonumber(held) > now then",
    replacement: "if held then",
    breaks: "A permit is free",
  },
  {
    defect: "a replaced permit stays",
    script: ACQUIRE,
    part: "redis.call('ZREM', log, ARGV[6])",
    replacement: "",
    breaks: "A permit is free",
  },
  {
    defect: "a repeated script is another grant",
    script: ACQUIRE,
    part: "if held then return",
    replacement: "if false then return",
    breaks: "The repeated script is another grant",
  },
  {
    defect: "a block is ignored",
    script: ACQUIRE,
    part: "local blocked = now + math.max(0, redis.call('PTTL', KEYS[2]))",
    replacement: "local blocked = now",
    breaks: "The permit starts while the log is blocked",
  },
  {
    defect: "the reserve of others is granted",
    script: ACQUIRE,
    part: "if count < limit - reserve then",
    replacement: "if count < limit then",
    breaks: "calls that leave",
  },
  {
    defect: "a wasted call counts once for its client",
    script: SETTLE,
    part: "redis.call('ZADD', KEYS[2], now, ARGV[3])",
    replacement: "",
    breaks: "The permit exceeds the client's share",
  },
];
