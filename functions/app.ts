import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { etag, RETAINED_304_HEADERS } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import { parseEnv } from "./env.ts";
import { Failure } from "./failure.ts";
import { createGateway } from "./gateway.ts";
import { clientOf } from "./http/client.ts";
import { explainProblem, problemResponse } from "./http/problem.ts";
import type { PageSource } from "./pages/source.ts";
import { getLatest } from "./routes/latest.ts";
import { getPage } from "./routes/page.ts";

const READ = ["GET", "HEAD"];
/** What a page in a browser may read of an answer, beside its body. */
const EXPOSED = ["Age", "Cache-Status", "ETag", "Link", "Retry-After"];

const app = new Hono();

app.use(secureHeaders({ crossOriginResourcePolicy: "cross-origin" }));
app.use("/v1/*", cors({ origin: allowedOrigin, allowMethods: READ, exposeHeaders: EXPOSED }));
app.use("/v1/*", etag({ retainedHeaders: [...RETAINED_304_HEADERS, "age", "cache-status", "link"] }));

app.get("/healthz", (context) => context.json({ status: "ok" }, 200, { "Cache-Control": "no-store" }));
app.all("/healthz", onlyGet);

app.get("/problems/:code", (context) =>
  context.text(explainProblem(context.req.param("code")), 200, { "Cache-Control": "public, max-age=86400" }),
);
app.all("/problems/:code", onlyGet);

app.get("/v1/short-interest", (context) => getLatest(context, () => sourceFor(context)));
app.all("/v1/short-interest", onlyGet);

app.get("/v1/short-interest/:symbol", (context) =>
  getPage(context, context.req.param("symbol"), () => sourceFor(context)),
);
app.all("/v1/short-interest/:symbol", onlyGet);

app.notFound(() => problemResponse(new Failure("not_found", "There is nothing at this path")));

app.onError((thrown) => {
  const failure = Failure.from(thrown);
  // The message of an unexpected error may hold anything, so only its kind is written down.
  if (failure.code === "internal") console.error(`internal error: ${thrown.name}`);
  return problemResponse(failure);
});

/** Made only once the input has been checked: bad input gets its answer whatever the configuration. */
function sourceFor(context: Context): PageSource {
  return createGateway(parseEnv(context.env), {
    client: clientOf(context.req.raw.headers),
    origin: new URL(context.req.url).origin,
    background: (work) => context.executionCtx.waitUntil(work),
  });
}

/** The value of Access-Control-Allow-Origin for a request from `origin`; null for none. */
function allowedOrigin(origin: string, { env }: Context): string | null {
  const { allowedOrigins } = parseEnv(env);
  return allowedOrigins === "*" ? "*" : (allowedOrigins.find((allowed) => allowed === origin) ?? null);
}

function onlyGet(context: Context): Response {
  const response = problemResponse(
    new Failure("method_not_allowed", `${context.req.method} is not for this path; GET and HEAD are`),
  );
  response.headers.set("Allow", READ.join(", "));
  return response;
}

export default app;
