import type { Config } from "../env.ts";
import { Failure } from "../errors.ts";
import { type AuthRequest, authenticateClient } from "../http/auth.ts";
import type { AppContext, Middleware } from "./app-env.ts";

/**
 * Authenticates the client, and counts the request against its rate limit.
 * @throws Failure `unauthorized`, `too_many_requests`
 */
export const authenticate: Middleware = async (context, next) => {
  context.set("client", await authenticateOnce(context, context.get("config")));
  await next();
};

/**
 * The same for several callers in one request, which counts once.
 * @returns the client ID
 * @throws Failure `unauthorized`, `too_many_requests`
 */
export function authenticateOnce(context: AppContext, { auth }: Config): Promise<string> {
  const known = context.get("authentication");
  if (known) return known;
  const authentication = authenticateClient(requestOf(context), auth);
  context.set("authentication", authentication);
  return authentication;
}

/** The routes that a key for URLs may read. Hono routes by the same path. */
const PAGES = /^\/v1\/short-interest(?:\/|$)/;

function requestOf({ req, var: { queryKey } }: AppContext): AuthRequest {
  const isRead = (req.method === "GET" || req.method === "HEAD") && PAGES.test(req.path);
  return { headers: req.raw.headers, queryKey, isRead };
}

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
