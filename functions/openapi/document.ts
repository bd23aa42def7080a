import type { FailureCode } from "../errors.ts";
import { HistoryQuery, LatestQuery, PageQuery, symbol } from "../http/parameters.ts";
import { explainProblem, PROBLEMS } from "../http/problem.ts";
import * as examples from "./examples.ts";
import { OPERATOR_PATHS, OPERATOR_SCHEMAS } from "./operator.ts";
import { CACHING, HEADERS, header, inFormat, problems, queryParameters, TIMING } from "./parts.ts";
import { jsonSchemaOf, ref, SCHEMAS } from "./schemas.ts";
import { WEBHOOK_SCHEMAS } from "./webhook-schemas.ts";
import { MESSAGES, WEBHOOK_PATHS } from "./webhooks.ts";

/** The description of the API, OpenAPI 3.1. */

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

const symbolParameter = {
  name: "symbol",
  in: "path",
  required: true,
  schema: jsonSchemaOf(symbol),
};

const getPage = {
  operationId: "getPage",
  summary: "A page of a security's history",
  description:
    "Newest row first. The next page is at next_key, or at the header Link; null is the end. A page may be shorter than num where the rows after it cannot be had right now.",
  parameters: [symbolParameter, ...queryParameters(PageQuery)],
  responses: {
    "200": {
      description: "The page",
      headers: {
        ...HEADERS,
        ...CACHING,
        ...TIMING,
        Link: header('The next page, as rel="next" (RFC 8288); absent at the end.', false),
      },
      content: Object.fromEntries([
        inFormat("json", ref("Page"), examples.PAGE),
        inFormat("csv", text, examples.PAGE_CSV),
        inFormat("ndjson", text, examples.PAGE_NDJSON),
        inFormat("protobuf", { ...text, format: "binary", description: "A Qot_GetShortInterest.Response." }),
      ]),
    },
    "304": { description: "It is the one that the caller has", headers: { ...HEADERS, ETag: CACHING.ETag } },
    ...problems([...INPUT, ...SYMBOL, ...ALWAYS, ...OPEND, "not_acceptable"]),
  },
};

const getHistory = {
  operationId: "getHistory",
  summary: "All rows of a range",
  description:
    "Sent page by page as they come. Where not all can be had, complete is false and next_key is where to go on; CSV is broken off instead.",
  parameters: [symbolParameter, ...queryParameters(HistoryQuery)],
  responses: {
    "200": {
      description: "The rows",
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
  summary: "The newest row of many symbols",
  description: "What fails, or must wait for the quota, is an error at its symbol and leaves the rest alone.",
  parameters: queryParameters(LatestQuery),
  responses: {
    "200": {
      description: "An item for each symbol, in the order asked for",
      headers: { ...HEADERS, ...TIMING, ETag: CACHING.ETag },
      content: Object.fromEntries([inFormat("json", ref("Latest"), examples.LATEST)]),
    },
    "304": { description: "It is the one that the caller has", headers: { ...HEADERS, ETag: CACHING.ETag } },
    ...problems([...INPUT, ...ALWAYS, "not_acceptable"]),
  },
};

const getProblem = {
  operationId: "getProblem",
  summary: "Explains a code of a problem",
  security: [],
  parameters: [
    {
      name: "code",
      in: "path",
      required: true,
      schema: { enum: Object.keys(PROBLEMS), examples: ["unknown_symbol"] },
    },
  ],
  responses: {
    "200": {
      description: "What it means, and what can be done",
      headers: HEADERS,
      content: { "text/plain": { schema: text, example: explainProblem("unknown_symbol") } },
    },
    ...problems(["not_found", "internal"]),
  },
};

const rpc = { type: "object", properties: { jsonrpc: { const: "2.0" } }, required: ["jsonrpc"] };
const tools = { jsonrpc: "2.0", id: 1, method: "tools/list" };

const postMcp = {
  operationId: "postMcp",
  summary: "A message of the Model Context Protocol",
  description:
    "Streamable HTTP without sessions, revisions 2025-06-18 to 2026-07-28. tools/list tells what the tools take and give.",
  requestBody: { required: true, content: { "application/json": { schema: rpc, example: tools } } },
  responses: {
    "200": {
      description: "The result, or an error of the method",
      headers: HEADERS,
      content: Object.fromEntries([inFormat("json", rpc, { jsonrpc: "2.0", id: 1, result: { tools: [] } })]),
    },
    "202": { description: "There is nothing to say", headers: HEADERS },
    "400": {
      description: "It is no message, or of a revision that is not spoken here",
      headers: HEADERS,
      content: Object.fromEntries([
        inFormat("json", rpc, {
          jsonrpc: "2.0",
          id: null,
          error: { code: -32_700, message: "The body is not JSON" },
        }),
      ]),
    },
    ...problems(["content_too_large", "unsupported_media_type", "forbidden_origin", ...ALWAYS]),
  },
};

const getDescription = {
  operationId: "getDescription",
  summary: "This description",
  security: [],
  responses: {
    "200": {
      description: "OpenAPI 3.1",
      headers: { ...HEADERS, ETag: CACHING.ETag },
      content: Object.fromEntries([inFormat("json", { type: "object" }, { openapi: "3.1.1" })]),
    },
    "304": { description: "It is the one that the caller has", headers: HEADERS },
    ...problems(["internal"]),
  },
};

const document = () => ({
  openapi: "3.1.1",
  info: {
    title: "short-interest-edge",
    version: "1",
    summary: "Short interest of Hong Kong and US securities",
    description:
      "Fetched from a Futu or moomoo OpenD and kept at the edge. HEAD works wherever GET does. Other methods are answered 405, other paths 404, both as problems. Requests of a key are rate-limited; where no key is needed, requests of an address are. Accept and Accept-Language of more than 1024 characters are ignored.",
    license: { name: "MIT", identifier: "MIT" },
  },
  servers: [{ url: "/" }],
  // A key is needed only where the operator has set some.
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

let written: string | undefined;

/** The description as JSON text, written when it is first asked for. */
export function openapiJson(): string {
  written ??= JSON.stringify(document());
  return written;
}
