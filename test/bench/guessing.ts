import { startOpend } from "../stand-ins/opend.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import { median } from "./measure.ts";
import type { Report } from "./report.ts";

const GUESSES = 1_000;
const GUESSES_A_SECOND = 50;
const ROUND_MS = 2_000;
/** How much longer another caller's kept page may take meanwhile. */
const MOST_RATIO = 1.2;

/**
 * What one caller who guesses symbols does to another: the time of kept pages with and without the
 * guessing, in turns so that the machine's drift cancels out, and whether the other's own new pages come.
 */
export async function benchGuessing(report: Report): Promise<void> {
  const redis = await startRedis();
  const [opend, upstash] = [await startOpend(), await startUpstash(await redis.open())];
  const worker = await startLocalWorker(
    {
      OPEND_URL: opend.url,
      UPSTASH_REDIS_REST_URL: upstash.url,
      UPSTASH_REDIS_REST_TOKEN: upstash.token,
    },
    UNLIMITED,
  );
  const get = async (symbol: string, client: string) => {
    const response = await fetch(`${worker.origin}/v1/short-interest/${symbol}`, {
      headers: { "CF-Connecting-IP": client },
    });
    await response.arrayBuffer();
    return response.status;
  };
  await get("US.AAPL", "192.0.2.1");
  for (let warm = 0; warm < 200; warm += 1) await get("US.AAPL", "192.0.2.1");

  const times = { quiet: [] as number[], guessed: [] as number[] };
  const statuses = new Map<number, number>();
  const guesses: Promise<void>[] = [];
  let guessed = 0;
  const guess = async () => {
    const status = await get(`US.NOSUCH${guessed++}`, "198.51.100.66");
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  while (guessed < GUESSES) {
    for (const state of ["quiet", "guessed"] as const) {
      const timer = state === "guessed" && setInterval(() => guesses.push(guess()), 1_000 / GUESSES_A_SECOND);
      const end = performance.now() + ROUND_MS;
      while (performance.now() < end) {
        const began = performance.now();
        await get("US.AAPL", "192.0.2.1");
        times[state].push(performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      if (timer) clearInterval(timer);
      await Promise.all(guesses.splice(0));
    }
  }
  const fresh = await Promise.all(
    ["US.TSLA", "US.SPY", "HK.00700"].map((symbol) => get(symbol, "192.0.2.1")),
  );
  const [quiet, during] = [median(times.quiet), median(times.guessed)];
  report.line(`${GUESSES} symbols, ${GUESSES_A_SECOND} a second`);
  report.line(
    `answers to the guesses        ${[...statuses].map(([code, n]) => `${n} × ${code}`).join(", ")}`,
  );
  report.line(`calls that it caused          ${opend.stats().calls - 1 - fresh.length}`);
  report.line(
    `another's kept page           ${during.toFixed(2)} ms, without ${quiet.toFixed(2)} ms: × ${(during / quiet).toFixed(2)}`,
  );
  report.line(`another's three new pages     ${fresh.join(", ")}`);
  report.compare({
    what: "another's kept page while one caller guesses symbols",
    value: during / quiet,
    target: { most: MOST_RATIO },
  });
  if (fresh.some((status) => status !== 200)) report.broken("one caller's guesses are felt by another");
  await worker.close();
  await upstash.close();
  await opend.close();
  await redis.close();
}
