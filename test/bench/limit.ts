import { startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import type { Report } from "./report.ts";

const WINDOW_MS = 30_000;
const WINDOWS = 2;
const BURST = 200;
const ASKERS = 16;

/**
 * The limit at saturation, with OpenD's real 30 calls in 30 s and 0 to 800 ms of random delay on the way
 * to it: 200 symbols at once, then new ones without a pause for two windows more.
 */
export async function benchLimit(report: Report): Promise<void> {
  const redis = await startRedis();
  const [opend, upstash] = [await startOpend({ delayMs: [0, 800] }), await startUpstash(await redis.open())];
  const worker = await startLocalWorker(
    {
      OPEND_URL: opend.url,
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: upstash.token,
      CLIENT_SHARE: "30",
    },
    UNLIMITED,
  );
  const statuses = new Map<number, number>();
  let asked = 0;
  const ask = async () => {
    const { status } = await fetch(`${worker.origin}/v1/short-interest/US.T${asked++}`);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    return status;
  };

  const burst = await Promise.all(Array.from({ length: BURST }, ask));
  const end = Date.now() + WINDOWS * WINDOW_MS;
  await Promise.all(
    Array.from({ length: ASKERS }, async () => {
      while (Date.now() < end) await ask();
    }),
  );
  const { calls, refused, maxCallsInWindow, maxConnections } = opend.stats();
  const answered = burst.filter((status) => status === 200).length;
  report.line(
    `${BURST} symbols at once and then ${WINDOWS} windows of ${WINDOW_MS / 1_000} s (${redis.kind})`,
  );
  report.line(`answered in the burst         ${answered} of ${BURST}`);
  report.line(
    `asked in all                  ${asked}: ${[...statuses].map(([code, n]) => `${n} × ${code}`).join(", ")}`,
  );
  report.line(
    `calls that reached OpenD      ${calls}, at most ${maxCallsInWindow} in any ${WINDOW_MS / 1_000} s`,
  );
  report.line(`refused by OpenD              ${refused}`);
  report.line(`connections at once           ${maxConnections} at most`);

  await worker.close();
  await upstash.close();
  await opend.close();
  await redis.close();
  if (refused > 0 || maxCallsInWindow > 30 || answered !== 30) {
    report.broken("the limit did not hold");
  }
}
