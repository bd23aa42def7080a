import { setTimeout as wait } from "node:timers/promises";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { CONNECTIONS, symbolsOf } from "./cached-pages.ts";
import { cpuMs, load } from "./load.ts";
import { median } from "./measure.ts";
import type { Report } from "./report.ts";
import { fixtureScript, type Remotes, Resources } from "./resources.ts";
import { API_KEYS, VERSION, WITH_KEY } from "./sample.ts";

/** The free plan allows 10 ms of CPU time for a request. */
const TARGET = { max: 10 };
/** More responses than the memory of an isolate holds. */
const EVICTING_RESPONSES = 5_000;
/** More pages than it holds. They are read only if no finished response exists. */
const EVICTING_PAGES = 600;
const SAMPLES = 7;
const REPETITIONS = 10;
/** The runtime frees memory after a load, on its own threads. */
const SETTLE_MS = 300;

const LIST = `/v1/short-interest?symbols=${symbolsOf(50).join()}`;
const HISTORY = "/v1/short-interest/US.ROWS500/history";

/** The largest cached responses. */
const KINDS = [
  { name: "list of 50 symbols", path: LIST, isFinished: true },
  { name: "list of 50 symbols from their pages", path: LIST, isFinished: false },
  { name: "history of 500 rows", path: HISTORY, isFinished: true },
] as const;

/**
 * Measures the CPU time of workerd for the largest cached responses, from the Cache API and from isolate memory.
 * @param readMs the CPU time of the minimal Worker for one read of the Cache API, in milliseconds
 */
export async function benchCachedCpu(report: Report, { vars }: Remotes, readMs: number): Promise<void> {
  await using resources = new Resources();
  const { originOf, pid } = resources.add(
    await startWorkerd({
      cache: { script: await fixtureScript("cache-service") },
      main: {
        script: await bundledWorker(),
        cache: "cache",
        // 50 reads of the Cache API and the work around them exceed the free plan's 50 subrequests.
        vars: { ...vars, API_KEYS, SUBREQUEST_LIMIT: "10000" },
        json: VERSION,
      },
    }),
  );
  const origin = originOf("main");
  let requests = 0;
  /** The first one has finished responses. Each other one is new, so that pages are read and rendered. */
  const acceptOf = (isFinished: boolean) => {
    requests += 1;
    return { ...WITH_KEY, Accept: isFinished ? "*/*" : `application/json, text/x-${requests}` };
  };
  const paths = symbolsOf(EVICTING_RESPONSES).map((symbol) => `/v1/short-interest/${symbol}`);

  async function evict(): Promise<void> {
    await load({ origin, paths, headers: acceptOf(true) }, CONNECTIONS);
    await load({ origin, paths: paths.slice(-EVICTING_PAGES), headers: acceptOf(false) }, CONNECTIONS);
  }

  /** Requests a path several times, and returns the CPU time of one request. */
  async function measure({ path, isFinished }: (typeof KINDS)[number], times: number): Promise<number> {
    const cpuBefore = cpuMs(pid);
    for (let time = 0; time < times; time += 1) {
      const response = await fetch(origin + path, { headers: acceptOf(isFinished) });
      const text = await response.text();
      if (response.status !== 200 || text.includes('"code"')) throw new Error(text.slice(0, 500));
    }
    return (cpuMs(pid) - cpuBefore) / times;
  }

  for (const kind of KINDS) for (const _ of [1, 2, 3]) await measure(kind, 1);
  const figures = KINDS.map((kind) => ({ kind, cache: [] as number[], memory: [] as number[] }));
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await evict();
    await wait(SETTLE_MS);
    for (const { kind, cache } of figures) cache.push(await measure(kind, 1));
    for (const { kind, memory } of figures) memory.push(await measure(kind, REPETITIONS));
  }
  report.line("CPU time in workerd                        Cache API          memory, median and most");
  for (const { kind, cache, memory } of figures) {
    const text = (values: readonly number[]) =>
      `${median(values).toFixed(2)} ms, ${Math.max(...values).toFixed(2)} ms`;
    report.line(`${kind.name.padEnd(36)}${text(cache).padStart(20)}${text(memory).padStart(20)}`);
    for (const [place, values] of [
      ["the Cache API", cache],
      ["isolate memory", memory],
    ] as const) {
      const name = `CPU time of a ${kind.name}, from ${place}`;
      report.compare({ name, value: median(values), unit: ["", " ms"], target: TARGET });
    }
  }
  report.line(
    `For comparison: 50 requests to the minimal Worker take ${(50 * readMs).toFixed(1)} ms. Each reads one page.`,
  );
}
