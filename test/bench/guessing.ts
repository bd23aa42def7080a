import { startLocalWorker, UNLIMITED } from "../stand-ins/worker.ts";
import { inTurns, median } from "./measure.ts";
import type { Report } from "./report.ts";
import { keyOf } from "./sample.ts";
import { Stage } from "./stage.ts";

const GUESSES = 1_000;
const GUESSES_A_SECOND = 50;
const ROUND_MS = 2_000;
/** How much longer another caller's kept page may take meanwhile. */
const MOST_RATIO = 1.2;

const [guesser, other] = [keyOf("guesser"), keyOf("other")];

/**
 * What one caller who guesses symbols does to another: the time of kept pages with and without the
 * guessing, in turns so that the machine's drift cancels out, and whether the other's own new pages come.
 */
export async function benchGuessing(report: Report): Promise<void> {
  await using stage = new Stage();
  const { opend, vars } = await stage.remotes();
  const worker = stage.add(
    await startLocalWorker({ ...vars, API_KEYS: `${guesser.entry},${other.entry}` }, UNLIMITED),
  );
  const get = async (symbol: string, { headers }: typeof other) => {
    const response = await fetch(`${worker.origin}/v1/short-interest/${symbol}`, { headers });
    await response.arrayBuffer();
    return response.status;
  };
  await get("US.AAPL", other);
  for (let warm = 0; warm < 200; warm += 1) await get("US.AAPL", other);

  const statuses = new Map<number, number>();
  const guesses: Promise<void>[] = [];
  let guessed = 0;
  const guess = async () => {
    const status = await get(`US.NOSUCH${guessed++}`, guesser);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  };
  const rounds = GUESSES / GUESSES_A_SECOND / (ROUND_MS / 1_000);
  const turns = await inTurns(["quiet", "guessed"], rounds, async (state: "quiet" | "guessed") => {
    const times: number[] = [];
    const timer = state === "guessed" && setInterval(() => guesses.push(guess()), 1_000 / GUESSES_A_SECOND);
    const end = performance.now() + ROUND_MS;
    while (performance.now() < end) {
      const began = performance.now();
      await get("US.AAPL", other);
      times.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (timer) clearInterval(timer);
    await Promise.all(guesses.splice(0));
    return times;
  });
  const fresh = await Promise.all(["US.TSLA", "US.SPY", "HK.00700"].map((symbol) => get(symbol, other)));
  const [quiet, during] = [median(turns.quiet.flat()), median(turns.guessed.flat())];
  report.line(`one guesses ${guessed} symbols, ${GUESSES_A_SECOND} a second`);
  report.line(`answers to the guesses     ${[...statuses].map(([code, n]) => `${n} × ${code}`).join(", ")}`);
  report.line(`calls that it caused       ${opend.stats().calls - 1 - fresh.length}`);
  report.line(`the other's kept page      ${during.toFixed(2)} ms, without ${quiet.toFixed(2)} ms`);
  report.line(`its three new pages        ${fresh.join(", ")}`);
  report.compare({
    what: "a kept page's time, while another caller guesses symbols",
    value: during / quiet,
    target: { most: MOST_RATIO },
  });
  if (fresh.some((status) => status !== 200)) {
    report.broken("One caller's guesses keep another from its pages");
  }
}
