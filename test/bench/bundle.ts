import { gzipSync } from "node:zlib";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { cpuMs } from "./load.ts";
import { interleave, median } from "./measure.ts";
import type { Report } from "./report.ts";
import { Resources } from "./resources.ts";

const MAX_KIB = 150;
const MAX_START_UP_MS = 1_000;
const ROUNDS = 9;
/** Isolates that start together. The start-up time of a single one is below the resolution of the clock. */
const ISOLATES = 20;

const EMPTY_SCRIPT = 'export default { fetch: () => new Response("") };';

/** Measures the size of the Worker's script and the CPU time of its start-up. */
export async function benchBundle(report: Report): Promise<void> {
  const script = await bundledWorker();
  const kib = (bytes: number) => bytes / 1_024;
  const gzipped = kib(gzipSync(script, { level: 9 }).length);
  report.line(`minified ${kib(Buffer.byteLength(script)).toFixed(1)} KiB, gzipped ${gzipped.toFixed(1)} KiB`);
  report.compare({
    name: "gzipped size of the Worker's script",
    value: gzipped,
    unit: ["", " KiB"],
    target: { max: MAX_KIB },
  });
  const scripts = { empty: EMPTY_SCRIPT, worker: script };
  const results = await interleave(["empty", "worker"], ROUNDS, (name) => startUpMs(scripts[name]));
  const [empty, worker] = [median(results.empty), median(results.worker)];
  report.line(
    `CPU time per isolate when ${ISOLATES} start: ${worker.toFixed(1)} ms, empty Worker ${empty.toFixed(1)} ms`,
  );
  report.compare({
    name: "CPU time of start-up beyond that of an empty Worker",
    value: worker - empty,
    unit: ["", " ms"],
    target: { max: MAX_START_UP_MS },
  });
}

/** Starts workerd with several isolates of a script. Resolves to the CPU time per isolate in milliseconds. */
async function startUpMs(script: string): Promise<number> {
  await using resources = new Resources();
  const services = Array.from({ length: ISOLATES }, (_, index) => [`worker-${index}`, { script }] as const);
  const { pid, originOf } = resources.add(await startWorkerd(Object.fromEntries(services)));
  // /healthz causes no subrequests.
  for (const [name] of services) await (await fetch(`${originOf(name)}/healthz`)).arrayBuffer();
  return cpuMs(pid) / ISOLATES;
}
