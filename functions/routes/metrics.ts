import { limitExpensive } from "../http/auth.ts";
import { NoQuery, parseQuery } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { circuitOpenMs } from "../page-source/circuit-breaker.ts";
import { createPermits } from "../rate-limit/permits.ts";
import { COUNTERS, INITIAL_COUNTS } from "../telemetry/counters.ts";
import { countersOf } from "../telemetry/request-logger.ts";
import type { Counts } from "../telemetry/request-stats.ts";
import { DEADLINES } from "../timeout.ts";
import { createUpstash } from "../upstash.ts";
import { createOutbox } from "../webhooks/outbox.ts";

const PREFIX = "short_interest_";
/** Prometheus' text format. */
const TYPE = "text/plain; version=0.0.4; charset=utf-8";

export const GAUGES = {
  permits_available: { help: "Calls that the rate limit allows right now." },
  circuit_open_seconds: {
    help: "Seconds until the circuit breaker lets a call to OpenD through; 0 if it is closed or half-open.",
  },
  webhook_messages_pending: { help: "Undelivered messages, without those of paused webhooks." },
} as const;

/** `GET /metrics`: the counters of all data centers together, and the current gauges. */
export async function getMetrics({ req, body, var: scope }: AppContext): Promise<Response> {
  parseQuery(NoQuery, req.url);
  await limitExpensive(scope.client, "metrics requests", scope.config.auth);
  const [counts, gauges] = await Promise.all([readCounters(scope), readGauges(scope)]);
  const text = [
    ...familiesOf("counter", COUNTERS, new Map([...INITIAL_COUNTS, ...counts])),
    ...familiesOf("gauge", GAUGES, new Map(Object.entries(gauges))),
  ].join("\n");
  return body(`${text}\n`, 200, { "Content-Type": TYPE, "Cache-Control": "no-store" });
}

async function readCounters({ config, stats, waitUntil }: AppContext["var"]) {
  const counters = countersOf(config.upstash, stats, waitUntil);
  await counters.flush();
  return counters.read();
}

async function readGauges({ config, stats, waitUntil }: AppContext["var"]) {
  const upstash = createUpstash(config.upstash, DEADLINES.upstash, stats.countSubrequest);
  const rule = { ...config.quota, maxInFlightMs: 0 };
  const permits = createPermits({ upstash, database: config.upstash.url, rule, waitUntil, now: Date.now });
  const [permitsLeft, openMs, pending] = await Promise.all([
    permits.remaining(),
    circuitOpenMs(upstash, Date.now()),
    createOutbox(upstash, Date.now).pendingCount(),
  ]);
  return {
    permits_available: permitsLeft,
    circuit_open_seconds: openMs / 1_000,
    webhook_messages_pending: pending,
  };
}

/** The lines of each metric: help, type, and its series, sorted. */
function familiesOf(
  type: "counter" | "gauge",
  metrics: Readonly<Record<string, { readonly help: string }>>,
  values: Counts,
): string[] {
  return Object.entries(metrics).flatMap(([name, { help }]) => [
    `# HELP ${PREFIX}${name} ${help}`,
    `# TYPE ${PREFIX}${name} ${type}`,
    ...[...values]
      .filter(([series]) => series.replace(/\{.*/, "") === name)
      .map(([series, value]) => `${PREFIX}${series} ${value}`)
      .sort(),
  ]);
}
