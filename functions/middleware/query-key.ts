import { takeQueryKey } from "../http/query-key.ts";
import type { Middleware } from "./app-env.ts";

/**
 * Takes `?key=` out of the URL. So no cache key, `Link`, problem or span can contain the key. No cache may store the
 * response: its URL has the key.
 */
export const queryKey: Middleware = async (context, next) => {
  const taken = takeQueryKey(context.req.url);
  if (taken === undefined) return next();
  context.set("queryKey", taken.key);
  context.req.raw = new Request(taken.url, context.req.raw);
  await next();
  context.res.headers.set("Cache-Control", "private, no-store");
};
