import { startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";

/** How often Upstash is asked for a page, by where the page is. */
export async function benchTrips(): Promise<void> {
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
    // What the answer did not wait for: a claim that is held is written or given up.
    while ((await upstash.redis.call("EXISTS", `short-interest:page:${symbol}/:claim`)) === 1);
    return upstash.requests() - before;
  };
  const first = await trips(here, "US.SPY");
  console.log("round trips to Upstash for a page");
  console.log(`  cold, and Redis has yet to learn the scripts   ${first}`);
  console.log(`  cold                                           ${await trips(here, "US.AAPL")}`);
  console.log(`  kept here                                      ${await trips(here, "US.AAPL")}`);
  console.log(`  kept elsewhere                                 ${await trips(elsewhere, "US.AAPL")}`);
  for (const each of [here, elsewhere, upstash, opend, redis]) await each.close();
}
