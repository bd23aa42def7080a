import { startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import type { Report } from "./report.ts";

/** How often Upstash is asked for a page, by where the page is. */
export async function benchTrips(report: Report): Promise<void> {
  const redis = await startRedis();
  const [opend, upstash] = [await startOpend(), await startUpstash(await redis.open())];
  const vars = {
    OPEND_URL: opend.url,
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: upstash.token,
  };
  const [here, elsewhere] = [
    await startLocalWorker(vars, UNLIMITED),
    await startLocalWorker(vars, UNLIMITED),
  ];
  const trips = async ({ origin }: typeof here, symbol: string) => {
    const before = upstash.requests();
    const response = await fetch(`${origin}/v1/short-interest/${symbol}`);
    await response.arrayBuffer();
    // What the answer did not wait for: a claim that is held is written or given up, and a call is counted.
    while ((await upstash.redis.call("EXISTS", `short-interest:lease:${symbol}/`)) === 1);
    const counted = () => upstash.redis.call("HGET", "short-interest:counts", "upstream_calls_total");
    while (Number(await counted()) < opend.stats().calls);
    return upstash.requests() - before;
  };
  const first = await trips(here, "US.SPY");
  report.line(`cold, and Redis has yet to learn the scripts   ${first}`);
  report.line(`cold                                           ${await trips(here, "US.AAPL")}`);
  report.line(`kept here                                      ${await trips(here, "US.AAPL")}`);
  report.line(`kept elsewhere                                 ${await trips(elsewhere, "US.AAPL")}`);
  for (const each of [here, elsewhere, upstash, opend, redis]) await each.close();
}
