import { randomFrom } from "../stand-ins/sample-data.ts";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { zipf } from "./measure.ts";
import type { Report } from "./report.ts";
import { fixtureScript, NO_LIMIT, Resources } from "./resources.ts";
import { API_KEYS, WITH_KEY } from "./sample.ts";

const COUNTS = [1, 2, 4, 8];
const REQUESTS = 1_000;
const SYMBOLS = 25;
const CLIENTS = 16;
/** The number of Workers may not affect the number of calls. */
const TARGET = { max: 1 };

/**
 * Counts the calls to OpenD for 1,000 requests by the number of Workers. Every Worker has its own edge cache; all share
 * one Upstash. There are fewer symbols than OpenD's limit allows calls.
 */
export async function benchWorkers(report: Report): Promise<void> {
  const script = await bundledWorker();
  const cacheService = await fixtureScript("cache-service");
  report.line(`${REQUESTS} requests, Zipf over ${SYMBOLS} symbols`);
  report.line("Workers    calls to OpenD     requests to Upstash    edge cache hits");
  const calls: number[] = [];
  for (const count of COUNTS) {
    await using resources = new Resources();
    const { opend, upstash, vars } = await resources.remotes(NO_LIMIT);
    const names = Array.from({ length: count }, (_, index) => `main-${index}`);
    const workerVars = { ...vars, API_KEYS, CLIENT_SHARE: "30" };
    const { originOf } = resources.add(
      await startWorkerd(
        Object.fromEntries(
          names.flatMap((name) => [
            [`cache-${name}`, { script: cacheService }],
            [name, { script, cache: `cache-${name}`, vars: workerVars }],
          ]),
        ),
      ),
    );
    const random = randomFrom(`${count} Workers`);
    const nextSymbol = zipf(SYMBOLS, random);
    let remaining = REQUESTS;
    let edgeHits = 0;
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (remaining > 0) {
          remaining -= 1;
          const name = names[Math.floor(random() * count)] ?? "";
          const path = `/v1/short-interest/US.T${nextSymbol()}`;
          const response = await fetch(originOf(name) + path, { headers: WITH_KEY });
          await response.arrayBuffer();
          if (response.status !== 200) report.fail(`${path} returned status ${response.status}`);
          if (response.headers.get("Cache-Status")?.startsWith("short-interest-edge; hit")) edgeHits += 1;
        }
      }),
    );
    const callCount = opend.stats().calls;
    calls.push(callCount);
    const hitRate = `${((100 * edgeHits) / REQUESTS).toFixed(1)} %`;
    report.line(
      `${String(count).padStart(7)}${String(callCount).padStart(18)}${String(upstash.requests()).padStart(24)}${hitRate.padStart(19)}`,
    );
  }
  const [one = 1] = calls;
  report.compare({
    name: "calls of 8 Workers, relative to 1 Worker",
    value: (calls.at(-1) ?? 0) / one,
    target: TARGET,
  });
  if (Math.max(...calls) > SYMBOLS) report.fail("a page was fetched more than once");
}
