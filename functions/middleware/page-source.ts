import { createPageSource } from "../page-source/create-page-source.ts";
import type { Middleware } from "./app-env.ts";

/** Creates the page source of the request, for the authenticated client. */
export const providePageSource: Middleware = async (context, next) => {
  const { config, client, stats, waitUntil } = context.var;
  const { origin } = new URL(context.req.url);
  context.set("pageSource", createPageSource(config, { client, stats, origin, waitUntil }));
  await next();
};
