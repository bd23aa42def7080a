import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { startDelayProxy } from "./delay-proxy.ts";
import { interleave, median } from "./measure.ts";
import { startOfficialClient } from "./official-client.ts";
import type { Report } from "./report.ts";
import { fixtureScript, NO_LIMIT, Resources } from "./resources.ts";
import { API_KEYS, VERSION, WITH_KEY } from "./sample.ts";

/** Added round-trip times to OpenD and Upstash, in milliseconds. Without any, HTTP on loopback is measured: no target. */
const SCENARIOS = [
  { opendMs: 0, upstashMs: 0, samples: 101 },
  { opendMs: 50, upstashMs: 0, samples: 25, max: 1.05 },
  { opendMs: 50, upstashMs: 50, samples: 25, max: 1.05 },
  { opendMs: 20, upstashMs: 50, samples: 25, max: 1.1 },
];
/** How often a remembered page is read, to show the time of an HTTP request to the Worker. */
const CACHED_SAMPLES = 101;
const WARM_UP_ROUNDS = 30;

const PROGRAMS = ["worker", "official"] as const;

const EXPLANATION = `Phases are medians in milliseconds. The official client makes four round trips to OpenD: TCP handshake, WebSocket
upgrade, login (together \`connect\`), and the call. The Worker makes the same, and two to Upstash: it reads the shared cache
(\`shared\`), and acquires lease and permit (\`limit\`). These two start together with \`connect\`, because all lookups before
had to fetch. \`call\` starts when all three have ended. A remembered page shows the time of an HTTP request to the Worker, which the official client does not make.`;

/**
 * Measures a cache miss against connect, login and call of the official client, which has no rate limiter and no
 * cache. Both open a new connection to OpenD for every page.
 */
export async function benchCold(report: Report): Promise<void> {
  await using resources = new Resources();
  const { opend, upstash, vars } = await resources.remotes(NO_LIMIT);
  const opendProxy = resources.add(await startDelayProxy(opend.url));
  const upstashProxy = resources.add(await startDelayProxy(upstash.url));
  const { originOf } = resources.add(
    await startWorkerd({
      cache: { script: await fixtureScript("cache-service") },
      main: {
        script: await bundledWorker(),
        cache: "cache",
        vars: { ...vars, OPEND_URL: opendProxy.url, UPSTASH_REDIS_REST_URL: upstashProxy.url, API_KEYS },
        json: VERSION,
      },
    }),
  );
  const origin = originOf("main");
  const official = resources.add(startOfficialClient());
  let requests = 0;
  let phases = new Map<string, number[]>();

  async function worker(): Promise<number> {
    requests += 1;
    const symbol = `US.T${requests}`;
    const startedAt = performance.now();
    const response = await fetch(`${origin}/v1/short-interest/${symbol}`, { headers: WITH_KEY });
    await response.arrayBuffer();
    const elapsedMs = performance.now() - startedAt;
    if (!response.headers.get("Cache-Status")?.includes("fwd=miss; stored")) {
      throw new Error(`${symbol} was not fetched: HTTP ${response.status}`);
    }
    const timing = response.headers.get("Server-Timing") ?? "";
    for (const [, phase = "", duration] of timing.matchAll(/(\w+);dur=(\d+)/g)) {
      phases.set(phase, [...(phases.get(phase) ?? []), Number(duration)]);
    }
    // Neither the work after the response nor the rate limit may affect the next request.
    while ((await upstash.redis.call("EXISTS", `short-interest:page:${symbol}/`)) !== 1);
    await upstash.redis.call("FLUSHDB");
    return elapsedMs;
  }

  async function cachedPage(): Promise<number> {
    const startedAt = performance.now();
    await (await fetch(`${origin}/v1/short-interest/US.T1`, { headers: WITH_KEY })).arrayBuffer();
    return performance.now() - startedAt;
  }

  function officialClient(): Promise<number> {
    requests += 1;
    return official.page(Number(new URL(opendProxy.url).port), `T${requests}`);
  }

  const measure = (name: (typeof PROGRAMS)[number]) => (name === "worker" ? worker() : officialClient());
  await interleave(PROGRAMS, WARM_UP_ROUNDS, measure);
  report.line("added to a round trip   official client    the Worker    its phases, which may overlap");
  report.line("  to OpenD, to Upstash");
  for (const { opendMs, upstashMs, samples, max } of SCENARIOS) {
    opendProxy.set(opendMs);
    upstashProxy.set(upstashMs);
    // Open connections stay open; new ones finish their handshake here.
    await interleave(PROGRAMS, 2, measure);
    phases = new Map();
    const times = await interleave(PROGRAMS, samples, measure);
    const [workerMs, officialMs] = [median(times.worker), median(times.official)];
    const phaseText = Array.from(phases, ([phase, values]) => `${phase} ${median(values)}`).join(", ");
    const added = `${String(opendMs).padStart(10)} ms, ${String(upstashMs).padStart(4)} ms`;
    report.line(
      `${added}${`${officialMs.toFixed(1)} ms`.padStart(20)}${`${workerMs.toFixed(1)} ms`.padStart(14)}    ${phaseText}`,
    );
    report.compare({
      name: `cache miss with ${opendMs} ms added to OpenD round trips, ${upstashMs} ms to Upstash`,
      value: workerMs / officialMs,
      ...(max !== undefined && { target: { max } }),
    });
  }
  const { cached } = await interleave(["cached"], CACHED_SAMPLES, cachedPage);
  report.line(`a remembered page of the Worker takes ${median(cached).toFixed(1)} ms`);
  report.explain(EXPLANATION);
}
