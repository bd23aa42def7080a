import { randomUUID } from "node:crypto";
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";
import { createPermits } from "../../functions/rate-limit/permits.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { maxCallsInWindow } from "../support/max-calls.ts";
import type { Report } from "./report.ts";
import { type Remotes, Resources } from "./resources.ts";

const LIMIT = 30;
const WINDOW_MS = 30_000;
/** Measured windows, after one that fills the limiter. */
const WINDOWS = 2;
const CLIENTS = 6;
/** Maximum time between a permit and the arrival of its call. */
const JITTER_MS = 800;
const RETRY_MS = 25;

/** Acquires a permit. Resolves to the function that settles it after the call; undefined if it is refused. */
type Acquire = () => Promise<(() => Promise<unknown>) | undefined>;

/**
 * Saturates the limiter and the algorithms of @upstash/ratelimit, each with its own Redis and all at the same time.
 * Reports the permits per window and the calls that an exact rate limit would refuse.
 */
export async function benchLimiter(report: Report): Promise<void> {
  await using resources = new Resources();
  const remotes = await resources.remotes();
  const library = (limiter: Algorithm) => libraryLimiter(resources, remotes, limiter);
  const limiters: [string, Acquire][] = [
    ["sliding-window log", await ownLimiter(resources, remotes)],
    ["slidingWindow(30, 30 s)", await library(Ratelimit.slidingWindow(LIMIT, "30 s"))],
    ["tokenBucket(30, 30 s, 30)", await library(Ratelimit.tokenBucket(LIMIT, "30 s", LIMIT))],
  ];
  report.line(`${CLIENTS} clients without a pause; a call arrives up to ${JITTER_MS} ms after its permit`);
  report.line("                              permits per window    refused by OpenD    worst 30 s");
  const results = await Promise.all(
    limiters.map(async ([name, acquire]) => ({ name, ...(await saturate(acquire)) })),
  );
  for (const { name, perWindow, refused, worst } of results) {
    report.line(
      `${name.padEnd(28)}${perWindow.toFixed(1).padStart(20)}${String(refused).padStart(20)}${String(worst).padStart(14)}`,
    );
  }
  const [own] = results;
  if (!own) return;
  const unit = ["", ""] as const;
  report.compare({ name: "permits per window of 30", value: own.perWindow, unit, target: { min: 29 } });
  report.compare({ name: "calls refused by OpenD", value: own.refused, unit, target: { max: 0 } });
  if (own.refused > 0 || own.worst > LIMIT) report.fail("the rate limit did not hold");
}

async function ownLimiter(resources: Resources, { redis }: Remotes): Promise<Acquire> {
  const { url, token } = resources.add(await startUpstash(await redis.open()));
  const upstash = createUpstash({ url, token }, 3_000);
  const rule = { limit: LIMIT, windowMs: WINDOW_MS, clientShare: LIMIT, maxWaitMs: 0, maxInFlightMs: 6_000 };
  const permits = createPermits({
    upstash,
    database: url,
    rule,
    waitUntil: () => undefined,
    now: Date.now,
  });
  return async () => {
    const permit = await permits.acquire({ client: "bench", priority: "known-page" }).catch(() => undefined);
    return permit && (() => upstash.evalAll([permits.settleScript(permit, false)]));
  };
}

type Algorithm = ConstructorParameters<typeof Ratelimit>[0]["limiter"];

async function libraryLimiter(
  resources: Resources,
  { redis: host }: Remotes,
  limiter: Algorithm,
): Promise<Acquire> {
  const { url, token } = resources.add(await startUpstash(await host.open()));
  const redis = new Redis({ url, token, enableTelemetry: false });
  const ratelimit = new Ratelimit({
    redis,
    limiter,
    prefix: randomUUID(),
    ephemeralCache: false,
    timeout: 0,
  });
  return async () => ((await ratelimit.limit("opend")).success ? async () => undefined : undefined);
}

/** Acquires permits with several clients until the measured windows end, and evaluates the arrivals of the calls. */
async function saturate(acquire: Acquire) {
  const arrivals: number[] = [];
  const startedAt = performance.now();
  // The first window starts empty and grants its permits at once, so it is not measured.
  const end = startedAt + (WINDOWS + 1) * WINDOW_MS;
  const wait = (waitMs: number) => new Promise((resolve) => setTimeout(resolve, waitMs));
  const call = async (settle: () => Promise<unknown>) => {
    await wait(Math.random() * JITTER_MS);
    arrivals.push(performance.now());
    await settle();
  };
  const calls: Promise<void>[] = [];
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (performance.now() < end) {
        const settle = await acquire();
        if (settle) calls.push(call(settle));
        else await wait(RETRY_MS);
      }
    }),
  );
  await Promise.all(calls);
  arrivals.sort((a, b) => a - b);
  const measured = arrivals.filter((time) => time >= startedAt + WINDOW_MS && time < end).length;
  return {
    perWindow: measured / WINDOWS,
    refused: refusedCalls(arrivals),
    worst: maxCallsInWindow(arrivals, WINDOW_MS),
  };
}

/** Returns the number of calls that an OpenD with a sliding-window log would refuse. Refused calls do not count. */
function refusedCalls(arrivals: readonly number[]): number {
  const accepted: number[] = [];
  for (const time of arrivals) {
    const oldest = accepted.at(-LIMIT);
    if (oldest === undefined || time - oldest > WINDOW_MS) accepted.push(time);
  }
  return arrivals.length - accepted.length;
}
