import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { benchCachedCpu } from "./cached-cpu.ts";
import { CONNECTIONS, fillSharedCache, sampleLogLine, warmPlans } from "./cached-pages.ts";
import { cpuMs, load } from "./load.ts";
import { interleave, median } from "./measure.ts";
import { filesOf, profileOf, shares } from "./profile.ts";
import type { Report } from "./report.ts";
import { fixtureScript, type Remotes, Resources } from "./resources.ts";
import { API_KEYS, VERSION } from "./sample.ts";

interface Case {
  readonly label: string;
  /** Pages that are requested in turn, from this project's Worker and from the minimal one. */
  readonly pages: number;
  /** How often a round requests each page. */
  readonly repetitions: number;
  readonly min: number;
}

/** The memory of an isolate holds all pages. */
const MEMORY: Case = { label: "isolate memory", pages: 600, repetitions: 6, min: 1.1 };
/** More pages than the memory holds, so that each request reads the Cache API. */
const CACHE: Case = { label: "Cache API", pages: 5_000, repetitions: 1, min: 0.7 };
const CASES = [MEMORY, CACHE];
/** A 304 is no dearer than its 200. The rest is noise; the report has the spread of the rounds. */
const UNCHANGED = { max: 1.02 };

const ROUNDS = 9;
const DEV_ROUNDS = 3;
const MAX_SHARES = 12;

/** Measures cached pages against a Worker that reads as many pages from the cache, and writes the same log. */
export async function benchCached(report: Report): Promise<void> {
  await using resources = new Resources();
  const remotes = await resources.remotes();
  await fillSharedCache(remotes, Math.max(...CASES.map(({ pages }) => pages)));
  report.line("workerd, cache in memory             pages/s    CPU time    reads of the Cache API");
  let readMs = 0;
  for (const measured of CASES) readMs = await inWorkerd(report, remotes, measured);
  report.line("");
  await benchCachedCpu(report, remotes, readMs);
  report.line("");
  report.line("wrangler's development server        pages/s");
  // Its Cache API is too slow for the other case.
  await inDevelopmentServer(report, remotes, MEMORY);
}

const PLANS = ["minimal", "main", "unchanged"] as const;
type Plan = (typeof PLANS)[number];
const PLAN_LABELS: Readonly<Record<Plan, string>> = {
  minimal: "minimal Worker",
  main: "200",
  unchanged: "304",
};

/** Returns the CPU time of the minimal Worker for a page, in milliseconds. */
async function inWorkerd(report: Report, { vars }: Remotes, measured: Case): Promise<number> {
  await using resources = new Resources();
  const { label, pages, repetitions, min } = measured;
  const cacheService = await fixtureScript("cache-service");
  const { originOf, pid } = resources.add(
    await startWorkerd({
      "cache-of-minimal": { script: cacheService },
      "cache-of-main": { script: cacheService },
      minimal: {
        script: await fixtureScript("minimal"),
        cache: "cache-of-minimal",
        vars: { LOG_LINE: sampleLogLine() },
      },
      main: {
        script: await bundledWorker(),
        cache: "cache-of-main",
        vars: { ...vars, API_KEYS },
        json: VERSION,
      },
    }),
  );
  const origins = { main: originOf("main"), minimal: originOf("minimal") };
  const plans = await warmPlans(origins, pages, repetitions);
  const readsOf = async (plan: Plan) =>
    Number(await (await fetch(`${originOf(`cache-of-${plan === "minimal" ? plan : "main"}`)}/reads`)).text());
  const results = await interleave(PLANS, ROUNDS, async (name) => {
    const [cpuBefore, readsBefore] = [cpuMs(pid), await readsOf(name)];
    const elapsedMs = await load(plans[name], CONNECTIONS);
    const requests = pages * repetitions;
    return {
      elapsed: elapsedMs / requests,
      cpu: (cpuMs(pid) - cpuBefore) / requests,
      reads: ((await readsOf(name)) - readsBefore) / requests,
    };
  });
  for (const name of PLANS) {
    const medianOf = (figure: "elapsed" | "cpu" | "reads") =>
      median(results[name].map((result) => result[figure]));
    const title = `${name === "minimal" ? "" : `${label}, `}${PLAN_LABELS[name]}, ${pages} pages`;
    const perSecond = (1_000 / medianOf("elapsed")).toFixed(0);
    const cpuTime = `${(1_000 * medianOf("cpu")).toFixed(0)} µs`;
    report.line(
      `${title.padEnd(34)}${perSecond.padStart(10)}${cpuTime.padStart(12)}${medianOf("reads").toFixed(2).padStart(12)} a page`,
    );
  }
  /** The ratio of each round. */
  const ratios = (over: Plan, under: Plan, figure: "elapsed" | "cpu") =>
    results[over].map((result, round) => result[figure] / (results[under][round]?.[figure] ?? Number.NaN));
  const speed = ratios("minimal", "main", "elapsed");
  report.line(
    `  minimal Worker to 200: time ${spreadOf(speed)}, CPU ${spreadOf(ratios("minimal", "main", "cpu"))}`,
  );
  const isMet = report.compare({
    name: `cached page from ${label}, throughput in workerd`,
    value: median(speed),
    target: { min },
  });
  for (const [figure, unit] of [
    ["elapsed", "time"],
    ["cpu", "CPU"],
  ] as const) {
    const relative = ratios("unchanged", "main", figure);
    report.line(`  304 to 200: ${unit} ${spreadOf(relative)}`);
    report.compare({
      name: `304 from ${label}, ${unit} relative to the 200`,
      value: median(relative),
      target: UNCHANGED,
    });
  }
  if (!isMet) await profile(report, vars, measured);
  return median(results.minimal.map(({ cpu }) => cpu));
}

/** The median and the range of ratios. */
function spreadOf(ratios: readonly number[]): string {
  const [lowest, middle, highest] = [Math.min(...ratios), median(ratios), Math.max(...ratios)];
  return `× ${middle.toFixed(2)} (${lowest.toFixed(2)} to ${highest.toFixed(2)})`;
}

/** Reports where the CPU time goes. */
async function profile(report: Report, vars: Remotes["vars"], { label, pages }: Case): Promise<void> {
  await using resources = new Resources();
  const script = await bundledWorker({ minify: false });
  const { originOf, inspector } = resources.add(
    await startWorkerd(
      {
        cache: { script: await fixtureScript("cache-service") },
        "cache-of-minimal": { script: await fixtureScript("cache-service") },
        minimal: {
          script: await fixtureScript("minimal"),
          cache: "cache-of-minimal",
          vars: { LOG_LINE: sampleLogLine() },
        },
        main: { script, cache: "cache", vars: { ...vars, API_KEYS }, json: VERSION },
      },
      { inspect: true },
    ),
  );
  const origins = { main: originOf("main"), minimal: originOf("minimal") };
  const { main } = await warmPlans(origins, pages, 1);
  const cpuProfile = await profileOf(inspector ?? "", "main", () => load(main, CONNECTIONS));
  report.line(`  CPU time of a page from ${label}, by file or package and its calls into the runtime`);
  for (const [place, share] of shares(cpuProfile, filesOf(script)).slice(0, MAX_SHARES)) {
    report.line(`    ${place.padEnd(40)}${(100 * share).toFixed(1).padStart(9)} %`);
  }
}

/** Repeats the comparison in wrangler's development server. Both Workers have the same assets in front. */
async function inDevelopmentServer(report: Report, { vars }: Remotes, { label, pages }: Case): Promise<void> {
  await using resources = new Resources();
  const main = resources.add(await startLocalWorker({ ...vars, API_KEYS }, UNLIMITED));
  const config = "test/bench/fixtures/minimal.toml";
  const minimal = resources.add(await startLocalWorker({ LOG_LINE: sampleLogLine() }, { config }));
  const plans = await warmPlans({ main: main.origin, minimal: minimal.origin }, pages, 1);
  const names = ["minimal", "main"] as const;
  const results = await interleave(names, DEV_ROUNDS, (name) => load(plans[name], CONNECTIONS));
  for (const name of names) {
    const perSecond = ((1_000 * pages) / median(results[name])).toFixed(0);
    const title = `${name === "minimal" ? "" : `${label}, `}${PLAN_LABELS[name]}, ${pages} pages`;
    report.line(`${title.padEnd(34)}${perSecond.padStart(10)}`);
  }
  report.compare({
    name: `cached page from ${label}, throughput in the development server`,
    value: median(results.minimal) / median(results.main),
  });
}
