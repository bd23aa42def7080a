import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { startDelayedWay } from "./delay.ts";
import { inTurns, median } from "./measure.ts";
import { startOfficialClient } from "./official.ts";
import type { Report } from "./report.ts";
import { API_KEYS, WITH_KEY } from "./sample.ts";
import { NO_LIMIT, Stage, scriptBeside } from "./stage.ts";

const TARGET = { most: 1.15 };
/** What is added to a round trip on the ways to OpenD and to Upstash, in milliseconds. */
const WAYS = [
  { toOpend: 0, toUpstash: 0, samples: 101 },
  { toOpend: 50, toUpstash: 0, samples: 25 },
  { toOpend: 50, toUpstash: 50, samples: 25 },
];
const WARM_UP = 30;

const WHY = `The official client makes four round trips to OpenD: TCP's handshake, the upgrade, the login, the call. The Worker
makes the same four, and one to Upstash before them, which asks whether the page is kept and who is to fetch it; the one for
the permit (\`limit\`) runs while it connects. Where a round trip is long that one is what is missed by. Where none is, what
remains is the processor's time: three HTTP requests to Upstash, one of them behind the answer, and what a kept page takes.`;

/**
 * A page that nobody has, and the official client's connect, login and call, which makes no permit and keeps
 * nothing. Both get a new connection to OpenD each time.
 */
export async function benchCold(report: Report): Promise<void> {
  await using stage = new Stage();
  const { opend, upstash, vars } = await stage.remotes(NO_LIMIT);
  const toOpend = stage.add(await startDelayedWay(opend.url));
  const toUpstash = stage.add(await startDelayedWay(upstash.url));
  const { originOf } = stage.add(
    await startWorkerd({
      cache: { script: await scriptBeside("cache") },
      main: {
        script: await bundledWorker(),
        cache: "cache",
        vars: { ...vars, OPEND_URL: toOpend.url, UPSTASH_REDIS_REST_URL: toUpstash.url, API_KEYS },
      },
    }),
  );
  const origin = originOf("main");
  const official = stage.add(startOfficialClient());
  let asked = 0;
  let steps = new Map<string, number[]>();

  async function ours(): Promise<number> {
    asked += 1;
    const symbol = `US.T${asked}`;
    const began = performance.now();
    const response = await fetch(`${origin}/v1/short-interest/${symbol}`, { headers: WITH_KEY });
    await response.arrayBuffer();
    const ms = performance.now() - began;
    if (!response.headers.get("Cache-Status")?.includes("fwd=miss; stored")) {
      throw new Error(`${symbol} was not fetched: HTTP ${response.status}`);
    }
    for (const [, step = "", each] of (response.headers.get("Server-Timing") ?? "").matchAll(
      /(\w+);dur=(\d+)/g,
    )) {
      steps.set(step, [...(steps.get(step) ?? []), Number(each)]);
    }
    // What the answer did not wait for is not to be in the way of the next one, nor is the quota.
    while ((await upstash.redis.call("EXISTS", `short-interest:page:${symbol}/`)) !== 1);
    await upstash.redis.call("FLUSHDB");
    return ms;
  }
  const theirs = () => {
    asked += 1;
    return official.page(Number(new URL(toOpend.url).port), `T${asked}`);
  };

  const measure = (name: "ours" | "theirs") => (name === "ours" ? ours() : theirs());
  await inTurns(["ours", "theirs"], WARM_UP, measure);
  report.line("added to a round trip   official client    the Worker    its steps, which may overlap");
  report.line("  to OpenD, to Upstash");
  let met = true;
  for (const way of WAYS) {
    toOpend.set(way.toOpend);
    toUpstash.set(way.toUpstash);
    // Connections that are open go on; the first of each has its handshake behind it.
    await inTurns(["ours", "theirs"], 2, measure);
    steps = new Map();
    const times = await inTurns(["ours", "theirs"], way.samples, measure);
    const [worker, client] = [median(times.ours), median(times.theirs)];
    const profile = Array.from(steps, ([step, each]) => `${step} ${median(each)}`).join(", ");
    const added = `${String(way.toOpend).padStart(10)} ms, ${String(way.toUpstash).padStart(4)} ms`;
    report.line(
      `${added}${`${client.toFixed(1)} ms`.padStart(20)}${`${worker.toFixed(1)} ms`.padStart(14)}    ${profile}`,
    );
    const good = report.compare({
      what: `cold page, round trips ${way.toOpend} ms longer to OpenD and ${way.toUpstash} ms to Upstash`,
      value: worker / client,
      target: TARGET,
    });
    met &&= good;
  }
  if (!met) report.explain(WHY);
}
