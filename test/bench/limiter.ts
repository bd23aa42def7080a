import { randomUUID } from "node:crypto";
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";
import { createPermits } from "../../functions/rate-limit/permits.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { worstWindow } from "./measure.ts";
import type { Report } from "./report.ts";
import { type Remotes, Stage } from "./stage.ts";

const LIMIT = 30;
const WINDOW_MS = 30_000;
/** Windows that are looked at; before them one is filled. */
const WINDOWS = 2;
const ASKERS = 6;
/** Between a permit and the arrival of its call, at most. */
const JITTER_MS = 800;
const AGAIN_MS = 25;

/** Asks for a permit. What it gives is told once the call has been made; undefined is a refusal. */
type Ask = () => Promise<(() => Promise<unknown>) | undefined>;

/**
 * The limiter at saturation beside the library's own algorithms, each under a Redis of its own and all at the same
 * time: how many permits a window gives, and what an OpenD that counts exactly would have to refuse.
 */
export async function benchLimiter(report: Report): Promise<void> {
  await using stage = new Stage();
  const remotes = await stage.remotes();
  const algorithms: [string, Ask][] = [
    ["the exact log", await exactLog(stage, remotes)],
    ["slidingWindow(30, 30 s)", await library(stage, remotes, Ratelimit.slidingWindow(LIMIT, "30 s"))],
    ["tokenBucket(30, 30 s, 30)", await library(stage, remotes, Ratelimit.tokenBucket(LIMIT, "30 s", LIMIT))],
  ];
  report.line(`${ASKERS} ask without a pause; a call arrives up to ${JITTER_MS} ms after its permit`);
  report.line("                             permits in a window    refused by OpenD    worst 30 s");
  const found = await Promise.all(algorithms.map(([, ask]) => saturate(ask)));
  for (const [at, [name]] of algorithms.entries()) {
    const { perWindow, refused, worst } = found[at] ?? { perWindow: 0, refused: 0, worst: 0 };
    report.line(
      `${name.padEnd(28)}${perWindow.toFixed(1).padStart(20)}${String(refused).padStart(20)}${String(worst).padStart(14)}`,
    );
  }
  const [ours] = found;
  if (!ours) return;
  const unit = ["", ""] as const;
  report.compare({ what: "permits in a window of 30", value: ours.perWindow, unit, target: { least: 29 } });
  report.compare({ what: "calls that OpenD refused", value: ours.refused, unit, target: { most: 0 } });
  if (ours.refused > 0 || ours.worst > LIMIT) report.broken("the limit did not hold");
}

async function exactLog(stage: Stage, { redis }: Remotes): Promise<Ask> {
  const { url, token } = stage.add(await startUpstash(await redis.open()));
  const upstash = createUpstash({ url, token }, 3_000);
  const rule = { limit: LIMIT, windowMs: WINDOW_MS, clientShare: LIMIT, waitMs: 0, maxInFlightMs: 6_000 };
  const permits = createPermits({
    upstash,
    database: url,
    rule,
    waitUntil: () => undefined,
    now: Date.now,
  });
  return async () => {
    const permit = await permits.acquire({ client: "bench", priority: "answer" }).catch(() => undefined);
    return permit && (() => upstash.evalAll([permits.settleScript(permit, false)]));
  };
}

async function library(
  stage: Stage,
  { redis: host }: Remotes,
  limiter: ConstructorParameters<typeof Ratelimit>[0]["limiter"],
): Promise<Ask> {
  const { url, token } = stage.add(await startUpstash(await host.open()));
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

/** Asks from many sides for a while, and looks at when the calls have arrived. */
async function saturate(ask: Ask) {
  const arrivals: number[] = [];
  const began = performance.now();
  // The first window begins empty, and so gives its permits at once.
  const end = began + (WINDOWS + 1) * WINDOW_MS;
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const call = async (told: () => Promise<unknown>) => {
    await wait(Math.random() * JITTER_MS);
    arrivals.push(performance.now());
    await told();
  };
  const calls: Promise<void>[] = [];
  await Promise.all(
    Array.from({ length: ASKERS }, async () => {
      while (performance.now() < end) {
        const told = await ask();
        if (told) calls.push(call(told));
        else await wait(AGAIN_MS);
      }
    }),
  );
  await Promise.all(calls);
  arrivals.sort((a, b) => a - b);
  const later = arrivals.filter((at) => at >= began + WINDOW_MS && at < end).length;
  return {
    perWindow: later / WINDOWS,
    refused: refusedOf(arrivals),
    worst: worstWindow(arrivals, WINDOW_MS),
  };
}

/** How many an OpenD that counts a rolling log would refuse; a refused one does not count. */
function refusedOf(arrivals: readonly number[]): number {
  const taken: number[] = [];
  for (const at of arrivals) {
    const before = taken.at(-LIMIT);
    if (before === undefined || at - before > WINDOW_MS) taken.push(at);
  }
  return arrivals.length - taken.length;
}
