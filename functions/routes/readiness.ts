import { Failure } from "../errors.ts";
import { limitExpensive } from "../http/auth.ts";
import { NoQuery, parseQuery } from "../http/parameters.ts";
import type { AppContext } from "../middleware/app-env.ts";
import { operatorTextOf } from "../opend/operator-text.ts";
import { openSession } from "../opend/session.ts";
import { DEADLINES } from "../timeout.ts";
import { createUpstash } from "../upstash.ts";

/** `GET /readyz`: pings Upstash Redis, and logs in to OpenD. It makes no call, so it costs no permit. */
export async function getReadiness(context: AppContext): Promise<Response> {
  parseQuery(NoQuery, context.req.url);
  const { config, client, stats } = context.var;
  await limitExpensive(client, "readiness checks", config.auth);
  const upstash = createUpstash(config.upstash, DEADLINES.upstash, stats.countSubrequest);
  const checks = await Promise.all([
    check("upstash", () => upstash.exec((redis) => redis.ping())),
    check("opend", async () => {
      stats.countSubrequest();
      const opening = openSession(config.opend, DEADLINES, new AbortController().signal);
      const session = await opening.catch((thrown: unknown) => {
        stats.addOpendText(operatorTextOf(Failure.from(thrown), config.opend));
        throw thrown;
      });
      session.close();
    }),
  ]);
  const ready = checks.every(({ ok }) => ok);
  return context.json({ ready, checks }, ready ? 200 : 503, { "Cache-Control": "no-store" });
}

async function check(name: "upstash" | "opend", run: () => Promise<unknown>) {
  const startedAt = Date.now();
  const failure = await run().then(() => undefined, Failure.from);
  return {
    name,
    ok: failure === undefined,
    ms: Date.now() - startedAt,
    code: failure?.code ?? null,
    detail: failure?.detail ?? null,
  };
}
