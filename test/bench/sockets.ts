import { readFileSync } from "node:fs";
import { API_KEYS, exchangeMany } from "../support/opend-client.ts";
import { startRunning } from "../support/running.ts";
import { freePort, inspectHeap } from "./heap.ts";
import type { Report } from "./report.ts";

const CONNECTIONS = 200;
const REQUESTS = 50;
const SYMBOLS = 20;
const ROUNDS = 6;
/** How much more memory there may be after the last round than after the second, in KiB for a connection. */
const MOST_KIB = 0.5;

/** Many of OpenD's own clients at once, again and again: what they cause, and what is left of them. */
export async function benchSockets(report: Report): Promise<void> {
  const inspectorPort = await freePort();
  const vars = { API_KEYS, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" };
  const running = await startRunning({}, vars, { inspectorPort });
  await fetch(`${running.origin}/healthz`);
  const heap = await inspectHeap(inspectorPort);
  const { port } = new URL(running.origin);
  const idle = connectionsTo(port);
  const after: number[] = [];
  report.line(`${CONNECTIONS} connections × ${REQUESTS} requests over ${SYMBOLS} symbols, ${ROUNDS} times`);
  for (let round = 0; round < ROUNDS; round += 1) {
    const began = performance.now();
    const replies = await exchangeMany(running.origin, CONNECTIONS, REQUESTS, SYMBOLS);
    const seconds = (performance.now() - began) / 1_000;
    const good = replies.filter(({ retType }) => retType === 0).length;
    if (good !== CONNECTIONS * REQUESTS) throw new Error(`${good} answers`);
    while (connectionsTo(port) > idle) await new Promise((resolve) => setTimeout(resolve, 50));
    after.push(await heap.usedKiB());
    const { calls, connections } = running.opend.stats();
    report.line(
      `${Math.round(good / seconds)} answers/s; ${calls} calls, ${connections} connections to OpenD left, heap ${Math.round(after.at(-1) ?? 0)} KiB`,
    );
  }
  heap.close();
  await running.close();
  const [, second = 0, ...later] = after;
  const kept = ((later.at(-1) ?? 0) - second) / (later.length * CONNECTIONS);
  report.compare({
    what: "memory that is left of a connection",
    value: kept,
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
