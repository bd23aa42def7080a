import { randomFrom } from "../stand-ins/sample-data.ts";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { zipf } from "./measure.ts";
import type { Report } from "./report.ts";
import { API_KEYS, WITH_KEY } from "./sample.ts";
import { NO_LIMIT, Stage, scriptBeside } from "./stage.ts";

const COUNTS = [1, 2, 4, 8];
const REQUESTS = 1_000;
const SYMBOLS = 25;
const ASKERS = 16;
/** More Workers may cause as many calls, and no more. */
const TARGET = { most: 1 };

/**
 * Calls to OpenD for 1,000 requests, by the number of Workers, each with an edge cache of its own, that have one
 * Upstash in common. There are fewer symbols than the quota has calls.
 */
export async function benchWorkers(report: Report): Promise<void> {
  const script = await bundledWorker();
  const cache = await scriptBeside("cache");
  report.line(`${REQUESTS} requests, Zipf over ${SYMBOLS} symbols`);
  report.line("Workers    calls to OpenD    questions to Upstash    at the edge");
  const calls: number[] = [];
  for (const count of COUNTS) {
    await using stage = new Stage();
    const { opend, upstash, vars } = await stage.remotes(NO_LIMIT);
    const names = Array.from({ length: count }, (_, at) => `main-${at}`);
    const own = { ...vars, API_KEYS, CLIENT_SHARE: "30" };
    const { originOf } = stage.add(
      await startWorkerd(
        Object.fromEntries(
          names.flatMap((name) => [
            [`cache-${name}`, { script: cache }],
            [name, { script, cache: `cache-${name}`, vars: own }],
          ]),
        ),
      ),
    );
    const random = randomFrom(`${count} Workers`);
    const symbolAt = zipf(SYMBOLS, random);
    let left = REQUESTS;
    let atEdge = 0;
    await Promise.all(
      Array.from({ length: ASKERS }, async () => {
        while (left > 0) {
          left -= 1;
          const name = names[Math.floor(random() * count)] ?? "";
          const path = `/v1/short-interest/US.T${symbolAt()}`;
          const response = await fetch(originOf(name) + path, { headers: WITH_KEY });
          await response.arrayBuffer();
          if (response.status !== 200) report.broken(`${path} is answered ${response.status}`);
          if (response.headers.get("Cache-Status")?.startsWith("short-interest-edge; hit")) atEdge += 1;
        }
      }),
    );
    const made = opend.stats().calls;
    calls.push(made);
    const edge = `${((100 * atEdge) / REQUESTS).toFixed(1)} %`;
    report.line(
      `${String(count).padStart(7)}${String(made).padStart(18)}${String(upstash.requests()).padStart(24)}${edge.padStart(15)}`,
    );
  }
  const [one = 1] = calls;
  report.compare({
    what: "calls of 8 Workers beside those of 1",
    value: (calls.at(-1) ?? 0) / one,
    target: TARGET,
  });
  if (Math.max(...calls) > SYMBOLS) report.broken("a page was fetched more than once");
}
