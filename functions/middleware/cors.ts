import { cors } from "hono/cors";
import { validConfig } from "../env.ts";
import { Failure } from "../errors.ts";
import type { AppContext, Middleware } from "./app-env.ts";

const READ = ["GET", "HEAD"];
const PREFLIGHT_MAX_AGE_S = 86_400;

/** Response headers that a script of another origin may read. */
const EXPOSED_HEADERS = [
  "Age",
  "Cache-Status",
  "ETag",
  "Idempotent-Replayed",
  "Link",
  "Location",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "Server-Timing",
  "X-Request-Id",
];

const EXPOSED = EXPOSED_HEADERS.join();
const options = { origin: allowedOrigin, exposeHeaders: EXPOSED_HEADERS, maxAge: PREFLIGHT_MAX_AGE_S };

/** CORS for the API: scripts of `ALLOWED_ORIGINS` may read it, and write webhooks. */
export const apiCors = corsWith(
  cors({
    ...options,
    allowMethods: (_, { req }) =>
      req.path.startsWith("/v1/webhooks") ? [...READ, "POST", "PATCH", "DELETE"] : READ,
  }),
);

export const mcpCors = corsWith(cors({ ...options, allowMethods: ["POST"] }));

/** Hono's middleware answers preflights. For other requests it would build the response anew twice. */
function corsWith(preflight: Middleware): Middleware {
  return async (context, next) => {
    if (context.req.method === "OPTIONS") return preflight(context, next);
    await next();
    const { headers } = context.res;
    const origin = allowedOrigin(context.req.header("Origin") ?? "", context);
    if (origin !== null) headers.set("Access-Control-Allow-Origin", origin);
    headers.set("Access-Control-Expose-Headers", EXPOSED);
    headers.append("Vary", "Origin");
  };
}

/**
 * For endpoints that act on a request even if a browser hides the response: a script of another origin could send it.
 * @throws Failure `forbidden_origin`
 */
export const requireAllowedOrigin: Middleware = async (context, next) => {
  const origin = context.req.header("Origin");
  if (origin !== undefined && allowedOrigin(origin, context) === null) {
    throw new Failure("forbidden_origin", "Requests from this web origin are not allowed");
  }
  await next();
};

/** The value of `Access-Control-Allow-Origin` for a request from `origin`; null for none. */
export function allowedOrigin(origin: string, { env }: Pick<AppContext, "env">): string | null {
  // Without a valid configuration, the response is a `misconfigured` problem, which every origin may read.
  const allowedOrigins = validConfig(env)?.allowedOrigins ?? "*";
  return allowedOrigins === "*" ? "*" : (allowedOrigins.find((allowed) => allowed === origin) ?? null);
}
