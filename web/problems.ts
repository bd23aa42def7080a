import type { FailureCode } from "../functions/errors.ts";
import type { Problem } from "./api.ts";
import type { TextName } from "./texts.ts";

/** The text for each error code. Codes that the UI's requests cannot cause are `unexpected`. */
const TEXT_NAMES = {
  invalid_symbol: "invalidSymbol",
  invalid_parameter: "unexpected",
  unsupported_market: "unsupportedMarket",
  unauthorized: "unauthorized",
  forbidden_origin: "unexpected",
  unknown_symbol: "unknownSymbol",
  not_found: "unexpected",
  method_not_allowed: "unexpected",
  not_acceptable: "unexpected",
  limit_reached: "unexpected",
  duplicate_webhook: "unexpected",
  inactive_webhook: "unexpected",
  idempotency_key_in_use: "unexpected",
  idempotency_key_reused: "unexpected",
  content_too_large: "unexpected",
  unsupported_media_type: "unexpected",
  unverified_endpoint: "unexpected",
  upgrade_required: "unexpected",
  too_many_requests: "tooManyRequests",
  client_quota_exceeded: "quota",
  upstream_quota_exceeded: "quota",
  internal: "unexpected",
  misconfigured: "misconfigured",
  subrequest_limit: "subrequestLimit",
  opend_unreachable: "sourceUnreachable",
  opend_key_refused: "misconfigured",
  opend_protocol_error: "sourceError",
  opend_failed: "sourceError",
  opend_no_permission: "misconfigured",
  opend_timeout: "sourceTimeout",
  request_timeout: "requestTimeout",
  store_unavailable: "storeUnavailable",
  /** The UI's own code: the API could not be reached. */
  offline: "offline",
} as const satisfies Readonly<Record<FailureCode | "offline", TextName>>;
const textNames: ReadonlyMap<string, TextName> = new Map(Object.entries(TEXT_NAMES));

export function textNameFor({ code }: Problem): TextName {
  return textNames.get(code) ?? "unexpected";
}

const SYMBOL_ERRORS = new Set(["invalid_symbol", "unsupported_market", "unknown_symbol"]);

/** Whether the error concerns only the requested symbol. A retry would get the same response. */
export function isSymbolError({ code }: Problem): boolean {
  return SYMBOL_ERRORS.has(code);
}
