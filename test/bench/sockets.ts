import { readFileSync } from "node:fs";
import { API_KEYS, requestPages } from "../support/opend-client.ts";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { inspectHeap } from "./heap.ts";
import type { Report } from "./report.ts";
import { Stage, scriptBeside } from "./stage.ts";

const CONNECTIONS = 200;
const REQUESTS = 50;
const SYMBOLS = 20;
const ROUNDS = 6;
/** How much more memory there may be after the last round than after the second, in KiB for a connection. */
const MOST_KIB = 0.5;

/** Many of OpenD's own clients at once, again and again: what they cause, and what is left of them. */
export async function benchSockets(report: Report): Promise<void> {
  await using stage = new Stage();
  const { opend, vars } = await stage.remotes();
  const limits = { API_KEYS, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" };
  const { originOf, inspector } = stage.add(
    await startWorkerd(
      {
        cache: { script: await scriptBeside("cache") },
        main: { script: await bundledWorker(), cache: "cache", vars: { ...vars, ...limits } },
      },
      { inspect: true },
    ),
  );
  const origin = originOf("main");
  await fetch(`${origin}/healthz`);
  const heap = stage.add(await inspectHeap(inspector ?? "", "main"));
  const { port } = new URL(origin);
  const idle = connectionsTo(port);
  const after: number[] = [];
  report.line(`${CONNECTIONS} connections × ${REQUESTS} requests over ${SYMBOLS} symbols, ${ROUNDS} times`);
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    const replies = await requestPages(origin, CONNECTIONS, REQUESTS, SYMBOLS);
    const seconds = (performance.now() - began) / 1_000;
    const good = replies.filter(({ retType }) => retType === 0).length;
    if (good !== CONNECTIONS * REQUESTS) report.broken(`${good} answers`);
    while (connectionsTo(port) > idle) await new Promise((resolve) => setTimeout(resolve, 50));
    after.push(await heap.usedKiB());
    const { calls, connections } = opend.stats();
    report.line(
      `${Math.round(good / seconds)} answers/s; ${calls} calls, ${connections} connections to OpenD left, heap ${Math.round(after.at(-1) ?? 0)} KiB`,
    );
  }
  const [, second = 0, ...later] = after;
  report.compare({
    what: "memory that is left of a connection",
    value: ((later.at(-1) ?? 0) - second) / (later.length * CONNECTIONS),
    unit: ["", " KiB"],
    target: { most: MOST_KIB },
  });
}
/** Established TCP connections to a local port. */
function connectionsTo(port: string): number {
  const hex = Number(port).toString(16).toUpperCase().padStart(4, "0");
  const lines = ["tcp", "tcp6"].flatMap((name) => readFileSync(`/proc/net/${name}`, "utf8").split("\n"));
  return lines.filter((line) => new RegExp(`^\\s*\\d+: \\w+:${hex} \\w+:\\w+ 01 `).test(line)).length;
}
