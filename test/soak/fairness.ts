import { randomFrom } from "../stand-ins/sample-data.ts";
import type { DataCenter } from "./data-centers.ts";
import { InFlight } from "./in-flight.ts";
import type { Period } from "./plan.ts";
import { canCallOpend, countClientPermits, countPermits, LIMIT, reservedPermits } from "./quota.ts";
import { PAGE_ROWS, readNewSymbol, readPage } from "./readers.ts";
import { sendRequest } from "./requests.ts";
import { checkPage } from "./response-checks.ts";
import { CLIENT_SHARE } from "./system.ts";
import type { World } from "./world.ts";

/** Callers that compete for OpenD's limit: a greedy one, a modest one, and sometimes an overload by several callers. */

const GREEDY = "greedy";
const GREEDY_INTERVAL_MS = 300;
const MODEST_INTERVAL_MS = 500;
/** After this time of a calm phase, the fault of the previous phase has no more effect. */
export const RECOVERY_MS = 1_500;
/** A new page must be served if this many permits are free: the greedy caller takes at most one every 300 ms. */
const FREE_CALLS = 5;
const OVERLOAD_CALLERS = 6;
const OVERLOAD_INTERVAL_MS = 120;
/** Next pages that an overload leaves to `readNextPages`. */
const RESERVED_NEXT_PAGES = 10;

export const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Requests new symbols as fast as it can in calm phases, except during the attack. */
export async function runGreedyCaller(world: World, attack: Period, until: number): Promise<void> {
  const inFlight = new InFlight(world.deps.report);
  const random = randomFrom(`${world.deps.seed} ${GREEDY}`);
  while (!world.isEnded && Date.now() < until) {
    await delay(GREEDY_INTERVAL_MS);
    const isAttacked = attack.from < Date.now() && Date.now() < attack.until;
    if (world.phase?.kind !== "calm" || isAttacked) continue;
    // Only at data centers that require a key. At the others its IP address would be another client.
    const keyed = world.deps.centers.all().filter((center) => center.requiresKey);
    const center = keyed[Math.floor(random() * keyed.length)];
    if (center) inFlight.add(readNewSymbol(world, center, GREEDY));
  }
  await inFlight.settle();
}

/** Requests a new symbol from all data centers at once in each calm phase. All must serve it. */
export async function runModestCaller(world: World): Promise<void> {
  let lastCalm = 0;
  while (!world.isEnded) {
    await delay(MODEST_INTERVAL_MS);
    const since = world.calmSince;
    if (since === lastCalm || Date.now() - since < RECOVERY_MS || world.phase?.kind !== "calm") continue;
    lastCalm = since;
    const greedy = await countClientPermits(world, `key:${GREEDY}`);
    const all = await countPermits(world);
    // Wasted calls lower the limit for new symbols. The greedy caller makes no more calls than its share.
    const required = Math.min(FREE_CALLS, 2 + Math.max(0, CLIENT_SHARE - greedy));
    if (all + required > LIMIT - (await reservedPermits(world)) || !(await canCallOpend(world))) {
      world.deps.report.count("new symbols beside a greedy caller: × not requested");
      continue;
    }
    const symbol = world.newSymbol();
    const centers = world.deps.centers.all();
    const served = await Promise.all(centers.map((center) => isServed(world, center, symbol)));
    if (world.calmSince !== since) continue;
    if (served.includes(false)) {
      const calls = `${greedy} permits of the greedy caller and ${all - greedy} of others`;
      world.deps.report.violation("exhaustedResource", `${symbol} was not served with ${calls}`);
    }
    world.deps.report.count(
      `new symbols beside a greedy caller: × served while ${greedy >= CLIENT_SHARE ? "all" : "part"} of its share was used`,
    );
  }
}

async function isServed(world: World, center: DataCenter, symbol: string): Promise<boolean> {
  const { callers, published, report } = world.deps;
  const response = await sendRequest(world, center, {
    path: `/v1/short-interest/${symbol}`,
    caller: callers("modest"),
  });
  // The data center was stopped, or `sendRequest` has reported a violation.
  if (!response) return true;
  if (response.status !== 200) return false;
  const requested = { symbol, cursor: "", num: 10, format: "json" } as const;
  const checked = checkPage(published, requested, response.body, response.headers.get("Link"));
  if (typeof checked === "string") report.violation("incorrectResponse", checked);
  return true;
}

/**
 * Several callers request far more pages than OpenD's limit allows: new symbols, and next pages. After an attack only
 * next pages may use the whole limit.
 */
export async function runOverload(world: World, durationMs: number): Promise<void> {
  const until = Date.now() + durationMs;
  const inFlight = new InFlight(world.deps.report);
  const random = randomFrom(`${world.deps.seed} overload`);
  for (let step = 0; Date.now() < until; step += 1) {
    const center = world.deps.centers.get(Math.floor(random() * 4));
    const caller = `overload-${step % OVERLOAD_CALLERS}`;
    const next = step % 2 === 0 ? undefined : world.takeNextPage(world.isEnded ? 0 : RESERVED_NEXT_PAGES);
    const query = next && { ...next, num: PAGE_ROWS, format: "json" as const };
    inFlight.add(query ? readPage(world, center, caller, query) : readNewSymbol(world, center, caller));
    await delay(OVERLOAD_INTERVAL_MS);
  }
  await inFlight.settle();
}
