import type { Problem } from "./api.ts";
import type { TextName } from "./texts.ts";

/** The sentence for each code of a problem; what is not here is unexpected. */
const SENTENCES: Readonly<Record<string, TextName>> = {
  unauthorized: "unauthorized",
  invalid_symbol: "invalid_symbol",
  unsupported_market: "unsupported_market",
  unknown_symbol: "unknown_symbol",
  too_many_requests: "too_many_requests",
  too_much_at_once: "too_many_requests",
  client_quota_exceeded: "quota",
  upstream_quota_exceeded: "quota",
  opend_unreachable: "unreachable",
  opend_timeout: "unreachable",
  limiter_unavailable: "unreachable",
  opend_key_refused: "operator",
  opend_no_permission: "operator",
  opend_protocol_error: "operator",
  opend_failed: "operator",
  misconfigured: "operator",
  offline: "offline",
};

export function sentenceFor({ code }: Problem): TextName {
  return SENTENCES[code] ?? "unexpected";
}

/** Asking for the same again would be answered the same. */
const FINAL = new Set(["invalid_symbol", "unsupported_market", "unknown_symbol", "unauthorized"]);

export function isFinal({ code }: Problem): boolean {
  return FINAL.has(code);
}
