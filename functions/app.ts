import { Hono, type Next } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { etag, RETAINED_304_HEADERS } from "hono/etag";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { type Config, parseEnv } from "./env.ts";
import { Failure } from "./failure.ts";
import { explainProblem, problemResponse } from "./http/problem.ts";
import { postMcp } from "./mcp/endpoint.ts";
import { admission, configure, holdersOnly, quotas, report } from "./middleware.ts";
import { openapiJson } from "./openapi/document.ts";
import { getHistory } from "./routes/history.ts";
import { getHome } from "./routes/home.ts";
import { getLatest } from "./routes/latest.ts";
import { getMetrics } from "./routes/metrics.ts";
import { getPage } from "./routes/page.ts";
import { getReadiness } from "./routes/readiness.ts";
import {
  changeWebhook,
  createWebhook,
  deleteWebhook,
  getWebhook,
  listDeliveries,
  listWebhooks,
  rotateSecret,
  testWebhook,
} from "./routes/webhooks.ts";
import type { RouteContext, Scope } from "./scope.ts";
import { openSocket } from "./socket/endpoint.ts";

const READ = ["GET", "HEAD"];
/** Of what is sent, in bytes. */
const LONGEST_MESSAGE = 65_536;
const A_DAY_S = 86_400;
const A_DAY = { "Cache-Control": `public, max-age=${A_DAY_S}` };

/** What a page in a browser may read of an answer, beside its body. */
const EXPOSED = [
  "Age",
  "Cache-Status",
  "ETag",
  "Link",
  "Location",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "Server-Timing",
  "X-Request-Id",
];
/** What a 304 says beside what HTTP asks of it. */
const WITH_304 = ["Access-Control-Allow-Origin", "Access-Control-Expose-Headers", ...EXPOSED];

const app = new Hono<Scope>();

const withLimit = bodyLimit({ maxSize: LONGEST_MESSAGE, onError: tooLong });

app.use(requestId(), report);
const SECURE = { crossOriginResourcePolicy: "cross-origin" } as const;
const forData = secureHeaders({
  ...SECURE,
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
});
const forTheFront = secureHeaders({
  ...SECURE,
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'"],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    imgSrc: ["data:"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
});
app.use((context, next) => (context.req.path === "/" ? forTheFront : forData)(context, next));
const forPages = { origin: allowedOrigin, exposeHeaders: EXPOSED, maxAge: A_DAY_S };
app.use("/v1/*", cors({ ...forPages, allowMethods: methodsOf }), configure, quotas, admission);
app.use("/v1/webhooks/*", holdersOnly, withLimit);
app.use(
  "/mcp",
  cors({ ...forPages, allowMethods: ["POST"] }),
  configure,
  onlyAllowedOrigins,
  quotas,
  admission,
);
app.use("/mcp", withLimit);
app.use("/problems/*", cors());

const withETag = etag({ retainedHeaders: [...RETAINED_304_HEADERS, ...WITH_304] });

app.get("/v1/short-interest", withETag, getLatest);
app.get("/v1/short-interest/:symbol", withETag, (context) => getPage(context, context.req.param("symbol")));
app.get("/v1/short-interest/:symbol/history", (context) => getHistory(context, context.req.param("symbol")));
app.get("/v1/webhooks", listWebhooks).post(createWebhook);
app
  .get("/v1/webhooks/:id", (context) => getWebhook(context, context.req.param("id")))
  .patch((context) => changeWebhook(context, context.req.param("id")))
  .delete((context) => deleteWebhook(context, context.req.param("id")));
app.post("/v1/webhooks/:id/rotate", (context) => rotateSecret(context, context.req.param("id")));
app.post("/v1/webhooks/:id/test", (context) => testWebhook(context, context.req.param("id")));
app.get("/v1/webhooks/:id/deliveries", (context) => listDeliveries(context, context.req.param("id")));
app.get("/openapi.json", cors(), withETag, (context) =>
  context.body(openapiJson(), 200, { "Content-Type": "application/json", ...A_DAY }),
);
app.get("/healthz", (context) => context.json({ status: "ok" }, 200, { "Cache-Control": "no-store" }));
app.get("/readyz", configure, quotas, admission, holdersOnly, getReadiness);
app.get("/metrics", configure, quotas, admission, holdersOnly, getMetrics);
app.get("/problems/:code", (context) => context.text(explainProblem(context.req.param("code")), 200, A_DAY));

app.post("/mcp", postMcp);
app.get("/", withETag, unlessUpgrade(getHome), configure, onlyAllowedOrigins, openSocket);

const methods = Map.groupBy(
  app.routes.filter(({ method }) => method !== "ALL"),
  ({ path }) => path,
);
for (const [path, routes] of methods) {
  const names = routes.flatMap(({ method }) => (method === "GET" ? READ : [method]));
  app.all(path, only([...new Set(names)]));
}

app.notFound((context) => refusal(context, new Failure("not_found", "There is nothing at this path")));

app.onError((thrown, context) => refusal(context, Failure.from(thrown)));

function refusal(context: RouteContext, failure: Failure): Response {
  context.set("code", failure.code);
  return problemResponse(failure);
}

/** The value of Access-Control-Allow-Origin for a request from `origin`; null for none. */
function allowedOrigin(origin: string, context: RouteContext): string | null {
  const allowedOrigins = originsIn(context.env);
  return allowedOrigins === "*" ? "*" : (allowedOrigins.find((allowed) => allowed === origin) ?? null);
}

/** The methods that a page of another origin may use. */
function methodsOf(_: string, { req }: RouteContext): string[] {
  return req.path.startsWith("/v1/webhooks") ? [...READ, "POST", "PATCH", "DELETE"] : READ;
}

function originsIn(env: unknown): Config["allowedOrigins"] {
  try {
    return parseEnv(env).allowedOrigins;
  } catch {
    // What is answered then is which variable is wrong, and all may read that.
    return "*";
  }
}

/** A page that may not read an answer must not cause one either. */
async function onlyAllowedOrigins(context: RouteContext, next: Next): Promise<void> {
  const origin = context.req.header("Origin");
  if (origin !== undefined && allowedOrigin(origin, context) === null) {
    throw new Failure("forbidden_origin", "Pages of this origin may not ask");
  }
  await next();
}

function unlessUpgrade(route: (context: RouteContext) => Promise<Response>) {
  return async (context: RouteContext, next: Next): Promise<Response | undefined> => {
    if (context.req.header("Upgrade")?.toLowerCase() !== "websocket") return route(context);
    await next();
  };
}

function only(methods: readonly string[]) {
  return (context: RouteContext): Response => {
    const { method } = context.req;
    const response = refusal(
      context,
      new Failure("method_not_allowed", `${method} is not for this path, but ${methods.join(" and ")}`),
    );
    response.headers.set("Allow", methods.join(", "));
    return response;
  };
}

function tooLong(): never {
  throw new Failure("content_too_large", `What is sent is at most ${LONGEST_MESSAGE} bytes`);
}

export default app;
