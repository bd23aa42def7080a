import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import type { Report } from "./report.ts";
import { Resources } from "./resources.ts";

const LIMIT = 30;
const WINDOW_MS = 30_000;
const WINDOWS = 2;
const BURST = 200;
const CLIENTS = 16;

/**
 * Saturates the rate limit of the whole Worker: 200 symbols at once, then new symbols without a pause for two windows.
 * OpenD has its real limit of 30 calls in 30 s and a random delay of 0 to 800 ms.
 */
export async function benchLimit(report: Report): Promise<void> {
  await using resources = new Resources();
  const { redis, opend, vars } = await resources.remotes({ delayMs: [0, 800] });
  const worker = resources.add(await startLocalWorker({ ...vars, CLIENT_SHARE: "30" }, UNLIMITED));
  const statuses = new Map<number, number>();
  let requests = 0;
  const request = async () => {
    const { status } = await fetch(`${worker.origin}/v1/short-interest/US.T${requests++}`);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    return status;
  };

  const burst = await Promise.all(Array.from({ length: BURST }, request));
  const end = Date.now() + WINDOWS * WINDOW_MS;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (Date.now() < end) await request();
    }),
  );
  const { calls, refused, maxCallsInWindow, maxConnections } = opend.stats();
  const served = burst.filter((status) => status === 200).length;
  const counts = [...statuses].map(([code, n]) => `${n} × ${code}`).join(", ");
  report.line(`${BURST} symbols at once, then ${WINDOWS} windows of ${WINDOW_MS / 1_000} s (${redis.kind})`);
  report.line(`pages served in the burst     ${served} of ${BURST}`);
  report.line(`requests in total             ${requests}: ${counts}`);
  report.line(
    `calls that reached OpenD      ${calls}, at most ${maxCallsInWindow} in any ${WINDOW_MS / 1_000} s`,
  );
  report.line(`calls refused by OpenD        ${refused}`);
  report.line(`peak connections to OpenD     ${maxConnections}`);
  if (refused > 0 || maxCallsInWindow > LIMIT || served !== LIMIT) {
    report.fail("the rate limit did not hold");
  }
}
