import { Failure } from "../errors.ts";
import { authenticateClient } from "../http/auth.ts";
import { createPageSource } from "../page-source/create.ts";
import type { Middleware } from "./app-env.ts";

/**
 * Authenticates the client, counts the request against its rate limit, and creates its page source.
 * @throws Failure `unauthorized`, `too_many_requests`
 */
export const authenticate: Middleware = async (context, next) => {
  const { config, stats, waitUntil } = context.var;
  const client = await authenticateClient(context.req.raw.headers, config.access);
  const { origin } = new URL(context.req.url);
  context.set("client", client);
  context.set("pages", createPageSource(config, { client, stats, origin, waitUntil }));
  await next();
};

/**
 * For routes that need an API key even where pages are public.
 * @throws Failure `unauthorized` if no keys are configured
 */
export const requireApiKey: Middleware = async ({ var: { config } }, next) => {
  if (!config.access.apiKeys) {
    throw new Failure("unauthorized", "This endpoint requires an API key, and API_KEYS is not set");
  }
  await next();
};
