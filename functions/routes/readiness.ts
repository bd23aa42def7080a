import { DEADLINES } from "../deadline.ts";
import { Failure } from "../failure.ts";
import { countCostly } from "../http/access.ts";
import { openSession } from "../opend/session.ts";
import type { RouteContext } from "../scope.ts";
import { createUpstash } from "../upstash.ts";
import { NoQuery, parseQuery } from "./parameters.ts";

/**
 * `GET /readyz`: whether Upstash answers, and OpenD lets this gateway in. It makes no call, so it costs nothing of
 * the quota.
 */
export async function getReadiness(context: RouteContext): Promise<Response> {
  parseQuery(NoQuery, context.req.queries());
  const { config, client, trace } = context.var;
  await countCostly(client, "looks at OpenD", config.access);
  const upstash = createUpstash(config.upstash, DEADLINES.upstash, trace.spend);
  const checks = await Promise.all([
    check("upstash", () => upstash.ask((redis) => redis.ping())),
    check("opend", async () => {
      trace.spend();
      const session = await openSession(config.opend, DEADLINES, new AbortController().signal);
      session.close();
    }),
  ]);
  const ready = checks.every(({ ok }) => ok);
  return context.json({ ready, checks }, ready ? 200 : 503, { "Cache-Control": "no-store" });
}

async function check(name: string, work: () => Promise<unknown>) {
  const began = Date.now();
  try {
    await work();
    return { name, ok: true, ms: Date.now() - began, code: null, detail: null };
  } catch (thrown) {
    const { code, detail } = Failure.from(thrown);
    return { name, ok: false, ms: Date.now() - began, code, detail };
  }
}
