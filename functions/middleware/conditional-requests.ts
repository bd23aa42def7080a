import { isNotModified, notModified } from "../http/entity-tag.ts";
import type { Middleware } from "./app-env.ts";

/** Answers `If-None-Match` for every route whose response has an ETag. */
export const conditionalRequests: Middleware = async (context, next) => {
  await next();
  const { method, raw } = context.req;
  const ifNoneMatch = raw.headers.get("If-None-Match");
  if (ifNoneMatch === null || (method !== "GET" && method !== "HEAD")) return;
  const { status, headers } = context.res;
  if (status !== 200 || !isNotModified(ifNoneMatch, headers.get("ETag"))) return;
  await context.res.body?.cancel();
  // Otherwise Hono copies the headers of the old response into the new one.
  context.res = undefined;
  context.res = notModified(headers);
};
