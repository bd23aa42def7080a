import { parseEnv } from "../env.ts";
import type { Middleware } from "./app-env.ts";

/**
 * Parses the bindings of the Worker.
 * @throws Failure `misconfigured`
 */
export const loadConfig: Middleware = async (context, next) => {
  const config = parseEnv(context.env);
  context.set("config", config);
  context.set("visibility", config.auth.apiKeys ? "private" : "public");
  await next();
};
