/** The codes of all failures. `http/problem.ts` has their status, title and advice. */
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
  "inactive_webhook",
  "idempotency_key_in_use",
  "idempotency_key_reused",
  "content_too_large",
  "unsupported_media_type",
  "unverified_endpoint",
  "upgrade_required",
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

/** A quota is used up: the same request can succeed a moment later. */
export const QUOTA_CODES: ReadonlySet<FailureCode> = new Set([
  "client_quota_exceeded",
  "upstream_quota_exceeded",
]);

/** A refusal as OpenD sent it. It may have any characters, and secrets. */
export interface OpendReply {
  readonly retType?: number;
  /** Error of the frame header. */
  readonly error?: number;
  readonly text: string;
}

interface FailureFacts {
  /** The invalid request parameter or configuration variable. */
  readonly parameter?: string;
  /** Valid symbols that the invalid one may mean. */
  readonly didYouMean?: readonly string[];
  /** Milliseconds until the same request may succeed. */
  readonly retryAfterMs?: number;
  /** The refusal that OpenD sent. */
  readonly opendReply?: OpendReply | undefined;
}

/**
 * The only error class. Clients read `detail`, so it is always a sentence of this program: never a secret, and never a
 * text from OpenD or Upstash. The operator's log has OpenD's text.
 */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly code: FailureCode;
  readonly detail: string;
  readonly parameter: string | undefined;
  readonly didYouMean: readonly string[];
  readonly retryAfterMs: number | undefined;
  /** Private, so that no serialization of a failure has it. */
  readonly #opendReply: OpendReply | undefined;

  constructor(code: FailureCode, detail: string, facts: FailureFacts = {}) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
    this.parameter = facts.parameter;
    this.didYouMean = facts.didYouMean ?? [];
    this.retryAfterMs = facts.retryAfterMs;
    this.#opendReply = facts.opendReply;
  }

  /** OpenD's refusal, which may have secrets: `opend/operator-text.ts` removes them. No code for clients reads it. */
  get opendReply(): OpendReply | undefined {
    return this.#opendReply;
  }

  /** The same failure. The request may succeed after `retryAfterMs` milliseconds. */
  retryingAfter(retryAfterMs: number): Failure {
    const { code, detail, opendReply } = this;
    return new Failure(code, detail, { retryAfterMs, opendReply });
  }

  /** Converts a thrown value. A value that is not a Failure becomes `internal`, without its message. */
  static from(thrown: unknown): Failure {
    return thrown instanceof Failure ? thrown : new Failure("internal", "An unexpected error occurred");
  }
}
