import { gzipSync } from "node:zlib";
import { bundledWorker, startWorkerd } from "../support/workerd.ts";
import { processorMs } from "./load.ts";
import { inTurns, median } from "./measure.ts";
import type { Report } from "./report.ts";
import { Stage } from "./stage.ts";

const MOST_KIB = 150;
const ROUNDS = 9;
/** Isolates that are started at once; the time of one is too short to be counted alone. */
const ISOLATES = 20;

const EMPTY = 'export default { fetch: () => new Response("") };';

/** The size of the Worker's script, and the processor time that its start takes. */
export async function benchBundle(report: Report): Promise<void> {
  const script = await bundledWorker();
  const kib = (bytes: number) => bytes / 1_024;
  const gzipped = kib(gzipSync(script, { level: 9 }).length);
  report.line(
    `minified ${kib(Buffer.byteLength(script)).toFixed(1)} KiB, and with gzip ${gzipped.toFixed(1)} KiB`,
  );
  report.compare({
    what: "the Worker's script with gzip",
    value: gzipped,
    unit: ["", " KiB"],
    target: { most: MOST_KIB },
  });
  const scripts = { empty: EMPTY, ours: script };
  const turns = await inTurns(["empty", "ours"], ROUNDS, (name) => startUpMs(scripts[name]));
  const [empty, ours] = [median(turns.empty), median(turns.ours)];
  report.line(
    `start of ${ISOLATES} isolates, processor time of each: ${ours.toFixed(1)} ms, of an empty Worker's ${empty.toFixed(1)} ms`,
  );
  report.compare({
    what: "processor time to start, beyond an empty Worker",
    value: ours - empty,
    unit: ["", " ms"],
    target: { most: 1_000 },
  });
}

/** Processor time to start workerd with many isolates of a script, in milliseconds for each. */
async function startUpMs(script: string): Promise<number> {
  await using stage = new Stage();
  const services = Array.from({ length: ISOLATES }, (_, at) => [`worker-${at}`, { script }] as const);
  const { pid, originOf } = stage.add(await startWorkerd(Object.fromEntries(services)));
  // A path that asks nothing of anybody.
  for (const [name] of services) await (await fetch(`${originOf(name)}/healthz`)).arrayBuffer();
  return processorMs(pid) / ISOLATES;
}
