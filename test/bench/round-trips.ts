import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import type { Report } from "./report.ts";
import { Resources } from "./resources.ts";

/** Counts the requests to Upstash for a page, by the cache tier that has the page. */
export async function benchRoundTrips(report: Report): Promise<void> {
  await using resources = new Resources();
  const { opend, upstash, vars } = await resources.remotes();
  const near = resources.add(await startLocalWorker(vars, UNLIMITED));
  const far = resources.add(await startLocalWorker(vars, UNLIMITED));
  const roundTrips = async ({ origin }: typeof near, symbol: string) => {
    const before = upstash.requests();
    const response = await fetch(`${origin}/v1/short-interest/${symbol}`);
    await response.arrayBuffer();
    // Work that continues after the response: a held lease is released, and the call is counted.
    while ((await upstash.redis.call("EXISTS", `short-interest:lease:${symbol}/`)) === 1);
    const counted = () => upstash.redis.call("HGET", "short-interest:counts", "upstream_calls_total");
    while (Number(await counted()) < opend.stats().calls);
    return upstash.requests() - before;
  };
  const cases = [
    ["cache miss, scripts not yet in Redis", near, "US.SPY"],
    ["cache miss", near, "US.AAPL"],
    ["hit in the edge cache", near, "US.AAPL"],
    ["hit in the shared cache", far, "US.AAPL"],
  ] as const;
  for (const [name, worker, symbol] of cases) {
    report.line(`${name.padEnd(38)}${await roundTrips(worker, symbol)}`);
  }
}
