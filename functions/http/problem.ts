import type { Failure, FailureCode } from "../failure.ts";

interface Problem {
  readonly status: 400 | 404 | 405 | 406 | 429 | 500 | 502 | 503 | 504;
  readonly title: string;
}

const PROBLEMS: Readonly<Record<FailureCode, Problem>> = {
  invalid_symbol: { status: 400, title: "Not a symbol" },
  invalid_parameter: { status: 400, title: "Parameter out of range" },
  unsupported_market: { status: 400, title: "Market without short interest" },
  unknown_symbol: { status: 404, title: "Unknown symbol" },
  not_found: { status: 404, title: "No such path" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  not_acceptable: { status: 406, title: "No such format" },
  client_quota_exceeded: { status: 429, title: "Your share of OpenD's quota is used up" },
  upstream_quota_exceeded: { status: 429, title: "OpenD's quota is used up" },
  internal: { status: 500, title: "Unexpected error" },
  misconfigured: { status: 500, title: "Misconfigured gateway" },
  opend_unreachable: { status: 502, title: "OpenD cannot be reached" },
  opend_key_refused: { status: 502, title: "OpenD refused the gateway's key" },
  opend_protocol_error: { status: 502, title: "OpenD's answer cannot be understood" },
  opend_failed: { status: 502, title: "OpenD refused" },
  opend_no_permission: { status: 502, title: "OpenD's account lacks a right" },
  limiter_unavailable: { status: 503, title: "Global limit unavailable" },
  opend_timeout: { status: 504, title: "OpenD took too long" },
};

/** Registered for a quota that is used up, whosever it is. */
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** A failure as problem details (RFC 9457). No cache keeps it. */
export function problemResponse(failure: Failure): Response {
  const { status, title } = PROBLEMS[failure.code];
  const headers = new Headers({ "Content-Type": "application/problem+json", "Cache-Control": "no-store" });
  const body = {
    type: status === 429 ? QUOTA_EXCEEDED : "about:blank",
    title,
    status,
    code: failure.code,
    detail: failure.detail,
    parameter: failure.parameter,
    ...(status === 429 ? { "violated-policies": [failure.code.replace("_quota_exceeded", "")] } : {}),
  };
  if (failure.retryAfterMs !== undefined) {
    headers.set("Retry-After", String(Math.max(1, Math.ceil(failure.retryAfterMs / 1_000))));
  }
  return new Response(JSON.stringify(body), { status, headers });
}
