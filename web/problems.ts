import type { FailureCode } from "../functions/errors.ts";
import type { Problem } from "./api.ts";
import type { TextName } from "./texts.ts";

/** The sentence for each code; what the page cannot cause is unexpected. */
const SENTENCES = {
  invalid_symbol: "invalid_symbol",
  invalid_parameter: "unexpected",
  unsupported_market: "unsupported_market",
  unauthorized: "unauthorized",
  forbidden_origin: "unexpected",
  unknown_symbol: "unknown_symbol",
  not_found: "unexpected",
  method_not_allowed: "unexpected",
  not_acceptable: "unexpected",
  limit_reached: "unexpected",
  duplicate_webhook: "unexpected",
  content_too_large: "unexpected",
  unsupported_media_type: "unexpected",
  unverified_endpoint: "unexpected",
  too_many_requests: "too_many_requests",
  client_quota_exceeded: "quota",
  upstream_quota_exceeded: "quota",
  internal: "unexpected",
  misconfigured: "operator",
  subrequest_limit: "too_many_requests",
  opend_unreachable: "unreachable",
  opend_key_refused: "operator",
  opend_protocol_error: "operator",
  opend_failed: "operator",
  opend_no_permission: "operator",
  opend_timeout: "unreachable",
  request_timeout: "unreachable",
  store_unavailable: "unreachable",
  /** Of the page's own. */
  offline: "offline",
} as const satisfies Readonly<Record<FailureCode | "offline", TextName>>;
const sentences: ReadonlyMap<string, TextName> = new Map(Object.entries(SENTENCES));

export function sentenceFor({ code }: Problem): TextName {
  return sentences.get(code) ?? "unexpected";
}

/** What is wrong with the security that was asked for. Asking again would be answered the same. */
const ITS_OWN = new Set(["invalid_symbol", "unsupported_market", "unknown_symbol"]);

export function isItsOwn({ code }: Problem): boolean {
  return ITS_OWN.has(code);
}
