import { toJsonSchema } from "@valibot/to-json-schema";
import * as v from "valibot";
import type { FailureCode } from "../failure.ts";
import { type FormatName, mediaTypeOf } from "../http/formats.ts";
import { PROBLEMS } from "../http/problem.ts";
import { HistoryQuery, LatestQuery, PageQuery, symbol } from "../routes/parameters.ts";
import * as examples from "./examples.ts";
import { ref, SCHEMAS, type Schema } from "./schemas.ts";

/** The description of the API, OpenAPI 3.1. */

/** A valibot schema of input as JSON Schema, of what it is once it is read. */
export function jsonSchemaOf(schema: v.GenericSchema): Schema {
  // Checks that JSON Schema cannot express are left to the descriptions.
  const options = { typeMode: "output", target: "draft-2020-12", errorMode: "ignore" } as const;
  const { $schema: _, ...json } = toJsonSchema(schema, options);
  return json;
}

type Query = v.StrictObjectSchema<v.ObjectEntries, string>;

function queryParameters({ entries }: Query) {
  return Object.entries(entries).map(([name, entry]) => {
    const { description, default: _, ...schema } = jsonSchemaOf(entry as v.GenericSchema);
    const absent = v.safeParse(entry as v.GenericSchema, undefined);
    return {
      name,
      in: "query",
      required: !absent.success,
      description,
      // A list is one value with commas in it.
      ...(schema.type === "array" ? { style: "form", explode: false } : {}),
      schema: absent.output === undefined ? schema : { ...schema, default: absent.output },
    };
  });
}

const header = (description: string, schema: Schema = { type: "string" }) => ({ description, schema });
const HEADERS = {
  "X-Request-Id": header("Names this request: the caller's own name for it, or a new one."),
  "Cache-Control": header("Whether and for how long others may keep it."),
};
const CACHING = {
  ETag: header("Of exactly these bytes; If-None-Match with it is answered 304."),
  Age: header("Seconds since the rows were fetched from OpenD.", { type: "integer" }),
  "Cache-Status": header("Where it came from (RFC 9211)."),
};
const RETRY = { "Retry-After": header("Seconds until it is likely to succeed.", { type: "integer" }) };

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
  "limiter_unavailable",
  "opend_timeout",
];
const SYMBOL: readonly FailureCode[] = ["invalid_symbol", "unsupported_market"];
const INPUT: readonly FailureCode[] = ["invalid_parameter"];

function problems(codes: readonly FailureCode[]) {
  const statuses = new Set(codes.map((code) => PROBLEMS[code].status));
  const responses = Array.from(statuses, (status) => {
    const ofStatus = codes.filter((code) => PROBLEMS[code].status === status);
    const shown = ofStatus.map((code) => [
      code,
      { summary: PROBLEMS[code].title, value: examples.exampleProblem(code) },
    ]);
    const content = { schema: ref("Problem"), examples: Object.fromEntries(shown) };
    const response = {
      description: ofStatus.map((code) => PROBLEMS[code].title).join(", or: "),
      headers: status === 429 ? { ...HEADERS, ...RETRY } : HEADERS,
      content: { "application/problem+json": content },
    };
    return [String(status), response];
  });
  return Object.fromEntries(responses);
}

function inFormat(format: FormatName, schema: Schema, example?: unknown) {
  return [mediaTypeOf(format), example === undefined ? { schema } : { schema, example }] as const;
}
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
      headers: { ...HEADERS, ...CACHING, Link: header('The next page, as rel="next" (RFC 8288).') },
      content: Object.fromEntries([
        inFormat("json", ref("Page"), examples.PAGE),
        inFormat("csv", text, examples.PAGE_CSV),
        inFormat("ndjson", text, examples.PAGE_NDJSON),
        inFormat("protobuf", { description: "OpenD's own Qot_GetShortInterest.Response." }),
      ]),
    },
    "304": { description: "It is the one that the caller has", headers: HEADERS },
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
      headers: HEADERS,
      content: Object.fromEntries([
        inFormat("json", ref("History"), examples.HISTORY),
        inFormat("csv", text, examples.HISTORY_CSV),
        inFormat("ndjson", text, examples.HISTORY_NDJSON),
      ]),
    },
    ...problems([...INPUT, ...SYMBOL, ...ALWAYS, ...OPEND, "not_acceptable"]),
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
      headers: { ...HEADERS, ETag: CACHING.ETag },
      content: Object.fromEntries([inFormat("json", ref("Latest"), examples.LATEST)]),
    },
    "304": { description: "It is the one that the caller has", headers: HEADERS },
    ...problems([...INPUT, ...ALWAYS]),
  },
};

const getHealth = {
  operationId: "getHealth",
  summary: "Says that the Worker runs",
  security: [],
  responses: {
    "200": {
      description: "It runs",
      headers: HEADERS,
      content: Object.fromEntries([inFormat("json", ref("Health"), { status: "ok" })]),
    },
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
      content: { "text/plain": { schema: text } },
    },
    ...problems(["not_found", "internal"]),
  },
};

export const document = () => ({
  openapi: "3.1.1",
  info: {
    title: "short-interest-edge",
    version: "1",
    summary: "Short interest of Hong Kong and US securities",
    description:
      "Fetched from a Futu or moomoo OpenD and kept at the edge. HEAD works wherever GET does. Other methods are answered 405, other paths 404, both as problems.",
    license: { name: "MIT", identifier: "MIT" },
  },
  servers: [{ url: "/" }],
  // A key is needed only where the operator has set some.
  security: [{}, { bearer: [] }, { apiKey: [] }],
  paths: {
    "/v1/short-interest/{symbol}": { get: getPage },
    "/v1/short-interest/{symbol}/history": { get: getHistory },
    "/v1/short-interest": { get: getLatest },
    "/problems/{code}": { get: getProblem },
    "/healthz": { get: getHealth },
  },
  components: {
    schemas: SCHEMAS,
    securitySchemes: {
      bearer: { type: "http", scheme: "bearer" },
      apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
    },
  },
});
