/** Every way in which a request can fail; `http/problem.ts` gives each its status and title. */
export const FAILURE_CODES = [
  "invalid_symbol",
  "invalid_parameter",
  "unsupported_market",
  "unauthorized",
  "forbidden_origin",
  "unknown_symbol",
  "not_found",
  "method_not_allowed",
  "not_acceptable",
  "limit_reached",
  "duplicate_webhook",
  "content_too_large",
  "unsupported_media_type",
  "unverified_endpoint",
  "too_many_requests",
  "client_quota_exceeded",
  "upstream_quota_exceeded",
  "internal",
  "misconfigured",
  "subrequest_limit",
  "opend_unreachable",
  "opend_key_refused",
  "opend_protocol_error",
  "opend_failed",
  "opend_no_permission",
  "opend_timeout",
  "request_timeout",
  "store_unavailable",
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/** A quota is used up: the same call may be made a moment later. */
export const QUOTA_CODES: ReadonlySet<FailureCode> = new Set([
  "client_quota_exceeded",
  "upstream_quota_exceeded",
]);

interface FailureFacts {
  /** The request parameter or configuration variable that is at fault. */
  readonly parameter?: string;
  /** Milliseconds until the same request may succeed. */
  readonly retryAfterMs?: number;
}

/**
 * The one error of this program. `detail` is shown to clients, so it is always this program's own
 * sentence: never a secret, and never a text that came from OpenD or Upstash.
 */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly detail: string;
  readonly parameter: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: FailureCode, detail: string, facts: FailureFacts = {}) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
    this.parameter = facts.parameter;
    this.retryAfterMs = facts.retryAfterMs;
  }

  /** Whatever was thrown, as a Failure. What is not one already is `internal`, and says nothing more. */
  static from(thrown: unknown): Failure {
    return thrown instanceof Failure ? thrown : new Failure("internal", "An unexpected error occurred");
  }
}
