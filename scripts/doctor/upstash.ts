import { randomUUID } from "node:crypto";
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";
import { parse } from "valibot";
import type { Config } from "../../functions/env.ts";
import { Failure } from "../../functions/errors.ts";
import { createPermits } from "../../functions/rate-limit/permits.ts";
import { callWithPermit, PERMIT_MAX_AGE_MS } from "../../functions/rate-limit/permitted-call.ts";
import { AcquireResult, slidingWindowLog } from "../../functions/rate-limit/sliding-window-log.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { createUpstash, type UpstashAddress } from "../../functions/upstash.ts";
import { type Check, compareClocks, type Finding, failed, ok, warning } from "./check.ts";
import type { WithPermit } from "./page-call.ts";

/** A longer median round trip causes a warning, in milliseconds. */
const MAX_LATENCY_MS = 100;
const PINGS = 5;
/** The test of the limiter: concurrent requests, and the limit that they share. */
const TEST_REQUESTS = 8;
const TEST_LIMIT = 3;

/** Checks Upstash: connection, latency, clock, scripts and rate limiter. */
export function upstashChecks({ upstash, quota }: Config): Check[] {
  const redis = new Redis({
    ...upstash,
    enableTelemetry: false,
    enableAutoPipelining: false,
    retry: { retries: 0 },
    signal: () => AbortSignal.timeout(DEADLINES.upstash),
  });
  return [
    { name: "upstash", exit: 20, run: () => ping(upstash) },
    { name: "upstash latency", exit: 21, run: () => measure(redis) },
    { name: "upstash clock", exit: 24, run: () => readClock(redis) },
    { name: "upstash scripts", exit: 22, run: () => runScript(redis) },
    { name: "limiter", exit: 23, run: () => testLimiter(redis, quota.windowMs) },
  ];
}

async function ping({ url, token }: UpstashAddress): Promise<Finding> {
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
      `no response from ${new URL(url).host}`,
      "Check that UPSTASH_REDIS_REST_URL is the REST URL of the database (https://….upstash.io), and that the database exists.",
    );
  }
  const text = await response.text();
  if (response.status === 401 || response.status === 403) {
    return failed(
      `token refused: HTTP ${response.status}`,
      "Set UPSTASH_REDIS_REST_TOKEN to the REST token of the database. Its password and the account's API key do not work.",
    );
  }
  if (!response.ok || !/"PONG"/.test(text)) {
    return failed(
      `unexpected response to PING: HTTP ${response.status}`,
      "Check that UPSTASH_REDIS_REST_URL is the REST URL of the database, and the status of the database in the Upstash console.",
    );
  }
  return ok("PING succeeded, token accepted");
}

async function measure(redis: Redis): Promise<Finding> {
  const times: number[] = [];
  for (let ping = 0; ping < PINGS; ping += 1) {
    const startedAt = performance.now();
    await redis.ping();
    times.push(performance.now() - startedAt);
  }
  const median = Math.round(times.sort((a, b) => a - b)[Math.floor(PINGS / 2)] ?? 0);
  const message = `${median} ms from this machine (median of ${PINGS})`;
  if (median <= MAX_LATENCY_MS) return ok(message);
  return warning(
    message,
    "Fetching a page takes three round trips to Upstash. Choose the region that is closest to OpenD.",
  );
}

async function readClock(redis: Redis): Promise<Finding> {
  const startedAt = Date.now();
  const [seconds, micros] = await redis.time();
  return compareClocks("Upstash", seconds * 1_000 + Math.floor(micros / 1_000), (startedAt + Date.now()) / 2);
}

async function runScript(redis: Redis): Promise<Finding> {
  const key = `short-interest:doctor:${randomUUID()}`;
  const script =
    "redis.call('SET', KEYS[1], ARGV[1]) local value = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) return value";
  try {
    const value = await redis.createScript<string>(script).exec([key], ["written"]);
    if (value === "written") return ok("Lua scripts can run and write");
  } catch {
    // Reported below.
  }
  return failed(
    "a Lua script that writes failed",
    "Check that the token is not read-only. The service needs write access and EVAL.",
  );
}

/** Tests the rate limiter itself, under a temporary key. */
async function testLimiter(redis: Redis, windowMs: number): Promise<Finding> {
  const name = randomUUID();
  const prefix = "short-interest:doctor";
  const rule = { limit: TEST_LIMIT, windowMs, maxInFlightMs: 0, maxWaitMs: 0, clientShare: TEST_REQUESTS };
  const acquire = async () => {
    const request = { id: randomUUID(), client: "doctor", reserve: 0 };
    const limiter = new Ratelimit({
      redis,
      prefix,
      limiter: slidingWindowLog(rule, request),
      timeout: 0,
      ephemeralCache: false,
    });
    return parse(AcquireResult, await limiter.limit(name)).success;
  };
  const granted = (await Promise.all(Array.from({ length: TEST_REQUESTS }, acquire))).filter(Boolean).length;
  await redis.del(`${prefix}:${name}`);
  const message = `${granted} of ${TEST_REQUESTS} concurrent requests got a permit; the limit was ${TEST_LIMIT}`;
  if (granted === TEST_LIMIT) return ok(message);
  return failed(
    message,
    "The rate limit would not hold. Check that the database is Upstash Redis, not a compatible one.",
  );
}

/** Makes calls as the service does: with a permit from the same rate limiter. */
export function createWithPermit({ upstash: address, quota }: Config): WithPermit {
  const upstash = createUpstash(address, DEADLINES.upstash);
  const background: Promise<unknown>[] = [];
  const waitUntil = (work: Promise<unknown>) => background.push(work);
  const rule = { ...quota, maxInFlightMs: PERMIT_MAX_AGE_MS + DEADLINES.call };
  const permits = createPermits({ upstash, database: address.url, rule, waitUntil, now: Date.now });
  return async (call) => {
    const { signal } = new AbortController();
    const steps = { connect: async () => undefined, call, signal, waitUntil };
    const request = { client: "doctor", priority: "known-page" } as const;
    try {
      const { reply, permit } = await callWithPermit(permits, request, steps);
      await upstash.evalAll([permits.settleScript(permit, false)]);
      // OpenD itself refused the call: the service shall make none for a window either.
      if (reply instanceof Failure && reply.code === "upstream_quota_exceeded") await permits.block();
      return reply;
    } finally {
      await Promise.all(background);
    }
  };
}
