import { bodyLimit } from "hono/body-limit";
import { Failure } from "../errors.ts";
import { problemResponse } from "../http/problem.ts";
import type { AppContext } from "./app-env.ts";

/** Bytes of a request body. */
const MAX_BODY_BYTES = 65_536;

/** Joins names: GET, HEAD or POST. */
const ALTERNATIVES = new Intl.ListFormat("en-GB", { type: "disjunction" });

/** Responds with a problem for a path without a route. */
export function handleNotFound(context: AppContext): Response {
  return respond(context, new Failure("not_found", "Unknown path"));
}

/** Responds with a problem for every error that a route or middleware throws. */
export function handleError(thrown: unknown, context: AppContext): Response {
  return respond(context, Failure.from(thrown));
}

/** Responds with 405 to a method that no route of the path has. */
export function methodNotAllowed(methods: readonly string[]) {
  return (context: AppContext): Response => {
    const detail = `This path does not support ${context.req.method}: use ${ALTERNATIVES.format(methods)}`;
    const response = respond(context, new Failure("method_not_allowed", detail));
    response.headers.set("Allow", methods.join(", "));
    return response;
  };
}

/** @throws Failure `content_too_large` */
export const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError() {
    throw new Failure("content_too_large", `The request body exceeds ${MAX_BODY_BYTES} bytes`);
  },
});

function respond(context: AppContext, failure: Failure): Response {
  context.set("code", failure.code);
  return problemResponse(failure);
}
