import { summaryOf } from "../../functions/page-source/cached-reply.ts";
import { freshnessPolicy, staleUntil } from "../../functions/page-source/freshness.ts";
import { readPage } from "../../functions/page-source/parsed-page.ts";
import { createSharedCache } from "../../functions/page-source/shared-cache.ts";
import { FIRST_CURSOR, MAX_ROWS } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import { PERMIT_LOG } from "../support/permit-log.ts";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { cpuMs, type LoadPlan, load } from "./load.ts";
import { interleave, median } from "./measure.ts";
import { filesOf, profileOf, shares } from "./profile.ts";
import type { Report } from "./report.ts";
import { fixtureScript, type Remotes, Resources } from "./resources.ts";
import { API_KEYS, replyOf, WITH_KEY } from "./sample.ts";

const TARGET = { min: 0.85 };
/** More than the memory of an isolate holds: requests in turn read every page from the Cache API. */
const PAGES = 5_000;
const PATHS = Array.from({ length: PAGES }, (_, index) => `/v1/short-interest/US.T${index}`);
/** Requests for one path in each round. */
const REPETITIONS = 600;
const ROUNDS = 7;
const DEV_ROUNDS = 3;
const CONNECTIONS = 8;
const MAX_SHARES = 12;

const CASES = ["minimal", "memory", "cache"] as const;
type Case = (typeof CASES)[number];
const HITS = ["memory", "cache"] as const;

const LABELS: Readonly<Record<Case, string>> = {
  minimal: "minimal Worker",
  memory: "isolate memory",
  cache: "Cache API",
};

/** Measures throughput and CPU time of cached pages against a Worker that only reads the cache. */
export async function benchCached(report: Report): Promise<void> {
  await using resources = new Resources();
  const remotes = await resources.remotes();
  await fillSharedCache(remotes);
  await inWorkerd(report, resources, remotes);
  await inDevelopmentServer(report, resources, remotes);
}

async function inWorkerd(report: Report, resources: Resources, { vars }: Remotes): Promise<void> {
  const cacheService = await fixtureScript("cache-service");
  const { originOf, pid } = resources.add(
    await startWorkerd({
      "cache-of-minimal": { script: cacheService },
      "cache-of-main": { script: cacheService },
      minimal: { script: await fixtureScript("minimal"), cache: "cache-of-minimal" },
      main: { script: await bundledWorker(), cache: "cache-of-main", vars: { ...vars, API_KEYS } },
    }),
  );
  const plans = await preparePlans(originOf("main"), originOf("minimal"));
  const results = await interleave(CASES, ROUNDS, async (name) => {
    const cpuBefore = cpuMs(pid);
    const elapsedMs = await load(plans[name], CONNECTIONS);
    const requests = plans[name].paths.length;
    return { elapsedMs: elapsedMs / requests, cpuMs: (cpuMs(pid) - cpuBefore) / requests };
  });
  const medianOf = (name: Case, figure: "elapsedMs" | "cpuMs") =>
    median(results[name].map((result) => result[figure]));
  report.line("workerd, cache in memory      pages/s    CPU time per page");
  for (const name of CASES) {
    const perSecond = (1_000 / medianOf(name, "elapsedMs")).toFixed(0);
    const cpuTime = (1_000 * medianOf(name, "cpuMs")).toFixed(0);
    report.line(`${LABELS[name].padEnd(28)}${perSecond.padStart(9)}${cpuTime.padStart(18)} µs`);
  }
  const outcomes = HITS.map((name) =>
    report.compare({
      name: `cached page from ${LABELS[name]}, throughput in workerd`,
      value: medianOf("minimal", "elapsedMs") / medianOf(name, "elapsedMs"),
      target: TARGET,
    }),
  );
  if (outcomes.includes(false)) await explain(report, resources, vars);
}

/** Reports where the CPU time goes. */
async function explain(report: Report, resources: Resources, vars: Remotes["vars"]): Promise<void> {
  const script = await bundledWorker({ minify: false });
  const { originOf, inspector } = resources.add(
    await startWorkerd(
      {
        cache: { script: await fixtureScript("cache-service") },
        main: { script, cache: "cache", vars: { ...vars, API_KEYS } },
      },
      { inspect: true },
    ),
  );
  const { memory } = await warmPlans(originOf("main"));
  const profile = await profileOf(inspector ?? "", "main", () => load(memory, CONNECTIONS));
  report.line("");
  report.line("CPU time of a page from isolate memory, by file or package and its calls into the runtime");
  for (const [place, share] of shares(profile, filesOf(script)).slice(0, MAX_SHARES)) {
    report.line(`  ${place.padEnd(40)}${(100 * share).toFixed(1).padStart(9)} %`);
  }
  report.explain(
    `The minimal Worker forwards a response without reading it. A page from isolate memory is a finished response: this
Worker authenticates the API key, counts the request, sets the headers that change, and writes a log line. A page from the
Cache API is also parsed from OpenD's bytes, all ${MAX_ROWS} rows; ten rows are written as JSON, and an \`ETag\` is computed.`,
  );
}

/** Repeats the comparison in wrangler's development server, whose own time dominates both results. */
async function inDevelopmentServer(report: Report, resources: Resources, { vars }: Remotes): Promise<void> {
  const worker = resources.add(await startLocalWorker({ ...vars, API_KEYS }, UNLIMITED));
  const minimal = resources.add(await startLocalWorker({}, { config: "test/bench/fixtures/minimal.toml" }));
  const plans = await preparePlans(worker.origin, minimal.origin);
  const results = await interleave(CASES, DEV_ROUNDS, (name) => load(plans[name], CONNECTIONS));
  const perRequest = (name: Case) => median(results[name]) / plans[name].paths.length;
  for (const name of HITS) {
    report.compare({
      name: `cached page from ${LABELS[name]}, throughput in the development server`,
      value: perRequest("minimal") / perRequest(name),
      target: TARGET,
    });
  }
}

async function preparePlans(main: string, minimal: string): Promise<Record<Case, LoadPlan>> {
  const plans = await warmPlans(main);
  return { ...plans, minimal: await warmMinimalPlan(minimal, plans.memory) };
}

/** Returns the load plans for this project's Worker, with its caches filled. */
async function warmPlans(origin: string): Promise<Record<"memory" | "cache", LoadPlan>> {
  const [path = ""] = PATHS;
  const plans = {
    memory: { origin, paths: Array.from({ length: REPETITIONS }, () => path), headers: WITH_KEY },
    cache: { origin, paths: PATHS, headers: WITH_KEY },
  };
  // The first requests fill the edge cache from the shared cache.
  for (const plan of [plans.cache, plans.cache, plans.memory]) await load(plan, CONNECTIONS);
  return plans;
}

/** Returns the load plan for the minimal Worker, with the response of the main Worker in its cache. */
async function warmMinimalPlan(origin: string, memory: LoadPlan): Promise<LoadPlan> {
  const [path = ""] = memory.paths;
  const response = await fetch(memory.origin + path, { headers: WITH_KEY });
  const headers = new Headers(response.headers);
  if (!headers.get("Cache-Status")?.includes("; hit")) throw new Error("The page is not cached");
  // Headers of the connection.
  for (const name of ["Connection", "Content-Encoding", "Keep-Alive", "Transfer-Encoding"])
    headers.delete(name);
  // Responses to requests with an API key are private, which the Cache API does not store.
  headers.set("Cache-Control", "max-age=3600");
  const body = await response.text();
  await fetch(origin + path, { method: "PUT", headers, body });
  const served = await fetch(origin + path, { headers: WITH_KEY });
  if ((await served.text()) !== body) throw new Error("The minimal Worker serves another response");
  const plan = { ...memory, origin };
  await load(plan, CONNECTIONS);
  return plan;
}

/** Writes all pages to the shared cache. */
async function fillSharedCache({ upstash }: Remotes): Promise<void> {
  const client = createUpstash({ url: upstash.url, token: upstash.token }, 3_000);
  const sharedCache = createSharedCache(client, 15_000, Date.now, freshnessPolicy);
  const fetchedAt = Date.now();
  const cached = {
    reply: replyOf(MAX_ROWS),
    cursor: FIRST_CURSOR,
    fetchedAt,
    freshUntil: fetchedAt,
    staleUntil: staleUntil(FIRST_CURSOR, fetchedAt),
  };
  // No permit was granted, so the log is missing, and the write ignores the settlement.
  const settlement = { key: PERMIT_LOG, args: ["none", "0", "1", "0"] };
  for (const path of PATHS) {
    const symbol = path.slice(path.lastIndexOf("/") + 1);
    const key = { symbol, cursor: FIRST_CURSOR };
    const summary = summaryOf(readPage(parseSymbol(symbol), cached), key);
    const write = { cached, summary, settlement, isRewritten: false };
    await sharedCache.write({ key, version: "", publication: undefined }, "", write);
  }
}
