import { ask } from "./ask.ts";
import type { Hooks } from "./hooks.ts";
import type { Ledger } from "./ledger.ts";
import { hasCalls } from "./sharing.ts";
import { KEPT, type World } from "./world.ts";

/** What must be true when all is well again. */

/**
 * A claim of a Worker that has ended stands for 15 s, and a copy that was old stays at an edge for 5 s. Counted from
 * when OpenD's quota has calls left.
 */
const RECOVERY_MS = 20_000;
const MACHINE_MS = 2_000;
const NEWS_MS = 20_000;
const CLOSED_MS = 10_000;
const LOOK_MS = 500;
/** As many calls as there are pages to renew, and what refreshing leaves to others. */
const CALLS_WANTED = 14;
const WATCH = "short-interest:webhooks:watch";

const pause = () => new Promise((resolve) => setTimeout(resolve, LOOK_MS));

/** Waits until all data centres answer all kept pages fresh. */
export async function recover(world: World): Promise<void> {
  const { centres, callers, report } = world.parts;
  const began = Date.now();
  let quotaAt: number | undefined;
  let waiting = centres.all().flatMap((centre) => KEPT.map((symbol) => ({ centre, symbol })));
  for (;;) {
    if (quotaAt === undefined && (await hasCalls(world, CALLS_WANTED))) quotaAt = Date.now();
    const asked = waiting.map(async (each) => {
      const { centre, symbol } = each;
      const answer = await ask(world, centre, {
        path: `/v1/short-interest/${symbol}`,
        caller: callers("last"),
      });
      const isFresh = answer?.status === 200 && !answer.headers.get("Cache-Status")?.includes("fwd=stale");
      return isFresh ? [] : [each];
    });
    waiting = (await Promise.all(asked)).flat();
    if (waiting.length === 0) break;
    if (quotaAt !== undefined && Date.now() - quotaAt > RECOVERY_MS + MACHINE_MS) {
      const left = waiting.map(({ centre, symbol }) => `${symbol} at ${centre.at}`).join(", ");
      report.violated("recovery", `no fresh answers ${RECOVERY_MS / 1_000} s after all was well: ${left}`);
      break;
    }
    await pause();
  }
  console.log(`fresh again after ${((Date.now() - began) / 1_000).toFixed(1)} s`);
}

/** A row is published: whoever wants to be told is told. */
export async function publish(world: World, hooks: Hooks, ledger: Ledger): Promise<void> {
  const { upstash, opend, published, report } = world.parts;
  const symbol = "HK.00700";
  const turn = () => upstash.redis.call("ZADD", WATCH, "0", symbol);
  const hook = await hooks.make(symbol);
  if (!hook) return report.violated("recovery", "no webhook can be made");
  await turn();
  hooks.watch();
  if (!(await comes(() => hooks.hasSeen(hook), NEWS_MS)))
    return report.violated("recovery", "the watch has not looked");
  published.publishAll();
  opend.set({ unpublished: 0 });
  ledger.forget(symbol);
  await world.age(symbol);
  await turn();
  hooks.watch();
  const began = Date.now();
  const told = await comes(async () => hooks.hasNews(hook), NEWS_MS);
  if (!told) report.violated("recovery", `nobody was told of a new row in ${NEWS_MS / 1_000} s`);
  else console.log(`told of a new row after ${((Date.now() - began) / 1_000).toFixed(1)} s`);
}

/** No connection to OpenD is left open by whoever has nothing to ask any more. */
export async function allClosed(world: World): Promise<void> {
  const { opend, report } = world.parts;
  await comes(async () => opend.stats().connections === 0, CLOSED_MS);
  const { connections } = opend.stats();
  if (connections > 0) report.violated("ends", `${connections} connections to OpenD are left open`);
}

async function comes(isHere: () => Promise<boolean>, ms: number): Promise<boolean> {
  for (const until = Date.now() + ms; Date.now() < until; ) {
    if (await isHere()) return true;
    await pause();
  }
  return false;
}
