import { rateLimitOf, rateLimitPolicyOf } from "../http/rate-limit-headers.ts";
import type { Middleware } from "./app-env.ts";

/** Sets `RateLimit-Policy` and `RateLimit`, unless a shared cache would serve them to other clients. */
export const rateLimitHeaders: Middleware = async (context, next) => {
  await next();
  const { headers } = context.res;
  if (context.var.visibility === "private") headers.append("Vary", "Authorization, X-API-Key");
  if (headers.get("Cache-Control")?.startsWith("public")) return;
  headers.set("RateLimit-Policy", rateLimitPolicyOf(context.var.config.quota));
  const { remaining } = context.var.stats;
  // A refusal has a RateLimit header of its own, which names the limit that is used up.
  if (remaining && !headers.has("RateLimit")) headers.set("RateLimit", rateLimitOf(remaining));
};
