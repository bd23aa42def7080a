import type { FailureCode } from "../errors.ts";
import { HEADERS, inFormat, problems } from "./parts.ts";
import { nullable, object, ref, type Schema } from "./schemas.ts";

/** What an operator asks, and the programs that look after a service. */

const text = { type: "string" };
const check = object({
  name: {
    enum: ["upstash", "opend"],
    description: "What was asked; of OpenD, whether it lets the gateway in.",
  },
  ok: { type: "boolean" },
  ms: { type: "integer", description: "Milliseconds that it took." },
  code: { ...nullable(text), description: "What went wrong, as of a problem." },
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
const lost = {
  ...opend,
  ok: false,
  code: "opend_unreachable",
  detail: "OpenD's address cannot be connected to",
};
const METRICS = `# HELP short_interest_upstream_calls_total Calls that were sent to OpenD.
# TYPE short_interest_upstream_calls_total counter
short_interest_upstream_calls_total 42
# HELP short_interest_permits_left Calls that the quota would allow right now.
# TYPE short_interest_permits_left gauge
short_interest_permits_left 28
`;

const answer = (description: string, content: ReturnType<typeof inFormat>) => ({
  description,
  headers: HEADERS,
  content: Object.fromEntries([content]),
});

const getHealth = {
  operationId: "getHealth",
  summary: "Says that the Worker runs",
  security: [],
  responses: { "200": answer("It runs", inFormat("json", ref("Health"), { status: "ok" })) },
};

const getReadiness = {
  operationId: "getReadiness",
  summary: "Says whether Upstash and OpenD answer",
  description:
    "For the holders of keys. It logs in to OpenD and makes no call, so it costs nothing of the quota.",
  responses: {
    "200": answer("Both do", inFormat("json", ref("Readiness"), { ready: true, checks: [upstash, opend] })),
    "503": answer(
      "One does not",
      inFormat("json", ref("Readiness"), { ready: false, checks: [upstash, lost] }),
    ),
    ...problems(KEYED),
  },
};

const getMetrics = {
  operationId: "getMetrics",
  summary: "Counters and gauges, as Prometheus reads them",
  description: "For the holders of keys. They are of all data centres together.",
  responses: {
    "200": {
      description: "Prometheus' text format",
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
