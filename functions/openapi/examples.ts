import { Failure, type FailureCode } from "../errors.ts";
import { problemOf } from "../http/problem.ts";

/** Example responses. The Hong Kong rows are the vendor's documented example; the US row is made up. */

const HK_ROW = {
  timestamp: 1777478400,
  timestamp_str: "2026-04-30",
  aggregated_short: 51480638,
  aggregated_short_ratio: 0.56,
  close_price: 467.8,
  last_close_price: 479.2,
};
export const HK_ROWS = [
  HK_ROW,
  {
    timestamp: 1776960000,
    timestamp_str: "2026-04-24",
    aggregated_short: 51888755,
    aggregated_short_ratio: 0.56,
    close_price: 493.4,
    last_close_price: 495.2,
  },
];
const US_ROW = {
  timestamp: 1777521600,
  timestamp_str: "2026-04-30",
  shares_short: 109420031,
  short_percent: 0.74,
  avg_daily_share_volume: 43100917,
  days_to_cover: 2.54,
  close_price: 213.25,
  last_close_price: null,
};

export const PAGE = { symbol: "HK.00700", market: "HK", items: [HK_ROW], next_key: "1777478400" };
export const PAGE_NDJSON = `${JSON.stringify(HK_ROW)}\n`;
export const PAGE_CSV = `${Object.keys(HK_ROW)}\r\n${Object.values(HK_ROW)}\r\n`;

const END = { complete: true, next_key: null, error: null, fetched_at: 1779000000, stale: false };
export const HISTORY = { symbol: "US.AAPL", market: "US", items: [US_ROW], ...END };
export const HISTORY_NDJSON = `${JSON.stringify(US_ROW)}\n${JSON.stringify(END)}\n`;
export const HISTORY_CSV = `${Object.keys(US_ROW)}\r\n${Object.values(US_ROW)}\r\n`;

export const LATEST = {
  items: [
    {
      symbol: "HK.00700",
      market: "HK",
      latest: HK_ROW,
      change: { shares: -408117, percent: -0.79 },
      stale: false,
      error: null,
    },
    {
      symbol: "US.NOSUCH",
      latest: null,
      change: null,
      stale: false,
      error: problemOf(
        new Failure("unknown_symbol", "OpenD knows no such security, or has no short interest for it"),
      ),
    },
  ],
};

const DETAILS: Readonly<
  Record<FailureCode, [detail: string, facts?: ConstructorParameters<typeof Failure>[2]]>
> = {
  invalid_symbol: [
    "A symbol must be a market and a code, such as HK.00700 or US.AAPL",
    { parameter: "symbol", didYouMean: ["US.AAPL"] },
  ],
  invalid_parameter: ["num must be an integer from 1 to 50", { parameter: "num" }],
  unsupported_market: ["Short interest is available for the markets HK and US only", { parameter: "symbol" }],
  unauthorized: ["Missing API key: send Authorization: Bearer or X-API-Key"],
  forbidden_origin: ["Requests from this web origin are not allowed"],
  unknown_symbol: ["OpenD knows no such security, or has no short interest for it"],
  not_found: ["No webhook with this ID"],
  method_not_allowed: ["This path does not support PUT: use GET, HEAD or POST"],
  not_acceptable: [
    "Accept matches none of application/json, text/csv, application/x-ndjson, application/protobuf, application/x-protobuf",
    { parameter: "Accept" },
  ],
  limit_reached: ["A key has at most 20 webhooks"],
  duplicate_webhook: ["The webhook wh_0f5c6ad0b1f64d5f9a53a8f4b7c1e2d3 has the same URL and symbols"],
  inactive_webhook: ["The webhook is inactive: resume it first"],
  idempotency_key_in_use: [
    "The first request with this Idempotency-Key is in progress",
    { retryAfterMs: 1_000 },
  ],
  idempotency_key_reused: [
    "This Idempotency-Key was sent with another body",
    { parameter: "Idempotency-Key" },
  ],
  unverified_endpoint: [
    "The test message was answered with status 500; the receiver must respond with 2xx",
    { parameter: "url" },
  ],
  upgrade_required: ["This path accepts WebSocket upgrades only"],
  content_too_large: ["The request body exceeds 65536 bytes"],
  unsupported_media_type: ["Content-Type must be application/json", { parameter: "Content-Type" }],
  too_many_requests: ["Too many requests from your address", { retryAfterMs: 60_000 }],
  client_quota_exceeded: [
    "Your share of OpenD's rate limit is used up; cached pages are still served",
    { retryAfterMs: 12_000 },
  ],
  upstream_quota_exceeded: [
    "OpenD's rate limit is used up; cached pages are still served",
    { retryAfterMs: 7_000 },
  ],
  internal: ["An unexpected error occurred"],
  misconfigured: ["OPEND_URL is not a URL that begins with ws:// or wss://", { parameter: "OPEND_URL" }],
  opend_unreachable: ["OpenD dropped the connection"],
  opend_key_refused: ["OpenD refused the configured key"],
  opend_protocol_error: ["Cannot decode OpenD's reply"],
  opend_failed: ["OpenD refused the call (retType -1)"],
  opend_no_permission: ["OpenD's account has no permission for quotes of this market"],
  opend_timeout: ["OpenD did not answer in time"],
  request_timeout: ["The request exceeded its deadline of 15 s"],
  subrequest_limit: [
    "The request needs more pages than one request may fetch; fetched pages are cached",
    { retryAfterMs: 1_000 },
  ],
  store_unavailable: ["Upstash Redis did not answer"],
};

/** @param detail of an operation that words this problem in its own way */
export function exampleProblem(code: FailureCode, detail?: string) {
  const [usual, facts] = DETAILS[code];
  return problemOf(new Failure(code, detail ?? usual, facts));
}
