import { conditionOf } from "../condition.ts";
import { limitExpensive } from "../http/auth.ts";
import type { RouteContext } from "../scope.ts";
import { COUNTED } from "../telemetry/counters.ts";
import { NoQuery, parseQuery } from "./parameters.ts";

const PREFIX = "short_interest_";
/** Prometheus' text format. */
const TYPE = "text/plain; version=0.0.4; charset=utf-8";

export const GAUGES = {
  permits_left: "Calls that the quota would allow right now.",
  opend_rest_seconds: "For how long OpenD is left alone, because it failed; 0 where it is not.",
  webhook_messages_pending: "Undelivered messages, without those of paused webhooks.",
} as const;

/** `GET /metrics`: what all data centres together have counted, and how things stand. */
export async function getMetrics({ req, body, var: scope }: RouteContext): Promise<Response> {
  parseQuery(NoQuery, req.url);
  await limitExpensive(scope.client, "metrics requests", scope.config.access);
  const { counts, permitsLeft, restMs, pending } = await conditionOf(
    scope.config,
    scope.trace,
    scope.background,
  );
  const gauges = {
    permits_left: permitsLeft,
    opend_rest_seconds: restMs / 1_000,
    webhook_messages_pending: pending,
  };
  const nothingYet = new Map([["upstream_calls_total", 0]]);
  const text = [
    ...familiesOf("counter", COUNTED, new Map([...nothingYet, ...counts])),
    ...familiesOf("gauge", GAUGES, new Map(Object.entries(gauges))),
  ].join("\n");
  return body(`${text}\n`, 200, { "Content-Type": TYPE, "Cache-Control": "no-store" });
}

/** Lines of each metric: what it is, and its series, sorted. */
function familiesOf(
  type: "counter" | "gauge",
  about: Readonly<Record<string, string>>,
  values: ReadonlyMap<string, number>,
): string[] {
  return Object.entries(about).flatMap(([name, help]) => [
    `# HELP ${PREFIX}${name} ${help}`,
    `# TYPE ${PREFIX}${name} ${type}`,
    ...[...values]
      .filter(([series]) => series.replace(/\{.*/, "") === name)
      .map(([series, value]) => `${PREFIX}${series} ${value}`)
      .sort(),
  ]);
}
