import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import { residentKiB, workerdPids } from "./memory.ts";
import type { Report } from "./report.ts";
import { Resources } from "./resources.ts";

const CLIENTS = 50;
const ROUNDS = 40;
/** Limit for the peak memory with long histories, relative to that with short ones. */
const MAX_RATIO = 1.2;

/** Measures the calls of a history, and the Worker's peak memory while many clients read short or long histories. */
export async function benchHistory(report: Report): Promise<void> {
  const peaks: number[] = [];
  for (const rows of [100, 1_000]) peaks.push(await peakKiB(report, rows));
  const [short = 1, long = 0] = peaks;
  report.compare({
    name: `memory while ${CLIENTS} clients read 1,000 rows, relative to 100 rows`,
    value: long / short,
    target: { max: MAX_RATIO },
  });
}

async function peakKiB(report: Report, rows: number): Promise<number> {
  await using resources = new Resources();
  const { opend, vars } = await resources.remotes();
  const otherPids = workerdPids();
  const worker = resources.add(
    await startLocalWorker({ ...vars, CLIENT_SHARE: "30", SUBREQUEST_LIMIT: "10000" }, UNLIMITED),
  );
  const pids = workerdPids().filter((pid) => !otherPids.includes(pid));
  const read = async () => {
    const response = await fetch(`${worker.origin}/v1/short-interest/US.ROWS${rows}/history`);
    const { items, complete } = (await response.json()) as { items: unknown[]; complete: boolean };
    if (!complete || items.length !== rows) throw new Error("The history is incomplete");
  };
  await read();
  const coldCalls = opend.stats().calls;
  let peak = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await Promise.all(Array.from({ length: CLIENTS }, read));
    const total = pids.map(residentKiB).reduce((sum, kib) => sum + kib);
    peak = Math.max(peak, total);
  }
  const cachedCalls = opend.stats().calls - coldCalls;
  report.line(
    `${rows} rows: ${coldCalls} calls uncached, ${cachedCalls} cached; ${CLIENTS} clients: ${Math.round(peak / 1_024)} MiB`,
  );
  return peak;
}
