import { isNotModified, notModified } from "../http/entity-tag.ts";
import type { AppContext, Middleware } from "./app-env.ts";

/** Answers `If-None-Match` for every route whose response has an ETag. */
export const conditionalRequests: Middleware = (context, next) => {
  const { method, raw } = context.req;
  const ifNoneMatch = raw.headers.get("If-None-Match");
  if (ifNoneMatch === null || (method !== "GET" && method !== "HEAD")) return next();
  return next().then(() => replaceIfUnchanged(context, ifNoneMatch));
};

async function replaceIfUnchanged(context: AppContext, ifNoneMatch: string): Promise<void> {
  const { status, headers } = context.res;
  if (status !== 200 || !isNotModified(ifNoneMatch, headers.get("ETag"))) return;
  await context.res.body?.cancel();
  // Otherwise Hono copies the headers of the old response into the new one.
  context.res = undefined;
  context.res = notModified(headers);
}
