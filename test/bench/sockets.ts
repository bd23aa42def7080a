import { readFileSync } from "node:fs";
import { API_KEYS, requestPages } from "../support/opend-client.ts";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { inspectHeap } from "./heap.ts";
import type { Report } from "./report.ts";
import { fixtureScript, Resources } from "./resources.ts";

const CONNECTIONS = 200;
const REQUESTS = 50;
const SYMBOLS = 20;
const ROUNDS = 6;
/** Limit for the growth of the heap after the second round, in KiB per connection. */
const MAX_KIB = 0.5;

/** Opens many connections of OpenD's protocol at once, several times. Measures throughput, calls and heap growth. */
export async function benchSockets(report: Report): Promise<void> {
  await using resources = new Resources();
  const { opend, vars } = await resources.remotes();
  const limits = { API_KEYS, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" };
  const { originOf, inspector } = resources.add(
    await startWorkerd(
      {
        cache: { script: await fixtureScript("cache-service") },
        main: { script: await bundledWorker(), cache: "cache", vars: { ...vars, ...limits } },
      },
      { inspect: true },
    ),
  );
  const origin = originOf("main");
  await fetch(`${origin}/healthz`);
  const heap = resources.add(await inspectHeap(inspector ?? "", "main"));
  const { port } = new URL(origin);
  const idleConnections = connectionsTo(port);
  const heapKiB: number[] = [];
  report.line(`${CONNECTIONS} connections × ${REQUESTS} requests over ${SYMBOLS} symbols, ${ROUNDS} rounds`);
  for (let round = 0; round < ROUNDS; round += 1) {
    const startedAt = performance.now();
    const replies = await requestPages(origin, CONNECTIONS, REQUESTS, SYMBOLS);
    const seconds = (performance.now() - startedAt) / 1_000;
    const succeeded = replies.filter(({ retType }) => retType === 0).length;
    if (succeeded !== CONNECTIONS * REQUESTS) report.fail(`${succeeded} successful replies`);
    while (connectionsTo(port) > idleConnections) await new Promise((resolve) => setTimeout(resolve, 50));
    heapKiB.push(await heap.usedKiB());
    const { calls, connections } = opend.stats();
    report.line(
      `${Math.round(succeeded / seconds)} replies/s; ${calls} calls, ${connections} open connections to OpenD, heap ${Math.round(heapKiB.at(-1) ?? 0)} KiB`,
    );
  }
  const [, second = 0, ...later] = heapKiB;
  report.compare({
    name: "heap growth per closed connection",
    value: ((later.at(-1) ?? 0) - second) / (later.length * CONNECTIONS),
    unit: ["", " KiB"],
    target: { max: MAX_KIB },
  });
}

/** Returns the number of established TCP connections to a local port. */
function connectionsTo(port: string): number {
  const hex = Number(port).toString(16).toUpperCase().padStart(4, "0");
  const lines = ["tcp", "tcp6"].flatMap((name) => readFileSync(`/proc/net/${name}`, "utf8").split("\n"));
  return lines.filter((line) => new RegExp(`^\\s*\\d+: \\w+:${hex} \\w+:\\w+ 01 `).test(line)).length;
}
