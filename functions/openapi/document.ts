import type { FailureCode } from "../errors.ts";
import { HistoryQuery, LatestQuery, PageQuery, symbol } from "../http/parameters.ts";
import { explainProblem, PROBLEMS } from "../http/problem.ts";
import {
  CACHING,
  HEADERS,
  header,
  inFormat,
  parameter,
  problems,
  queryParameters,
  TIMING,
} from "./building-blocks.ts";
import { MESSAGES } from "./event-types.ts";
import * as examples from "./examples.ts";
import { OPERATOR_PATHS, OPERATOR_SCHEMAS } from "./operator.ts";
import { QUOTE_LICENSE } from "./quote-license.ts";
import { jsonSchemaOf, ref, SCHEMAS } from "./schemas.ts";
import { TAGS } from "./tags.ts";
import { WEBHOOK_SCHEMAS } from "./webhook-schemas.ts";
import { WEBHOOK_PATHS } from "./webhooks.ts";

/** The API as an OpenAPI 3.1 document. */

const ALWAYS: readonly FailureCode[] = ["unauthorized", "too_many_requests", "misconfigured", "internal"];
const OPEND: readonly FailureCode[] = [
  "unknown_symbol",
  "client_quota_exceeded",
  "upstream_quota_exceeded",
  "opend_unreachable",
  "opend_key_refused",
  "opend_no_permission",
  "opend_protocol_error",
  "opend_failed",
  "store_unavailable",
  "opend_timeout",
  "request_timeout",
];
const SYMBOL: readonly FailureCode[] = ["invalid_symbol", "unsupported_market"];
const INPUT: readonly FailureCode[] = ["invalid_parameter"];

const text = { type: "string" };

const symbolParameter = parameter("symbol", "path", jsonSchemaOf(symbol), true);

const getPage = {
  operationId: "getPage",
  tags: ["Pages"],
  summary: "Get a page of short interest",
  description:
    "Rows are newest first. Pass next_key to get the next page, or follow the Link header; next_key is null on the last page. A page has fewer than num rows if the rest is temporarily unavailable. max-age ends when the next row can be published, and after a day at most.",
  parameters: [symbolParameter, ...queryParameters(PageQuery)],
  responses: {
    "200": {
      description: "The page",
      headers: {
        ...HEADERS,
        ...CACHING,
        ...TIMING,
        Link: header('URL of the next page, rel="next" (RFC 8288); absent on the last page.', false),
      },
      content: Object.fromEntries([
        inFormat("json", ref("Page"), examples.PAGE),
        inFormat("csv", text, examples.PAGE_CSV),
        inFormat("ndjson", text, examples.PAGE_NDJSON),
        inFormat("protobuf", {
          ...text,
          format: "binary",
          description: "A Qot_GetShortInterest.Response message.",
        }),
      ]),
    },
    "304": { description: "Not modified", headers: { ...HEADERS, ETag: CACHING.ETag } },
    ...problems([...INPUT, ...SYMBOL, ...ALWAYS, ...OPEND, "not_acceptable"]),
  },
};

const getHistory = {
  operationId: "getHistory",
  tags: ["History"],
  summary: "Get the history of short interest",
  description:
    "Returns all rows of a date range, streamed page by page. If rows are missing, complete is false, error has the cause, and next_key continues; a CSV response is aborted instead. order=asc is not streamed: it returns the full range or an error.",
  parameters: [symbolParameter, ...queryParameters(HistoryQuery)],
  responses: {
    "200": {
      description: "The rows of the range",
      headers: { ...HEADERS, ...TIMING },
      content: Object.fromEntries([
        inFormat("json", ref("History"), examples.HISTORY),
        inFormat("csv", text, examples.HISTORY_CSV),
        inFormat("ndjson", text, examples.HISTORY_NDJSON),
      ]),
    },
    ...problems([...INPUT, ...SYMBOL, ...ALWAYS, ...OPEND, "subrequest_limit", "not_acceptable"]),
  },
};

const getLatest = {
  operationId: "getLatest",
  tags: ["Latest"],
  summary: "Get the newest row of several symbols",
  description: "A symbol that fails has an error in its item. The other items are not affected.",
  parameters: queryParameters(LatestQuery),
  responses: {
    "200": {
      description: "One item per symbol, in the requested order",
      headers: { ...HEADERS, ...TIMING, ETag: CACHING.ETag },
      content: Object.fromEntries([inFormat("json", ref("Latest"), examples.LATEST)]),
    },
    "304": { description: "Not modified", headers: { ...HEADERS, ETag: CACHING.ETag } },
    ...problems([...INPUT, ...ALWAYS, "not_acceptable"]),
  },
};

const getProblem = {
  operationId: "getProblem",
  tags: ["Description"],
  summary: "Explain an error code",
  security: [],
  parameters: [
    parameter(
      "code",
      "path",
      {
        description: "Error code, as in the member code of a problem.",
        enum: Object.keys(PROBLEMS),
        examples: ["unknown_symbol"],
      },
      true,
    ),
  ],
  responses: {
    "200": {
      description: "Meaning of the code, and what to do",
      headers: HEADERS,
      content: { "text/plain": { schema: text, example: explainProblem("unknown_symbol") } },
    },
    ...problems(["not_found", "internal"], { not_found: "Unknown error code" }),
  },
};

const rpc = { type: "object", properties: { jsonrpc: { const: "2.0" } }, required: ["jsonrpc"] };
const tools = { jsonrpc: "2.0", id: 1, method: "tools/list" };

const postMcp = {
  operationId: "postMcp",
  tags: ["MCP"],
  summary: "Send a Model Context Protocol message",
  description:
    "Streamable HTTP without sessions. Supported protocol versions: 2025-06-18, 2025-11-25 and 2026-07-28. tools/list describes the tools, their arguments and their results.",
  requestBody: { required: true, content: { "application/json": { schema: rpc, example: tools } } },
  responses: {
    "200": {
      description: "The result, or a JSON-RPC error of the method",
      headers: HEADERS,
      content: Object.fromEntries([inFormat("json", rpc, { jsonrpc: "2.0", id: 1, result: { tools: [] } })]),
    },
    "202": { description: "Notification accepted", headers: HEADERS },
    "400": {
      description: "Not a JSON-RPC message, or an unsupported protocol version",
      headers: HEADERS,
      content: Object.fromEntries([
        inFormat("json", rpc, {
          jsonrpc: "2.0",
          id: null,
          error: { code: -32_700, message: "The body is not valid JSON" },
        }),
      ]),
    },
    ...problems(["content_too_large", "unsupported_media_type", "forbidden_origin", ...ALWAYS]),
  },
};

const getDescription = {
  operationId: "getDescription",
  tags: ["Description"],
  summary: "Get this document",
  security: [],
  responses: {
    "200": {
      description: "The OpenAPI 3.1 document",
      headers: { ...HEADERS, ETag: CACHING.ETag },
      content: Object.fromEntries([inFormat("json", { type: "object" }, { openapi: "3.1.1" })]),
    },
    "304": { description: "Not modified", headers: HEADERS },
    ...problems(["internal"]),
  },
};

const document = () => ({
  openapi: "3.1.1",
  info: {
    title: "short-interest-edge",
    version: "1",
    summary: "Short interest of Hong Kong and US securities",
    description: `Fetched from Futu or moomoo OpenD and cached at the edge. HEAD is supported wherever GET is. Other methods return 405 and other paths 404, both with problem details. A rate limit applies to each API key or, where no key is required, to each IP address. Accept and Accept-Language headers of more than 1024 characters are ignored.

${QUOTE_LICENSE}`,
    license: { name: "MIT", identifier: "MIT" },
  },
  servers: [{ url: "/" }],
  tags: TAGS,
  // A key is required only if the operator has configured keys.
  security: [{}, { bearer: [] }, { apiKey: [] }],
  paths: {
    "/v1/short-interest/{symbol}": { get: getPage },
    "/v1/short-interest/{symbol}/history": { get: getHistory },
    "/v1/short-interest": { get: getLatest },
    ...WEBHOOK_PATHS,
    "/mcp": { post: postMcp },
    "/problems/{code}": { get: getProblem },
    "/openapi.json": { get: getDescription },
    ...OPERATOR_PATHS,
  },
  webhooks: MESSAGES,
  components: {
    schemas: { ...SCHEMAS, ...OPERATOR_SCHEMAS, ...WEBHOOK_SCHEMAS },
    securitySchemes: {
      bearer: { type: "http", scheme: "bearer" },
      apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
    },
  },
});

let json: string | undefined;

/** The document as JSON, serialized on the first request. */
export function openapiJson(): string {
  json ??= JSON.stringify(document());
  return json;
}
