import { DEADLINES } from "./deadline.ts";
import type { Config } from "./env.ts";
import { Failure } from "./failure.ts";
import { createPermits } from "./limit/permits.ts";
import { openSession } from "./opend/session.ts";
import { circuitOpenMs } from "./pages/circuit-breaker.ts";
import { countersOf } from "./telemetry/recorder.ts";
import type { Tally, Trace } from "./trace.ts";
import { createUpstash, type Upstash } from "./upstash.ts";
import { createOutbox } from "./webhooks/outbox.ts";

/** How things stand, for the operator. */

const upstashOf = ({ upstash }: Config, trace: Trace): Upstash =>
  createUpstash(upstash, DEADLINES.upstash, trace.spend);

/** Whether something that this gateway needs is there. */
export interface Readiness {
  readonly name: "upstash" | "opend";
  readonly ms: number;
  /** What stands in the way; absent where nothing does. */
  readonly failure?: Failure;
}

/** Asks Upstash, and logs in to OpenD. It makes no call, so it costs nothing of the quota. */
export function readinessOf(config: Config, trace: Trace): Promise<Readiness[]> {
  const upstash = upstashOf(config, trace);
  return Promise.all([
    timed("upstash", () => upstash.ask((redis) => redis.ping())),
    timed("opend", async () => {
      trace.spend();
      const session = await openSession(config.opend, DEADLINES, new AbortController().signal);
      session.close();
    }),
  ]);
}

async function timed(name: Readiness["name"], work: () => Promise<unknown>): Promise<Readiness> {
  const began = Date.now();
  try {
    await work();
    return { name, ms: Date.now() - began };
  } catch (thrown) {
    return { name, ms: Date.now() - began, failure: Failure.from(thrown) };
  }
}

export interface Condition {
  /** What all data centres together have counted. */
  readonly counts: Tally;
  /** Calls that the quota would allow right now. */
  readonly permitsLeft: number;
  /** For how long OpenD is left alone, in milliseconds; 0 where it is not. */
  readonly restMs: number;
  /** Messages that are neither delivered nor given up. */
  readonly pending: number;
}

/** @throws Failure `store_unavailable` */
export async function conditionOf(
  config: Config,
  trace: Trace,
  background: (work: Promise<unknown>) => void,
): Promise<Condition> {
  const upstash = upstashOf(config, trace);
  const counters = countersOf(config.upstash, trace, background);
  await counters.flush();
  const [counts, permitsLeft, rest, pending] = await Promise.all([
    counters.read(),
    createPermits({
      upstash,
      database: config.upstash.url,
      rule: { ...config.quota, holdMs: 0 },
      background,
      now: Date.now,
    }).left(),
    circuitOpenMs(upstash, Date.now()),
    createOutbox(upstash, Date.now).size(),
  ]);
  return { counts, permitsLeft, restMs: rest, pending };
}
