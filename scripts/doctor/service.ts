import * as v from "valibot";
import { type Check, type Finding, failed, ok, skipped } from "./check.ts";

/** Longer than the deadline of a request (15 s), in milliseconds. */
const TIMEOUT_MS = 20_000;
const PAGE = "/v1/short-interest/HK.00700?num=1";

const Readiness = v.object({
  checks: v.array(
    v.object({ name: v.string(), ok: v.boolean(), ms: v.number(), detail: v.nullable(v.string()) }),
  ),
});
const Problem = v.object({ code: v.string(), detail: v.string() });

/**
 * Checks a deployed service.
 * @param key an API key; undefined if the service requires none
 */
export function serviceChecks(origin: string, key: string | undefined): Check[] {
  const get: Get = (path) =>
    fetch(origin + path, {
      headers: key === undefined ? {} : { "X-API-Key": key },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: "manual",
    });
  return [
    { name: "service", exit: 40, run: () => checkHealth(get) },
    { name: "service readyz", exit: 41, run: () => checkReadiness(get, key) },
    { name: "service page", exit: 42, run: () => checkPage(get) },
  ];
}

type Get = (path: string) => Promise<Response>;

async function checkHealth(get: Get): Promise<Finding> {
  const response = await get("/healthz").catch(() => undefined);
  if (!response) {
    return failed("no response", "Check the address, including https://. wrangler deploy prints it.");
  }
  const text = await response.text();
  if (response.status === 200 && text === '{"status":"ok"}') return ok("the Worker runs");
  return failed(
    `unexpected response from /healthz: HTTP ${response.status}`,
    "Check that the address is that of the Worker. wrangler deploy prints it. A new custom domain takes a few minutes.",
  );
}

async function checkReadiness(get: Get, key: string | undefined): Promise<Finding> {
  if (key === undefined) return skipped("not run: /readyz requires an API key in API_KEY");
  const response = await get("/readyz");
  const body: unknown = await response.json().catch(() => undefined);
  const readiness = v.safeParse(Readiness, body);
  if (!readiness.success) return explainProblem("/readyz", response, body);
  const { checks } = readiness.output;
  const summary = checks
    .map(({ name, ok: passed, ms, detail }) => `${name}: ${passed ? `${ms} ms` : detail}`)
    .join("; ");
  if (response.ok) return ok(`from the Worker: ${summary}`);
  return failed(
    `from the Worker: ${summary}`,
    "To find the step that fails, run npm run doctor without an address and with the variables of the Worker.",
  );
}

async function checkPage(get: Get): Promise<Finding> {
  const startedAt = performance.now();
  const response = await get(PAGE);
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status !== 200) return explainProblem(PAGE, response, body);
  const ms = Math.round(performance.now() - startedAt);
  return ok(`${PAGE} in ${ms} ms (${response.headers.get("Cache-Status") ?? "no Cache-Status"})`);
}

/** Shows the problem details of this service; of any other response only the status. */
function explainProblem(path: string, response: Response, body: unknown): Finding {
  const problem = v.safeParse(Problem, body);
  if (!problem.success) {
    return failed(
      `unexpected response from ${path}: HTTP ${response.status}`,
      "Check that the address is that of the Worker.",
    );
  }
  const { code, detail } = problem.output;
  return failed(
    `${path} returned ${response.status} ${code}: ${detail}`,
    code === "unauthorized"
      ? "Set API_KEY to a key of the service: API_KEY=si_… npm run doctor -- URL (the key, not its API_KEYS entry)."
      : `/problems/${code} explains the error.`,
  );
}
