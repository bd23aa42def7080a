/** Requests whose response does not depend on OpenD or Upstash. */

type InvalidRequest = readonly [path: string, code: string, headers?: Readonly<Record<string, string>>];

const PAGE = "/v1/short-interest/US.AAPL";

/** Invalid requests, and the expected error codes. */
export const INVALID_REQUESTS: readonly InvalidRequest[] = [
  ["/v1/short-interest/AAPL", "invalid_symbol"],
  ["/v1/short-interest/JP.7203", "unsupported_market"],
  ["/v1/short-interest/US.%00", "invalid_symbol"],
  [`${PAGE}?num=0`, "invalid_parameter"],
  [`${PAGE}?num=51`, "invalid_parameter"],
  [`${PAGE}?num=1&num=2`, "invalid_parameter"],
  [`${PAGE}?limit=5`, "invalid_parameter"],
  [`${PAGE}?format=xml`, "invalid_parameter"],
  [`${PAGE}?next_key=${"9".repeat(300)}`, "invalid_parameter"],
  [PAGE, "not_acceptable", { Accept: "image/png" }],
  [`${PAGE}/history?from=yesterday`, "invalid_parameter"],
  [`${PAGE}/history?from=2026-02-01&to=2026-01-01`, "invalid_parameter"],
  ["/v1/short-interest", "invalid_parameter"],
  ["/v1/short-interest?symbols=", "invalid_parameter"],
  ["/nothing", "not_found"],
];

/** Paths that always return 200. */
export const SERVICE_PATHS = ["/healthz", "/openapi.json", "/problems/opend_timeout"] as const;
