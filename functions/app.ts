import { Hono } from "hono";
import { cors } from "hono/cors";
import { explainProblem } from "./http/problem.ts";
import { postMcp } from "./mcp/handler.ts";
import type { AppEnv } from "./middleware/app-env.ts";
import { authenticate, requireApiKey } from "./middleware/auth.ts";
import { conditionalRequests } from "./middleware/conditional-requests.ts";
import { loadConfig } from "./middleware/config.ts";
import { apiCors, mcpCors, requireAllowedOrigin } from "./middleware/cors.ts";
import { providePageSource } from "./middleware/page-source.ts";
import { handleError, handleNotFound, limitBody, methodNotAllowed } from "./middleware/problems.ts";
import { queryKey } from "./middleware/query-key.ts";
import { rateLimitHeaders } from "./middleware/rate-limit-headers.ts";
import { requestLog } from "./middleware/request-log.ts";
import { responseCache } from "./middleware/response-cache.ts";
import { securityHeaders } from "./middleware/security-headers.ts";
import { getOpenapi, listEventTypes } from "./openapi/handler.ts";
import {
  acceptTcpClient,
  acceptWebSocketClient,
  requireUpgrade,
  unlessUpgrade,
} from "./opend-server/upgrade.ts";
import { getHistory } from "./routes/history.ts";
import { getHome } from "./routes/home.ts";
import { getLatest } from "./routes/latest.ts";
import { getMetrics } from "./routes/metrics.ts";
import { getHistoryRows, getLatestRows } from "./routes/openbb.ts";
import { APPS, WIDGETS } from "./routes/openbb-widgets.ts";
import { getPage } from "./routes/page.ts";
import { getReadiness } from "./routes/readiness.ts";
import { getSecurityContact } from "./routes/security-contact.ts";
import * as webhooks from "./routes/webhooks.ts";

const ONE_DAY = { "Cache-Control": "public, max-age=86400" };

/** The chain of every route that reads pages or acts for a client. */
const api = [loadConfig, rateLimitHeaders, authenticate, providePageSource] as const;

const app = new Hono<AppEnv>();

// queryKey is in front of all middleware that reads the URL.
app.use(requestLog, queryKey, conditionalRequests);
// In front of all other middleware, whose work a hit skips.
app.use("/v1/short-interest/:symbol?", responseCache);
app.use(securityHeaders);
app.use("/v1/*", apiCors, ...api);
app.use("/v1/webhooks/*", requireApiKey, limitBody);
app.use("/mcp", mcpCors, requireAllowedOrigin, ...api, limitBody);
for (const path of ["/problems/*", "/widgets.json", "/apps.json"]) app.use(path, cors());

app.get("/", unlessUpgrade(getHome), loadConfig, requireAllowedOrigin, acceptWebSocketClient);
app.get("/tcp", requireUpgrade, loadConfig, requireAllowedOrigin, authenticate, acceptTcpClient);
app.post("/mcp", postMcp);
app.get("/v1/short-interest", getLatest);
app.get("/v1/short-interest/:symbol", (context) => getPage(context, context.req.param("symbol")));
app.get("/v1/short-interest/:symbol/history", (context) => getHistory(context, context.req.param("symbol")));

// OpenBB Workspace reads the first two before it has a key.
app.get("/widgets.json", (context) => context.json(WIDGETS, 200, ONE_DAY));
app.get("/apps.json", (context) => context.json(APPS, 200, ONE_DAY));
app.get("/v1/openbb/history", (context) => getHistoryRows(context, "desc"));
app.get("/v1/openbb/chart", (context) => getHistoryRows(context, "asc"));
app.get("/v1/openbb/latest", getLatestRows);

app.get("/v1/webhooks", webhooks.listWebhooks).post(webhooks.createWebhook);
app.get("/v1/webhooks/event-types", listEventTypes);
app
  .get("/v1/webhooks/:id", (context) => webhooks.getWebhook(context, context.req.param("id")))
  .patch((context) => webhooks.changeWebhook(context, context.req.param("id")))
  .delete((context) => webhooks.deleteWebhook(context, context.req.param("id")));
app.post("/v1/webhooks/:id/rotate", (context) => webhooks.rotateSecret(context, context.req.param("id")));
app.post("/v1/webhooks/:id/test", (context) => webhooks.testWebhook(context, context.req.param("id")));
app.post("/v1/webhooks/:id/replay", (context) => webhooks.replayWebhook(context, context.req.param("id")));
app.get("/v1/webhooks/:id/deliveries", (context) =>
  webhooks.listDeliveries(context, context.req.param("id")),
);

app.get("/healthz", (context) => context.json({ status: "ok" }, 200, { "Cache-Control": "no-store" }));
app.get("/readyz", ...api, requireApiKey, getReadiness);
app.get("/metrics", ...api, requireApiKey, getMetrics);
app.get("/.well-known/security.txt", loadConfig, getSecurityContact);
app.get("/openapi.json", cors(), getOpenapi);
app.get("/problems/:code", (context) =>
  context.text(explainProblem(context.req.param("code")), 200, ONE_DAY),
);

// Every path above answers other methods with 405. Hono answers HEAD with the route of GET.
const methods = Map.groupBy(
  app.routes.filter(({ method }) => method !== "ALL"),
  ({ path }) => path,
);
for (const [path, routes] of methods) {
  const names = routes.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  app.all(path, methodNotAllowed([...new Set(names)]));
}

app.notFound(handleNotFound);
app.onError(handleError);

export default app;
