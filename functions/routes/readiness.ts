import { readinessOf } from "../condition.ts";
import { limitExpensive } from "../http/auth.ts";
import type { RouteContext } from "../scope.ts";
import { NoQuery, parseQuery } from "./parameters.ts";

/** `GET /readyz`: whether Upstash answers, and OpenD lets this gateway in. */
export async function getReadiness(context: RouteContext): Promise<Response> {
  parseQuery(NoQuery, context.req.url);
  const { config, client, trace } = context.var;
  await limitExpensive(client, "readiness checks", config.access);
  const checks = (await readinessOf(config, trace)).map(({ name, ms, failure }) => ({
    name,
    ok: failure === undefined,
    ms,
    code: failure?.code ?? null,
    detail: failure?.detail ?? null,
  }));
  const ready = checks.every(({ ok }) => ok);
  return context.json({ ready, checks }, ready ? 200 : 503, { "Cache-Control": "no-store" });
}
