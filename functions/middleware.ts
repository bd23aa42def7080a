import type { MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import { parseEnv } from "./env.ts";
import { Failure } from "./failure.ts";
import { createGateway } from "./gateway.ts";
import { authenticateClient } from "./http/auth.ts";
import { rateLimitOf, rateLimitPolicyOf } from "./http/rate-limit-headers.ts";
import type { Scope } from "./scope.ts";
import { createRecorder } from "./telemetry/recorder.ts";
import { createTrace } from "./trace.ts";

type Middleware = MiddlewareHandler<Scope>;

/** Says on each answer which request it is of, and what that spent its time on; and writes it down. */
export const report: Middleware = async (context, next) => {
  const began = Date.now();
  const trace = createTrace(Date.now);
  const recorder = createRecorder((work) => context.executionCtx.waitUntil(work));
  context.set("trace", trace);
  context.set("background", recorder.background);
  context.set("sending", recorder.sending);
  await next();
  // Not by way of the context, which makes a new answer for each header.
  const { headers, status } = context.res;
  headers.set("X-Request-Id", context.var.requestId);
  // Without one a cache in front would keep it for as long as it likes.
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  const steps = Array.from(trace.steps, ([step, ms]) => `${step};dur=${ms}`);
  if (steps.length > 0) headers.set("Server-Timing", steps.join(", "));
  const { requestId, client, code, config } = context.var;
  const occasion = {
    route: `${context.req.method} ${matchedRoutes(context).at(-1)?.path}`,
    requestId,
    status,
    code,
    fault: code === "internal" ? context.error?.name : undefined,
    client,
    ms: Date.now() - began,
  };
  recorder.end(occasion, trace, config?.upstash);
};

/** @throws Failure `misconfigured` */
export const configure: Middleware = async (context, next) => {
  const config = parseEnv(context.env);
  context.set("config", config);
  context.set("visibility", config.access.apiKeys ? "private" : "public");
  await next();
};

/**
 * Lets a request in, and gives it the way to pages, with its own share of the quota.
 * @throws Failure as `authenticateClient` does
 */
export const admission: Middleware = async (context, next) => {
  const { config, trace, background } = context.var;
  const client = await authenticateClient(context.req.raw.headers, config.access);
  const pages = createGateway(config, { client, trace, origin: new URL(context.req.url).origin, background });
  context.set("client", client);
  context.set("pages", pages);
  await next();
};

/**
 * For what is the operator's, and the holders' of a key.
 * @throws Failure `unauthorized` where there are no keys
 */
export const holdersOnly: Middleware = async ({ var: { config } }, next) => {
  if (!config.access.apiKeys) {
    throw new Failure("unauthorized", "This is for the holders of keys, and API_KEYS is not set here");
  }
  await next();
};

/** Says what the quotas are and have left, but not where a shared cache would tell it to others. */
export const quotas: Middleware = async (context, next) => {
  await next();
  const { headers } = context.res;
  if (context.var.visibility === "private") headers.append("Vary", "Authorization, X-API-Key");
  if (headers.get("Cache-Control")?.startsWith("public")) return;
  headers.set("RateLimit-Policy", rateLimitPolicyOf(context.var.config.quota));
  const { left } = context.var.trace;
  // A refusal has a RateLimit header of its own, which names the limit that is used up.
  if (left && !headers.has("RateLimit")) headers.set("RateLimit", rateLimitOf(left));
};
