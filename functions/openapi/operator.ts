import type { FailureCode } from "../errors.ts";
import { HEADERS, inFormat, problems, WITH_KEY } from "./building-blocks.ts";
import { nullable, object, ref, type Schema } from "./schemas.ts";

/** Endpoints for the operator and for monitoring. */

const text = { type: "string" };
const check = object({
  name: {
    enum: ["upstash", "opend"],
    description: "upstash: a PING; opend: a login.",
  },
  ok: { type: "boolean" },
  ms: { type: "integer", description: "Duration in milliseconds." },
  code: { ...nullable(text), description: "Error code; null if the check passed." },
  detail: nullable(text),
});

export const OPERATOR_SCHEMAS: Readonly<Record<string, Schema>> = {
  Health: object({ status: { const: "ok" } }),
  Readiness: object({ ready: { type: "boolean" }, checks: { type: "array", items: check } }),
};

const KEYED: readonly FailureCode[] = [
  "invalid_parameter",
  "unauthorized",
  "too_many_requests",
  "misconfigured",
  "internal",
];

const upstash = { name: "upstash", ok: true, ms: 4, code: null, detail: null };
const opend = { name: "opend", ok: true, ms: 31, code: null, detail: null };
const unreachable = {
  ...opend,
  ok: false,
  code: "opend_unreachable",
  detail: "Cannot connect to OpenD",
};
const METRICS = `# HELP short_interest_upstream_calls_total Calls sent to OpenD.
# TYPE short_interest_upstream_calls_total counter
short_interest_upstream_calls_total 42
# HELP short_interest_permits_available Calls that the rate limit allows right now.
# TYPE short_interest_permits_available gauge
short_interest_permits_available 28
`;

const response = (description: string, content: ReturnType<typeof inFormat>) => ({
  description,
  headers: HEADERS,
  content: Object.fromEntries([content]),
});

const getHealth = {
  operationId: "getHealth",
  tags: ["Operator"],
  summary: "Liveness check",
  description: "Shows that the Worker runs. It checks neither Upstash Redis nor OpenD.",
  security: [],
  responses: { "200": response("The Worker runs", inFormat("json", ref("Health"), { status: "ok" })) },
};

const getReadiness = {
  operationId: "getReadiness",
  tags: ["Operator"],
  summary: "Readiness check",
  security: WITH_KEY,
  description:
    "Checks whether Upstash Redis and OpenD are reachable. Requires an API key. It logs in to OpenD without making a call, so it does not use the rate limit.",
  responses: {
    "200": response(
      "Both are reachable",
      inFormat("json", ref("Readiness"), { ready: true, checks: [upstash, opend] }),
    ),
    "503": response(
      "One is unreachable",
      inFormat("json", ref("Readiness"), { ready: false, checks: [upstash, unreachable] }),
    ),
    ...problems(KEYED),
  },
};

const getMetrics = {
  operationId: "getMetrics",
  tags: ["Operator"],
  summary: "Prometheus metrics",
  security: WITH_KEY,
  description: "Counters and gauges, summed over all data centers. Requires an API key.",
  responses: {
    "200": {
      description: "Prometheus text format",
      headers: HEADERS,
      content: { "text/plain": { schema: text, example: METRICS } },
    },
    ...problems([...KEYED, "store_unavailable"]),
  },
};

export const OPERATOR_PATHS = {
  "/healthz": { get: getHealth },
  "/readyz": { get: getReadiness },
  "/metrics": { get: getMetrics },
};
