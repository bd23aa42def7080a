import * as v from "valibot";
import { type Check, type Finding, failed, ok, skipped } from "./check.ts";

/** A whole request of the gateway, and the way to it, in milliseconds. */
const MOST_MS = 20_000;
const PAGE = "/v1/short-interest/HK.00700?num=1";

const Readiness = v.object({
  checks: v.array(
    v.object({ name: v.string(), ok: v.boolean(), ms: v.number(), detail: v.nullable(v.string()) }),
  ),
});
const Problem = v.object({ code: v.string(), detail: v.string() });

/**
 * A gateway that is deployed, from outside.
 * @param key one of its keys; undefined where it has none
 */
export function serviceChecks(origin: string, key: string | undefined): Check[] {
  const ask = (path: string) =>
    fetch(origin + path, {
      headers: key === undefined ? {} : { "X-API-Key": key },
      signal: AbortSignal.timeout(MOST_MS),
      redirect: "manual",
    });
  return [
    { name: "service", exit: 40, look: () => knock(ask) },
    { name: "service readyz", exit: 41, look: () => askReadiness(ask, key) },
    { name: "service page", exit: 42, look: () => askPage(ask) },
  ];
}

type Ask = (path: string) => Promise<Response>;

async function knock(ask: Ask): Promise<Finding> {
  const response = await ask("/healthz").catch(() => undefined);
  if (!response) {
    return failed("nothing answers there", "Is the address right, with https://? wrangler deploy prints it.");
  }
  const text = await response.text();
  if (response.status === 200 && text === '{"status":"ok"}') return ok("the Worker runs");
  return failed(
    `/healthz answers ${response.status}, not as this Worker does`,
    "Is the address that of the Worker? wrangler deploy prints it; a custom domain takes a few minutes.",
  );
}

async function askReadiness(ask: Ask, key: string | undefined): Promise<Finding> {
  if (key === undefined)
    return skipped("set API_KEY to one of the keys, and /readyz says what the Worker sees");
  const response = await ask("/readyz");
  const body: unknown = await response.json().catch(() => undefined);
  const readiness = v.safeParse(Readiness, body);
  if (!readiness.success) return explainProblem("/readyz", response, body);
  const { checks } = readiness.output;
  const seen = checks
    .map(({ name, ok: fine, ms, detail }) => `${name} ${fine ? `${ms} ms` : detail}`)
    .join(", ");
  if (response.ok) return ok(`from the Worker: ${seen}`);
  return failed(
    `from the Worker: ${seen}`,
    "Run npm run doctor without an address, with the very values that the Worker has, to see at which step.",
  );
}

async function askPage(ask: Ask): Promise<Finding> {
  const began = performance.now();
  const response = await ask(PAGE);
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status !== 200) return explainProblem(PAGE, response, body);
  const ms = Math.round(performance.now() - began);
  return ok(`${PAGE} in ${ms} ms (${response.headers.get("Cache-Status") ?? "without Cache-Status"})`);
}

/** The gateway's own words; of anybody else's nothing but the status. */
function explainProblem(path: string, response: Response, body: unknown): Finding {
  const problem = v.safeParse(Problem, body);
  if (!problem.success) {
    return failed(`${path} answers ${response.status}`, "Something else than the Worker answers there.");
  }
  const { code, detail } = problem.output;
  return failed(
    `${path} answers ${response.status} ${code}: ${detail}`,
    `/problems/${code} says what can be done.`,
  );
}
