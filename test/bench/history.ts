import { startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import { residentKiB, workerds } from "./memory.ts";
import type { Report } from "./report.ts";

const READERS = 50;
const ROUNDS = 40;
/** How much more memory long histories may take than short ones. */
const MOST_RATIO = 1.2;

/**
 * What a history costs in calls, and in memory: the Worker's, at its highest, while many read short or long
 * ones at once.
 */
export async function benchHistory(report: Report): Promise<void> {
  const redis = await startRedis();
  const peaks: number[] = [];
  for (const rows of [100, 1_000]) {
    const [opend, upstash] = [await startOpend(), await startUpstash(await redis.open())];
    const before = workerds();
    const worker = await startLocalWorker(
      {
        OPEND_URL: opend.url,
        UPSTASH_REDIS_REST_URL: upstash.url,
        UPSTASH_REDIS_REST_TOKEN: upstash.token,
        CLIENT_SHARE: "30",
        SUBREQUEST_LIMIT: "10000",
      },
      UNLIMITED,
    );
    const own = workerds().filter((each) => !before.includes(each));
    const read = async () => {
      const response = await fetch(`${worker.origin}/v1/short-interest/US.ROWS${rows}/history`);
      const { items, complete } = (await response.json()) as { items: unknown[]; complete: boolean };
      if (!complete || items.length !== rows) throw new Error("A history is not complete");
    };
    await read();
    const cold = opend.stats().calls;
    let peak = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      await Promise.all(Array.from({ length: READERS }, read));
      peak = Math.max(
        peak,
        own.map(residentKiB).reduce((sum, each) => sum + each),
      );
    }
    const cached = opend.stats().calls - cold;
    peaks.push(peak);
    report.line(
      `${rows} rows: ${cold} calls cold, ${cached} kept; ${READERS} readers: ${Math.round(peak / 1_024)} MiB`,
    );
    for (const each of [worker, upstash, opend]) await each.close();
  }
  await redis.close();
  const [short = 1, long = 0] = peaks;
  report.compare({
    what: "memory while many read 1,000 rows, beside 100",
    value: long / short,
    target: { most: MOST_RATIO },
  });
}
