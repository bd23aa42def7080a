import * as v from "valibot";
import type { FailureCode } from "../errors.ts";
import { type FormatName, mediaTypeOf } from "../http/formats.ts";
import { PROBLEMS } from "../http/problem.ts";
import { exampleProblem } from "./examples.ts";
import { jsonSchemaOf, ref, type Schema } from "./schemas.ts";

/** What operations are described with. */

interface Query {
  readonly entries: Readonly<Record<string, v.GenericSchema>>;
}

export function queryParameters({ entries }: Query) {
  return Object.entries(entries).map(([name, entry]) => {
    const { description, default: _, ...schema } = jsonSchemaOf(entry);
    const absent = v.safeParse(entry, undefined);
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

export const header = (description: string, required = true, schema: Schema = { type: "string" }) => ({
  description,
  required,
  schema,
});
const seconds = { type: "integer", minimum: 0 };
export const HEADERS = {
  "X-Request-Id": header("Names this request: the caller's own name for it, or a new one."),
  "Cache-Control": header("Whether and for how long others may keep it."),
};
export const TIMING = {
  "Server-Timing": header("Milliseconds by step: edge, store, limit, connect, call.", false),
};
export const CACHING = {
  ETag: header("Of exactly these bytes; If-None-Match with it is answered 304."),
  Age: header("Seconds since the rows were fetched from OpenD.", true, seconds),
  "Cache-Status": header("Where it came from (RFC 9211)."),
};
const QUOTA = {
  "Retry-After": header("Seconds until it is likely to succeed.", false, seconds),
  RateLimit: header("What is left of a quota, and when there is more."),
  "RateLimit-Policy": header("How many calls each quota allows in how many seconds."),
};

const VARY = { Vary: header("Names Accept: another value of it can have another answer.") };

export function problems(codes: readonly FailureCode[]) {
  const statuses = new Set(codes.map((code) => PROBLEMS[code].status));
  const responses = Array.from(statuses, (status) => {
    const ofStatus = codes.filter((code) => PROBLEMS[code].status === status);
    const shown = ofStatus.map((code) => [
      code,
      { summary: PROBLEMS[code].title, value: exampleProblem(code) },
    ]);
    const content = { schema: ref("Problem"), examples: Object.fromEntries(shown) };
    const response = {
      description: ofStatus.map((code) => PROBLEMS[code].title).join(", or: "),
      headers: { ...HEADERS, ...(status === 429 ? QUOTA : {}), ...(status === 406 ? VARY : {}) },
      content: { "application/problem+json": content },
    };
    return [String(status), response];
  });
  return Object.fromEntries(responses);
}

export function inFormat(format: FormatName, schema: Schema, example?: unknown) {
  return [mediaTypeOf(format), example === undefined ? { schema } : { schema, example }] as const;
}
