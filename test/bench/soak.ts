import { type StandInOpend, startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { type StandInUpstash, startUpstash } from "../stand-ins/upstash.ts";
import { type LocalWorker, startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";

/**
 * `npm run soak`, or `npm run soak -- 20`: OpenD, Upstash and both are lost for a minute each, or as many
 * seconds, under load from four Workers. Kept pages are past their freshness from the start.
 */

const WORKERS = 4;
const KEPT = ["US.AAPL", "US.TSLA", "US.SPY", "HK.00700"];
/** A request's deadline, and what this machine may add to it under load. */
const MOST_MS = 15_000 + 2_000;
const RECOVERY_MS = 15_000;
const PAGES = "short-interest:page:";

const seconds = Number(process.argv[2] ?? 60);
const faults: string[] = [];
const check = (holds: boolean, what: string) => {
  if (!holds && !faults.includes(what)) faults.push(what);
};

const redis = await startRedis();
const opend = await startOpend();
const upstash = await startUpstash(await redis.open());
const vars = {
  OPEND_URL: opend.url,
  UPSTASH_REDIS_REST_URL: upstash.url,
  UPSTASH_REDIS_REST_TOKEN: upstash.token,
  CLIENT_SHARE: "30",
};
let workers: LocalWorker[] = [];

async function get(worker: LocalWorker, symbol: string) {
  const began = performance.now();
  const response = await fetch(`${worker.origin}/v1/short-interest/${symbol}`);
  const body = (await response.json()) as { code?: string };
  const stale = response.headers.get("Cache-Status")?.includes("fwd=stale") ?? false;
  return { status: response.status, code: body.code, stale, ms: performance.now() - began };
}

/** New Workers, each of which has a copy of the kept pages at its edge, and every copy is past its freshness. */
async function prepare(): Promise<void> {
  for (const worker of workers) await worker.close();
  workers = [];
  for (let started = 0; started < WORKERS; started += 1)
    workers.push(await startLocalWorker(vars, UNLIMITED));
  const [first] = workers;
  for (const symbol of KEPT) if (first) await get(first, symbol);
  await first?.close();
  workers[0] = await startLocalWorker(vars, UNLIMITED);
  opend.set({ fault: "no permission" }); // So that what is old is not renewed at once.
  for (const symbol of KEPT) {
    const page = `${PAGES}${symbol}/`;
    while ((await upstash.redis.call("EXISTS", page)) !== 1);
    await upstash.redis.call("HSET", page, "fresh", String(Date.now() - 1));
    for (const worker of workers)
      check((await get(worker, symbol)).stale, "A copy is not old from the start");
  }
  opend.set({ fault: "" });
}

const counts = { requests: 0, stale: 0, fresh: 0, failed: 0 };
let unkept = 0;

async function lose(
  name: string,
  down: (opend: StandInOpend, upstash: StandInUpstash) => void,
): Promise<void> {
  await prepare();
  down(opend, upstash);
  const end = Date.now() + seconds * 1_000;
  const load = async (worker: LocalWorker, symbols: () => string) => {
    while (Date.now() < end) {
      const symbol = symbols();
      const { status, code, stale, ms } = await get(worker, symbol);
      counts.requests += 1;
      check(ms < MOST_MS, `${name}: a request took ${Math.round(ms)} ms`);
      if (KEPT.includes(symbol)) {
        check(status === 200, `${name}: a kept page was answered ${status} ${code}`);
        counts[stale ? "stale" : "fresh"] += 1;
      } else {
        const named = [
          "opend_unreachable",
          "opend_timeout",
          "limiter_unavailable",
          "upstream_quota_exceeded",
        ];
        check(
          code !== undefined && named.includes(code),
          `${name}: a page that is not kept was answered ${status} ${code}`,
        );
        counts.failed += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  let turn = 0;
  await Promise.all(
    workers.flatMap((worker) => [
      load(worker, () => KEPT[turn++ % KEPT.length] ?? ""),
      load(worker, () => KEPT[turn++ % KEPT.length] ?? ""),
      load(worker, () => `US.T${unkept++}`),
    ]),
  );
  opend.set({ fault: "" });
  upstash.fail(undefined);
  const back = Date.now();
  for (const worker of workers) {
    for (;;) {
      const answers = await Promise.all(KEPT.map((symbol) => get(worker, symbol)));
      if (answers.every(({ status, stale }) => status === 200 && !stale)) break;
      check(
        Date.now() - back < RECOVERY_MS,
        `${name}: no fresh answers ${RECOVERY_MS / 1_000} s after its return`,
      );
      if (Date.now() - back >= RECOVERY_MS) break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  console.log(
    `${name} lost for ${seconds} s, fresh again after ${((Date.now() - back) / 1_000).toFixed(1)} s`,
  );
}

await lose("OpenD", (at) => at.set({ fault: "login: drop" }));
await lose("Upstash", (_, at) => at.fail("hang"));
await lose("both", (at, other) => {
  at.set({ fault: "hanging connect" });
  other.fail("500");
});

const { calls, refused, worstWindow } = opend.stats();
check(refused === 0, `OpenD refused ${refused} calls`);
check(worstWindow <= 30, `OpenD saw ${worstWindow} calls in 30 s`);
console.log(
  `${counts.requests} requests: ${counts.stale} stale, ${counts.fresh} fresh, ${counts.failed} with their code; ` +
    `${calls} calls, at most ${worstWindow} in 30 s, ${refused} refused`,
);
for (const each of [...workers, upstash, opend, redis]) await each.close();
if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
