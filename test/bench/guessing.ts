import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import { interleave, median } from "./measure.ts";
import type { Report } from "./report.ts";
import { Resources } from "./resources.ts";
import { keyOf } from "./sample.ts";

const GUESSES = 1_000;
const GUESSES_PER_SECOND = 50;
const ROUND_MS = 2_000;
const WARM_UP_REQUESTS = 200;
/** Limit for the response time of another client's cached page, relative to the time without guesses. */
const MAX_RATIO = 1.2;

const [guesser, other] = [keyOf("guesser"), keyOf("other")];

/**
 * Measures how a client that guesses symbols affects another client: the response time of a cached page with and
 * without guesses, and whether new pages are served.
 */
export async function benchGuessing(report: Report): Promise<void> {
  await using resources = new Resources();
  const { opend, vars } = await resources.remotes();
  const worker = resources.add(
    await startLocalWorker({ ...vars, API_KEYS: `${guesser.entry},${other.entry}` }, UNLIMITED),
  );
  const get = async (symbol: string, { headers }: typeof other) => {
    const response = await fetch(`${worker.origin}/v1/short-interest/${symbol}`, { headers });
    await response.arrayBuffer();
    return response.status;
  };
  await get("US.AAPL", other);
  for (let request = 0; request < WARM_UP_REQUESTS; request += 1) await get("US.AAPL", other);

  const statuses = new Map<number, number>();
  const pending: Promise<void>[] = [];
  let guesses = 0;
  const guess = async () => {
    const status = await get(`US.NOSUCH${guesses++}`, guesser);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  const rounds = GUESSES / GUESSES_PER_SECOND / (ROUND_MS / 1_000);
  const results = await interleave(["idle", "guessing"], rounds, async (state) => {
    const times: number[] = [];
    const timer =
      state === "guessing" && setInterval(() => pending.push(guess()), 1_000 / GUESSES_PER_SECOND);
    const end = performance.now() + ROUND_MS;
    while (performance.now() < end) {
      const startedAt = performance.now();
      await get("US.AAPL", other);
      times.push(performance.now() - startedAt);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (timer) clearInterval(timer);
    await Promise.all(pending.splice(0));
    return times;
  });
  const newPages = await Promise.all(["US.TSLA", "US.SPY", "HK.00700"].map((symbol) => get(symbol, other)));
  const [idleMs, guessingMs] = [median(results.idle.flat()), median(results.guessing.flat())];
  report.line(`${guesses} symbols, ${GUESSES_PER_SECOND} per second`);
  report.line(
    `responses to the guesses        ${[...statuses].map(([code, n]) => `${n} × ${code}`).join(", ")}`,
  );
  report.line(`calls to OpenD for the guesses  ${opend.stats().calls - 1 - newPages.length}`);
  report.line(
    `cached page of another client   ${guessingMs.toFixed(2)} ms, without guesses ${idleMs.toFixed(2)} ms`,
  );
  report.line(`new pages of another client     ${newPages.join(", ")}`);
  report.compare({
    name: "time of a cached page while another client guesses symbols",
    value: guessingMs / idleMs,
    target: { max: MAX_RATIO },
  });
  if (newPages.some((status) => status !== 200)) {
    report.fail("the guesses of one client block the pages of another client");
  }
}
