import { matchedRoutes } from "hono/route";
import { createRequestLogger } from "../telemetry/request-logger.ts";
import { createRequestStats } from "../telemetry/request-stats.ts";
import { spansOf } from "../telemetry/spans.ts";
import type { AppContext, Middleware } from "./app-env.ts";

const MAX_ID_LENGTH = 255;

/** Sets `X-Request-Id` and `Server-Timing`, and writes the log line of the request when all its work has ended. */
export const requestLog: Middleware = async (context, next) => {
  const startedAt = Date.now();
  const stats = createRequestStats(Date.now, { spans: spansOf(context.executionCtx.tracing) });
  const logger = createRequestLogger((work) => context.executionCtx.waitUntil(work));
  const requestId = requestIdOf(context);
  context.set("requestId", requestId);
  context.set("stats", stats);
  context.set("waitUntil", logger.waitUntil);
  context.set("trackBody", logger.trackBody);
  await next();
  // Not through `context.header`, which makes a new response for each header.
  const { headers, status } = context.res;
  const { client, code, config } = context.var;
  headers.set("X-Request-Id", requestId);
  // Without it, a cache in front may apply heuristic freshness.
  if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
  const phases = Array.from(stats.phases, ([phase, ms]) => `${phase};dur=${ms}`);
  if (phases.length > 0) headers.set("Server-Timing", phases.join(", "));
  const event = {
    route: `${context.req.method} ${matchedRoutes(context).at(-1)?.path}`,
    requestId,
    status,
    code,
    fault: code === "internal" ? context.error?.name : undefined,
    client,
    ms: Date.now() - startedAt,
  };
  logger.finish(event, stats, config?.upstash);
};

/** The client's ID of its request, if it is valid, or a new one. */
function requestIdOf({ req }: AppContext): string {
  const id = req.raw.headers.get("X-Request-Id");
  return id && id.length <= MAX_ID_LENGTH && /^[\w\-=]+$/.test(id) ? id : crypto.randomUUID();
}
