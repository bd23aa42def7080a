import { Failure } from "../errors.ts";
import { authenticateClient } from "../http/auth.ts";
import type { Middleware } from "./app-env.ts";

/**
 * Authenticates the client, and counts the request against its rate limit.
 * @throws Failure `unauthorized`, `too_many_requests`
 */
export const authenticate: Middleware = async (context, next) => {
  context.set("client", await authenticateClient(context.req.raw.headers, context.var.config.auth));
  await next();
};

/**
 * For routes that require an API key even if pages are public.
 * @throws Failure `unauthorized` if no keys are configured
 */
export const requireApiKey: Middleware = async ({ var: { config } }, next) => {
  if (!config.auth.apiKeys) {
    throw new Failure("unauthorized", "This endpoint requires an API key, and API_KEYS is not set");
  }
  await next();
};
