import { type Context, Hono } from "hono";
import { parseEnv } from "./env.ts";
import { Failure } from "./failure.ts";
import { createGateway } from "./gateway.ts";
import { clientOf } from "./http/client.ts";
import { problemResponse } from "./http/problem.ts";
import { getPage } from "./routes/page.ts";

const app = new Hono();

app.get("/healthz", (context) => context.json({ status: "ok" }, 200, { "Cache-Control": "no-store" }));
app.all("/healthz", onlyGet);

app.get("/v1/short-interest/:symbol", (context) =>
  getPage(context, context.req.param("symbol"), () =>
    createGateway(parseEnv(context.env), {
      client: clientOf(context.req.raw.headers),
      origin: new URL(context.req.url).origin,
      background: (work) => context.executionCtx.waitUntil(work),
    }),
  ),
);
app.all("/v1/short-interest/:symbol", onlyGet);

app.notFound(() => problemResponse(new Failure("not_found", "There is nothing at this path")));

app.onError((thrown) => {
  const failure = Failure.from(thrown);
  // The message of an unexpected error may hold anything, so only its kind is written down.
  if (failure.code === "internal") console.error(`internal error: ${thrown.name}`);
  return problemResponse(failure);
});

function onlyGet(context: Context): Response {
  const response = problemResponse(
    new Failure("method_not_allowed", `${context.req.method} is not for this path; GET and HEAD are`),
  );
  response.headers.set("Allow", "GET, HEAD");
  return response;
}

export default app;
