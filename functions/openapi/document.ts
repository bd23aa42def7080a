import type { FailureCode } from "../errors.ts";
import { mediaTypesOf } from "../http/formats.ts";
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
  WITH_KEY,
} from "./building-blocks.ts";
import { MESSAGES } from "./event-types.ts";
import * as examples from "./examples.ts";
import { MCP_SCHEMAS } from "./mcp-schemas.ts";
import { OPERATOR_PATHS, OPERATOR_SCHEMAS } from "./operator.ts";
import { QUOTE_LICENSE } from "./quote-license.ts";
import { anyRow, jsonSchemaOf, ref, SCHEMAS, type Schema } from "./schemas.ts";
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
const PROTOBUF = { ...text, format: "binary", description: "A Qot_GetShortInterest.Response message." };

/** NDJSON: JSON Schema reads it as an array of its lines, as OpenAPI 3.2 does. */
function linesOf(...lines: readonly Schema[]): Schema {
  const contentSchema = { type: "array", items: { anyOf: lines } };
  return { ...text, contentMediaType: mediaTypesOf("ndjson")[0], contentSchema };
}

/** @param example a symbol of the market in the example of the response: tools request it and compare */
const symbolParameter = (example: string) =>
  parameter("symbol", "path", { ...jsonSchemaOf(symbol), examples: [example] }, true);

const getPage = {
  operationId: "getPage",
  tags: ["Pages"],
  summary: "Get a page of short interest",
  description:
    "Rows are newest first. Pass next_key to get the next page, or follow the Link header; next_key is null on the last page. A page has fewer than num rows if the rest is temporarily unavailable. max-age ends when the next row can be published, and after a day at most.",
  parameters: [symbolParameter(examples.PAGE.symbol), ...queryParameters(PageQuery)],
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
        inFormat("ndjson", linesOf(...anyRow.anyOf), examples.PAGE_NDJSON),
        ...mediaTypesOf("protobuf").map((mediaType) => [mediaType, { schema: PROTOBUF }]),
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
  parameters: [symbolParameter(examples.HISTORY.symbol), ...queryParameters(HistoryQuery)],
  responses: {
    "200": {
      description: "The rows of the range",
      headers: { ...HEADERS, ...TIMING },
      content: Object.fromEntries([
        inFormat("json", ref("History"), examples.HISTORY),
        inFormat("csv", text, examples.HISTORY_CSV),
        inFormat("ndjson", linesOf(...anyRow.anyOf, ref("HistoryEnd")), examples.HISTORY_NDJSON),
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
  description: "The type of a problem is the path of its explanation.",
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

/** One message, or a batch of the version 2025-03-26. */
const orBatch = (...schemas: readonly object[]) => {
  const one = schemas.length === 1 ? schemas[0] : { oneOf: schemas };
  return { oneOf: [...schemas, { type: "array", items: one, minItems: 1, maxItems: 20 }] };
};
const tools = { jsonrpc: "2.0", id: 1, method: "tools/list" };

const postMcp = {
  operationId: "postMcp",
  tags: ["MCP"],
  summary: "Send a Model Context Protocol message",
  description:
    "Streamable HTTP without sessions. Supported protocol versions: 2025-03-26, 2025-06-18, 2025-11-25 and 2026-07-28. Version 2025-03-26 also has batches: an array of 1 to 20 messages without initialize, answered with an array of responses. tools/list describes the tools, their arguments and their results.",
  requestBody: {
    required: true,
    content: { "application/json": { schema: orBatch(ref("McpMessage")), example: tools } },
  },
  responses: {
    "200": {
      description: "The result, or a JSON-RPC error of the method",
      headers: HEADERS,
      content: Object.fromEntries([
        inFormat("json", orBatch(ref("McpResult"), ref("McpError")), {
          jsonrpc: "2.0",
          id: 1,
          result: { tools: [] },
        }),
      ]),
    },
    "202": { description: "Notification accepted", headers: HEADERS },
    "400": {
      description: "Not a JSON-RPC message or batch, or an unsupported protocol version",
      headers: HEADERS,
      content: Object.fromEntries([
        inFormat("json", ref("McpError"), {
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
  description: "It says which operations of this service require an API key.",
  security: [],
  responses: {
    "200": {
      description: "The OpenAPI 3.1 document",
      headers: { ...HEADERS, ETag: CACHING.ETag },
      content: Object.fromEntries([
        inFormat("json", { type: "object", additionalProperties: true }, { openapi: "3.1.1" }),
      ]),
    },
    "304": { description: "Not modified", headers: HEADERS },
    ...problems(["internal"]),
  },
};

/** Whether the service requires an API key for pages, or only for webhooks and the operator's endpoints. */
export type KeyRule = "required" | "optional";

const document = (keys: KeyRule) => ({
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
  // The empty requirement means that no key is needed.
  security: [...(keys === "optional" ? [{}] : []), ...WITH_KEY],
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
    schemas: { ...SCHEMAS, ...MCP_SCHEMAS, ...OPERATOR_SCHEMAS, ...WEBHOOK_SCHEMAS },
    securitySchemes: {
      bearer: { type: "http", scheme: "bearer" },
      apiKey: {
        type: "apiKey",
        in: "header",
        name: "X-API-Key",
        description:
          "An operator can also issue keys for URLs. Such a key may be sent as ?key= to read /v1/short-interest and the paths below. Everywhere else it is refused.",
      },
    },
  },
});

const serialized = new Map<KeyRule, string>();

/** The document as JSON. It is serialized on the first request of an isolate. */
export function openapiJson(keys: KeyRule): string {
  const known = serialized.get(keys);
  if (known !== undefined) return known;
  const json = JSON.stringify(document(keys));
  serialized.set(keys, json);
  return json;
}
