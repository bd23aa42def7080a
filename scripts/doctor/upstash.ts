import { randomUUID } from "node:crypto";
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";
import { parse } from "valibot";
import type { Config } from "../../functions/env.ts";
import { createPermits } from "../../functions/rate-limit/permits.ts";
import { callWithPermit, PERMIT_MAX_AGE_MS } from "../../functions/rate-limit/permitted-call.ts";
import { AcquireResult, slidingWindowLog } from "../../functions/rate-limit/sliding-window-log.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { createUpstash, type UpstashAddress } from "../../functions/upstash.ts";
import { type Check, compareClocks, type Finding, failed, ok, warning } from "./check.ts";
import type { Permitted } from "./opend.ts";

/** An Upstash further away than this is worth a word, in milliseconds. */
const FAR_MS = 100;
const PINGS = 5;
/** The limiter's own test: as many ask at once, and so many are to be let through. */
const ASKING = 8;
const ALLOWED = 3;

/** Upstash, step by step, up to the limiter. */
export function upstashChecks({ upstash, quota }: Config): Check[] {
  const redis = new Redis({
    ...upstash,
    enableTelemetry: false,
    enableAutoPipelining: false,
    retry: { retries: 0 },
    signal: () => AbortSignal.timeout(DEADLINES.upstash),
  });
  return [
    { name: "upstash", exit: 20, look: () => knock(upstash) },
    { name: "upstash latency", exit: 21, look: () => measure(redis) },
    { name: "upstash clock", exit: 24, look: () => readClock(redis) },
    { name: "upstash scripts", exit: 22, look: () => runScript(redis) },
    { name: "limiter", exit: 23, look: () => testLimiter(redis, quota.windowMs) },
  ];
}

async function knock({ url, token }: UpstashAddress): Promise<Finding> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}` },
      body: JSON.stringify(["PING"]),
      signal: AbortSignal.timeout(DEADLINES.upstash),
    });
  } catch {
    return failed(
      `${new URL(url).host} does not answer`,
      "Is UPSTASH_REDIS_REST_URL the REST URL of the database (https://…upstash.io), and does the database still exist?",
    );
  }
  const text = await response.text();
  if (response.status === 401 || response.status === 403) {
    return failed(
      "the token is refused",
      "Set UPSTASH_REDIS_REST_TOKEN to the database's REST token, not to its password or a token of the account.",
    );
  }
  if (!response.ok || !/"PONG"/.test(text)) {
    return failed(
      `the answer (HTTP ${response.status}) is not that of Upstash`,
      "Is UPSTASH_REDIS_REST_URL the REST URL of the database? Its status page says whether it is well.",
    );
  }
  return ok("answers, and takes the token");
}

async function measure(redis: Redis): Promise<Finding> {
  const times: number[] = [];
  for (let ping = 0; ping < PINGS; ping += 1) {
    const began = performance.now();
    await redis.ping();
    times.push(performance.now() - began);
  }
  const median = Math.round(times.sort((a, b) => a - b)[Math.floor(PINGS / 2)] ?? 0);
  const found = `${median} ms from here, the median of ${PINGS}`;
  if (median <= FAR_MS) return ok(found);
  return warning(
    found,
    "A new page waits for three questions to it. Let its region be the one that is next to OpenD.",
  );
}

async function readClock(redis: Redis): Promise<Finding> {
  const began = Date.now();
  const [seconds, micros] = await redis.time();
  return compareClocks("Upstash's", seconds * 1_000 + Math.floor(micros / 1_000), (began + Date.now()) / 2);
}

async function runScript(redis: Redis): Promise<Finding> {
  const key = `short-interest:doctor:${randomUUID()}`;
  const script =
    "redis.call('SET', KEYS[1], ARGV[1]) local value = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) return value";
  try {
    const value = await redis.createScript<string>(script).exec([key], ["written"]);
    if (value === "written") return ok("scripts run, and write");
  } catch {
    // Said below.
  }
  return failed(
    "a script cannot run, or not write",
    "Is the token a read-only one? The gateway needs the one that may write, and EVAL.",
  );
}

/** The limiter itself, under a key that is thrown away. */
async function testLimiter(redis: Redis, windowMs: number): Promise<Finding> {
  const name = randomUUID();
  const prefix = "short-interest:doctor";
  const clientLog = `${prefix}:${name}:client`;
  const rule = { limit: ALLOWED, windowMs, maxInFlightMs: 0, waitMs: 0, clientShare: ASKING };
  const ask = async () => {
    const wish = { id: randomUUID(), clientLog, reserve: 0 };
    const limiter = new Ratelimit({
      redis,
      prefix,
      limiter: slidingWindowLog(rule, wish),
      timeout: 0,
      ephemeralCache: false,
    });
    return parse(AcquireResult, await limiter.limit(name)).success;
  };
  const granted = (await Promise.all(Array.from({ length: ASKING }, ask))).filter(Boolean).length;
  await redis.del(`${prefix}:${name}`, clientLog);
  if (granted === ALLOWED)
    return ok(`${ASKING} asked at once for ${ALLOWED} permits, and ${granted} got one`);
  return failed(
    `${ASKING} asked at once for ${ALLOWED} permits, and ${granted} got one`,
    "Is this Upstash Redis, or another database that only speaks like it? The limit would not hold.",
  );
}

/** Makes a call as the Worker does: with a permit from the same log. */
export function permittedBy({ upstash: address, quota }: Config): Permitted {
  const upstash = createUpstash(address, DEADLINES.upstash);
  const background: Promise<unknown>[] = [];
  const waitUntil = (work: Promise<unknown>) => background.push(work);
  const rule = { ...quota, maxInFlightMs: PERMIT_MAX_AGE_MS + DEADLINES.call };
  const permits = createPermits({ upstash, database: address.url, rule, waitUntil, now: Date.now });
  return async (call) => {
    const { signal } = new AbortController();
    const steps = { connect: async () => undefined, call, signal, waitUntil };
    const { reply, permit } = await callWithPermit(permits, { client: "doctor", priority: "answer" }, steps);
    await upstash.evalAll([permits.settleScript(permit, false)]);
    await Promise.all(background);
    return reply;
  };
}
