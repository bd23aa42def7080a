import { Failure, type FailureCode } from "../errors.ts";

interface Problem {
  readonly status: 400 | 401 | 403 | 404 | 405 | 406 | 409 | 413 | 415 | 422 | 429 | 500 | 502 | 503 | 504;
  readonly title: string;
  /** What a caller, or the operator, can do about it. */
  readonly advice: string;
}

export const PROBLEMS: Readonly<Record<FailureCode, Problem>> = {
  invalid_symbol: {
    status: 400,
    title: "Not a symbol",
    advice: "Write a symbol as market and code: HK.00700, US.AAPL, US.BRK.B.",
  },
  invalid_parameter: {
    status: 400,
    title: "Parameter that cannot be taken",
    advice: "The member parameter names it, and detail says what it may be.",
  },
  unsupported_market: {
    status: 400,
    title: "Market without short interest",
    advice: "Short interest exists for securities listed in Hong Kong (HK) and the United States (US).",
  },
  unauthorized: {
    status: 401,
    title: "A key is needed",
    advice: "Send the key that the operator gave you as Authorization: Bearer, or as X-API-Key.",
  },
  forbidden_origin: {
    status: 403,
    title: "Not for pages of this origin",
    advice: "The operator names the origins whose pages may ask in ALLOWED_ORIGINS.",
  },
  unknown_symbol: {
    status: 404,
    title: "Unknown symbol",
    advice:
      "OpenD knows no such security, or has no short interest of its kind. This is believed for ten minutes.",
  },
  not_found: { status: 404, title: "There is no such thing", advice: "/docs shows what there is." },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    advice: "The header Allow says which methods are.",
  },
  not_acceptable: {
    status: 406,
    title: "No such format",
    advice: "Name a format in the Accept header that there is, or with the parameter format.",
  },
  limit_reached: {
    status: 409,
    title: "As many as there may be",
    advice: "The member detail says of what. Delete a webhook, or wait until an old secret has ended.",
  },
  duplicate_webhook: {
    status: 409,
    title: "Duplicate webhook",
    advice: "A webhook of your key has the same URL and symbols; detail names it. Change or delete that one.",
  },
  content_too_large: { status: 413, title: "Too much content", advice: "Send less at once." },
  unsupported_media_type: {
    status: 415,
    title: "Not a type of content that is taken",
    advice: "The member detail says which type is.",
  },
  unverified_endpoint: {
    status: 422,
    title: "The receiver did not answer well",
    advice: "A webhook is made when its receiver answers a signed test message with 2xx within 15 s.",
  },
  too_many_requests: {
    status: 429,
    title: "Too many requests",
    advice:
      "Wait for the seconds in Retry-After. All requests of a key count or, where no keys are needed, all requests of an address. Failed authentications of an address, and expensive operations of a key such as test messages, have a lower limit.",
  },
  client_quota_exceeded: {
    status: 429,
    title: "Your share of OpenD's quota is used up",
    advice: "Wait for the seconds in Retry-After. Pages that are kept are answered meanwhile.",
  },
  upstream_quota_exceeded: {
    status: 429,
    title: "OpenD's quota is used up",
    advice: "Wait for the seconds in Retry-After. Pages that are kept are answered meanwhile.",
  },
  internal: {
    status: 500,
    title: "Unexpected error",
    advice: "A fault in this program. Please report what was asked.",
  },
  misconfigured: {
    status: 500,
    title: "Misconfigured gateway",
    advice: "The operator has to set the variable that the member parameter names.",
  },
  opend_unreachable: {
    status: 502,
    title: "OpenD cannot be reached",
    advice: "The operator's OpenD, or the way to it, is down. Try again later.",
  },
  opend_key_refused: {
    status: 502,
    title: "OpenD refused the gateway's key",
    advice: "The operator has to set OPEND_KEY to the key that OpenD is configured with.",
  },
  opend_protocol_error: {
    status: 502,
    title: "OpenD's answer cannot be understood",
    advice: "If it lasts, the gateway and OpenD are of versions that do not fit together.",
  },
  opend_failed: {
    status: 502,
    title: "OpenD refused",
    advice: "OpenD gave a reason that the gateway does not know. For a cursor: it may not be one of OpenD's.",
  },
  opend_no_permission: {
    status: 502,
    title: "OpenD's account lacks a right",
    advice: "The operator's account has no right to quotes of this market.",
  },
  store_unavailable: {
    status: 503,
    title: "Global limit unavailable",
    advice: "The store that all data centres share does not answer, so OpenD is not asked. Try again later.",
  },
  subrequest_limit: {
    status: 503,
    title: "Too much at once",
    advice:
      "Ask again, and what was fetched is there already; or ask for less. The plan limits each request.",
  },
  opend_timeout: { status: 504, title: "OpenD timed out", advice: "Try again later." },
  request_timeout: {
    status: 504,
    title: "Request deadline exceeded",
    advice: "Try again: pages that were fetched meanwhile are cached.",
  },
};

/** Registered for a quota that is used up, whosever it is. */
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** The quotas by their names in RateLimit headers. */
const POLICIES: Partial<Record<FailureCode, string>> = {
  too_many_requests: "requests",
  client_quota_exceeded: "client",
  upstream_quota_exceeded: "upstream",
};

/** A failure as problem details (RFC 9457), of which any may also stand inside another answer. */
export function problemOf(failure: Failure) {
  const { status, title } = PROBLEMS[failure.code];
  const policy = POLICIES[failure.code];
  return {
    type: policy === undefined ? `/problems/${failure.code}` : QUOTA_EXCEEDED,
    title,
    status,
    code: failure.code,
    detail: failure.detail,
    parameter: failure.parameter,
    retry_after: failure.retryAfterMs === undefined ? undefined : secondsOf(failure.retryAfterMs),
    ...(policy === undefined ? {} : { "violated-policies": [policy] }),
  };
}

/** The answer that a failure is. No cache keeps it. */
export function problemResponse(failure: Failure): Response {
  const problem = problemOf(failure);
  const headers = new Headers({ "Content-Type": "application/problem+json", "Cache-Control": "no-store" });
  if (problem.retry_after !== undefined) headers.set("Retry-After", String(problem.retry_after));
  const policy = POLICIES[failure.code];
  if (policy !== undefined) {
    const reset = problem.retry_after === undefined ? "" : `;t=${problem.retry_after}`;
    headers.set("RateLimit", `"${policy}";r=0${reset}`);
  }
  if (problem.status === 401) headers.set("WWW-Authenticate", "Bearer");
  if (problem.status === 406) headers.set("Vary", "Accept");
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}

/**
 * What there is to say about a code, as text.
 * @throws Failure `not_found` where there is no such code
 */
export function explainProblem(code: string): string {
  const problem = Object.entries(PROBLEMS).find(([known]) => known === code)?.[1];
  if (!problem) throw new Failure("not_found", "There is no such code");
  return `${code} (${problem.status}): ${problem.title}\n\n${problem.advice}\n`;
}
