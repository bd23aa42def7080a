import * as v from "valibot";
import type { FailureCode } from "../errors.ts";
import { type FormatName, mediaTypesOf } from "../http/formats.ts";
import { PROBLEMS } from "../http/problem.ts";
import { exampleProblem } from "./examples.ts";
import { jsonSchemaOf, ref, type Schema } from "./schemas.ts";

/** Building blocks of operations: parameters, headers, problems and media types. */

interface Query {
  readonly entries: Readonly<Record<string, v.GenericSchema>>;
}

export function queryParameters({ entries }: Query) {
  return Object.entries(entries).map(([name, entry]) => {
    const { default: _, ...schema } = jsonSchemaOf(entry);
    const withoutValue = v.safeParse(entry, undefined);
    const withDefault =
      withoutValue.output === undefined ? schema : { ...schema, default: withoutValue.output };
    return {
      ...parameter(name, "query", withDefault, !withoutValue.success),
      // A list is one comma-separated value.
      ...(schema.type === "array" ? { style: "form", explode: false } : {}),
    };
  });
}

/** A parameter, with the description and the first example of its schema. */
export function parameter(
  name: string,
  place: "path" | "query" | "header",
  { description, examples, ...schema }: Schema,
  required: boolean,
) {
  const [example] = Array.isArray(examples) ? examples : [];
  return { name, in: place, required, description, example, schema };
}

export const header = (description: string, required = true, schema: Schema = { type: "string" }) => ({
  description,
  required,
  schema,
});
/** Security of operations that always need an API key. */
export const WITH_KEY = [{ bearer: [] }, { apiKey: [] }];
const seconds = { type: "integer", minimum: 0 };
export const HEADERS = {
  "X-Request-Id": header("ID of this request: the caller's X-Request-Id if valid, else a new one."),
  "Cache-Control": header("Whether and for how long the response may be cached."),
};
export const TIMING = {
  "Server-Timing": header("Milliseconds per phase: edge, shared, limit, connect, call.", false),
};
export const CACHING = {
  ETag: header("Digest of the body. A request with this value in If-None-Match returns 304."),
  Age: header("Seconds since the rows were fetched from OpenD.", true, seconds),
  "Cache-Status": header("Which cache served the response, and why it is stale if it is (RFC 9211)."),
};
const QUOTA = {
  "Retry-After": header("Seconds until the same request is likely to succeed.", false, seconds),
  RateLimit: header("Calls remaining in a quota, and seconds until it resets."),
  "RateLimit-Policy": header("Calls that each quota allows, and its window in seconds."),
};

const VARY = { Vary: header("Accept: the response depends on this request header.") };

/** @param details example details that differ from those in `examples.ts` */
export function problems(
  codes: readonly FailureCode[],
  details: Readonly<Partial<Record<FailureCode, string>>> = {},
) {
  const statuses = new Set(codes.map((code) => PROBLEMS[code].status));
  const responses = Array.from(statuses, (status) => {
    const ofStatus = codes.filter((code) => PROBLEMS[code].status === status);
    const examples = ofStatus.map((code) => [
      code,
      { summary: PROBLEMS[code].title, value: exampleProblem(code, details[code]) },
    ]);
    const content = { schema: ref("Problem"), examples: Object.fromEntries(examples) };
    const response = {
      description: ofStatus.map((code) => PROBLEMS[code].title).join("; "),
      headers: { ...HEADERS, ...(status === 429 ? QUOTA : {}), ...(status === 406 ? VARY : {}) },
      content: { "application/problem+json": content },
    };
    return [String(status), response];
  });
  return Object.fromEntries(responses);
}

/** A body under the usual media type of its format. */
export function inFormat(format: FormatName, schema: Schema, example?: unknown) {
  return [mediaTypesOf(format)[0], example === undefined ? { schema } : { schema, example }] as const;
}
