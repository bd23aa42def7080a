import { Failure, type FailureCode } from "../errors.ts";

interface Problem {
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 405
    | 406
    | 409
    | 413
    | 415
    | 422
    | 426
    | 429
    | 500
    | 502
    | 503
    | 504;
  readonly title: string;
  /** What the caller or the operator can do. */
  readonly advice: string;
}

export const PROBLEMS: Readonly<Record<FailureCode, Problem>> = {
  invalid_symbol: {
    status: 400,
    title: "Invalid symbol",
    advice:
      "Write a symbol as market and code: HK.00700, US.AAPL, US.BRK.B. The member did_you_mean lists symbols that the text may mean.",
  },
  invalid_parameter: {
    status: 400,
    title: "Invalid parameter",
    advice: "The member parameter names the parameter. The member detail says which values are valid.",
  },
  unsupported_market: {
    status: 400,
    title: "Unsupported market",
    advice: "Short interest is available for securities listed in Hong Kong (HK) and the United States (US).",
  },
  unauthorized: {
    status: 401,
    title: "API key required",
    advice:
      "Send a valid key in the header Authorization: Bearer or X-API-Key. Only a key for URLs may be sent as ?key=, and it only reads /v1/short-interest. The operator issues keys.",
  },
  forbidden_origin: {
    status: 403,
    title: "Origin not allowed",
    advice: "The operator lists the allowed web origins in ALLOWED_ORIGINS.",
  },
  unknown_symbol: {
    status: 404,
    title: "Unknown symbol",
    advice:
      "OpenD knows no such security, or has no short interest for this type of security. This result is cached for ten minutes.",
  },
  not_found: { status: 404, title: "Not found", advice: "See /docs for all paths." },
  method_not_allowed: {
    status: 405,
    title: "Method not allowed",
    advice: "The header Allow lists the allowed methods.",
  },
  not_acceptable: {
    status: 406,
    title: "Format not available",
    advice: "Request an available format with the Accept header or the parameter format.",
  },
  limit_reached: {
    status: 409,
    title: "Limit reached",
    advice:
      "The member detail names the limit. Delete a webhook, or wait until an old secret or an idempotency key expires.",
  },
  duplicate_webhook: {
    status: 409,
    title: "Duplicate webhook",
    advice:
      "Your key already has a webhook with this URL and these symbols. The member detail names it. Change or delete that webhook.",
  },
  inactive_webhook: {
    status: 409,
    title: "Inactive webhook",
    advice: 'Resume the webhook first: send PATCH with {"active": true}.',
  },
  idempotency_key_in_use: {
    status: 409,
    title: "Idempotency key in use",
    advice:
      "The first request with this Idempotency-Key is in progress. Repeat the request after Retry-After.",
  },
  content_too_large: { status: 413, title: "Content too large", advice: "Send a smaller request body." },
  unsupported_media_type: {
    status: 415,
    title: "Unsupported media type",
    advice: "The member detail names the supported media type.",
  },
  unverified_endpoint: {
    status: 422,
    title: "Endpoint verification failed",
    advice: "The endpoint must answer a signed test message with 2xx within 15 s.",
  },
  idempotency_key_reused: {
    status: 422,
    title: "Idempotency key reused",
    advice: "Send another Idempotency-Key for another request body. A key is remembered for 24 hours.",
  },
  upgrade_required: {
    status: 426,
    title: "Upgrade required",
    advice: "Connect with a WebSocket client, for example npm run bridge.",
  },
  too_many_requests: {
    status: 429,
    title: "Too many requests",
    advice:
      "Wait for the number of seconds in Retry-After. The limit applies to each API key or, where no key is required, to each IP address. Failed authentications per IP address and expensive operations per key, such as test messages, have lower limits.",
  },
  client_quota_exceeded: {
    status: 429,
    title: "Your share of OpenD's rate limit is used up",
    advice: "Wait for the number of seconds in Retry-After. Cached pages are still served.",
  },
  upstream_quota_exceeded: {
    status: 429,
    title: "OpenD's rate limit is used up",
    advice: "Wait for the number of seconds in Retry-After. Cached pages are still served.",
  },
  internal: {
    status: 500,
    title: "Internal error",
    advice: "This is a bug. Report it with the X-Request-Id header of the response.",
  },
  misconfigured: {
    status: 500,
    title: "Service misconfigured",
    advice: "The operator must correct the variable that the member parameter names.",
  },
  opend_unreachable: {
    status: 502,
    title: "OpenD unreachable",
    advice: "The connection to OpenD failed. Try again later.",
  },
  opend_key_refused: {
    status: 502,
    title: "OpenD refused the service's key",
    advice: "The operator must set OPEND_KEY to the key in OpenD's configuration.",
  },
  opend_protocol_error: {
    status: 502,
    title: "Invalid response from OpenD",
    advice: "If the error persists, the versions of OpenD and of this service are incompatible.",
  },
  opend_failed: {
    status: 502,
    title: "OpenD refused the request",
    advice:
      "OpenD gave an unknown reason, which the operator finds in the log. One possible cause is a cursor that OpenD did not issue.",
  },
  opend_no_permission: {
    status: 502,
    title: "No permission for this market",
    advice: "OpenD's account has no permission for quotes of this market.",
  },
  store_unavailable: {
    status: 503,
    title: "Shared store unavailable",
    advice: "Upstash Redis did not answer, so OpenD was not called. Try again later.",
  },
  subrequest_limit: {
    status: 503,
    title: "Subrequest limit reached",
    advice:
      "Try again: pages that were already fetched are cached. Or request fewer rows or symbols. The hosting plan limits the subrequests of each request.",
  },
  opend_timeout: {
    status: 504,
    title: "OpenD timed out",
    advice:
      "OpenD did not answer in time. Try again later. If it never answers the login, the operator must set OPEND_RSA_PRIVATE_KEY to the RSA key in OpenD's configuration.",
  },
  request_timeout: {
    status: 504,
    title: "Request deadline exceeded",
    advice: "Try again: pages that were already fetched are cached.",
  },
};

/** The problem type that is registered for used-up quotas. */
const QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded";

/** The names of the quotas in RateLimit headers. */
const POLICIES: Partial<Record<FailureCode, string>> = {
  too_many_requests: "requests",
  client_quota_exceeded: "client",
  upstream_quota_exceeded: "upstream",
};

/** A failure as problem details (RFC 9457): a response body, or a member of one. */
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
    did_you_mean: failure.didYouMean.length === 0 ? undefined : failure.didYouMean,
    retry_after: failure.retryAfterMs === undefined ? undefined : secondsOf(failure.retryAfterMs),
    ...(policy === undefined ? {} : { "violated-policies": [policy] }),
  };
}

/** A failure as a response, which must not be cached. */
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
  if (problem.status === 426) headers.set("Upgrade", "websocket");
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

function secondsOf(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000));
}

/**
 * Explains an error code, as plain text.
 * @throws Failure `not_found` for an unknown code
 */
export function explainProblem(code: string): string {
  const problem = Object.entries(PROBLEMS).find(([name]) => name === code)?.[1];
  if (!problem) throw new Failure("not_found", "Unknown error code");
  return `${code} (${problem.status}): ${problem.title}\n\n${problem.advice}\n`;
}
