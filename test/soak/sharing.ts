import { randomFrom } from "../stand-ins/sample-data.ts";
import { checkPage } from "./answers.ts";
import type { DataCentre } from "./data-centers.ts";
import { Underway } from "./in-flight.ts";
import type { Period } from "./plan.ts";
import { allowsCalls, LIMIT, reserve, used } from "./quota.ts";
import { PAGE_ROWS, readNew, readPage } from "./readers.ts";
import { ask } from "./requests.ts";
import { SHARE } from "./scene.ts";
import type { World } from "./world.ts";

/** Callers that share OpenD's calls: one wants all of them, one wants a few, and sometimes several want very many. */

const GREEDY = "greedy";
const GREEDY_PAUSE_MS = 300;
const MODEST_PAUSE_MS = 500;
/** In a calm spell, faults of the spell before have no more effect after this time. */
export const SETTLED_MS = 1_500;
/** Calls that must be left for a new page to come: the greedy caller makes at most one each 300 ms. */
const SPARE_CALLS = 5;
const RUSH_CALLERS = 6;
const RUSH_PAUSE_MS = 120;
/** Next pages that a rush leaves to `follow`. */
const NEXT_PAGES_LEFT = 10;

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Requests one new page after the other, as fast as it can, in calm spells. An attack takes its place. */
export async function beGreedy(world: World, attack: Period, until: number): Promise<void> {
  const underway = new Underway(world.parts.report);
  const random = randomFrom(`${world.parts.seed} ${GREEDY}`);
  while (!world.ended && Date.now() < until) {
    await pause(GREEDY_PAUSE_MS);
    const isAttacked = attack.from < Date.now() && Date.now() < attack.until;
    if (world.spell?.kind !== "calm" || isAttacked) continue;
    // With its key. Where no key is needed, its address would be another client.
    const keyed = world.parts.centres.all().filter((centre) => centre.keyed);
    const centre = keyed[Math.floor(random() * keyed.length)];
    if (centre) underway.add(readNew(world, centre, GREEDY));
  }
  await underway.end();
}

/** Requests a new page in each calm spell, at all data centers at once: it must come. */
export async function beModest(world: World): Promise<void> {
  let calm = 0;
  while (!world.ended) {
    await pause(MODEST_PAUSE_MS);
    const since = world.calmSince;
    if (since === calm || Date.now() - since < SETTLED_MS || world.spell?.kind !== "calm") continue;
    calm = since;
    const greedy = await used(world, `short-interest:client:key:${GREEDY}`);
    const all = await used(world);
    // Wasted calls lower the limit of new symbols. The greedy caller makes no more calls than its share.
    const spare = Math.min(SPARE_CALLS, 2 + Math.max(0, SHARE - greedy));
    if (all + spare > LIMIT - (await reserve(world)) || !(await allowsCalls(world))) {
      world.parts.report.count("new pages beside a greedy caller: not requested");
      continue;
    }
    const symbol = world.newSymbol();
    const centres = world.parts.centres.all();
    const came = await Promise.all(centres.map((centre) => comes(world, centre, symbol)));
    if (world.calmSince !== since) continue;
    if (came.includes(false)) {
      const calls = `${greedy} calls of the greedy caller, ${all - greedy} of others`;
      world.parts.report.violated("fair", `${symbol} did not come, after ${calls}`);
    }
    world.parts.report.count(
      `new pages beside a greedy caller: with ${greedy >= SHARE ? "all" : "some"} of its share used`,
    );
  }
}

async function comes(world: World, centre: DataCentre, symbol: string): Promise<boolean> {
  const { callers, published, report } = world.parts;
  const answer = await ask(world, centre, {
    path: `/v1/short-interest/${symbol}`,
    caller: callers("modest"),
  });
  // The data center has ended, or `ask` has reported a violation.
  if (!answer) return true;
  if (answer.status !== 200) return false;
  const wish = { symbol, cursor: "", num: 10, format: "json" } as const;
  const checked = checkPage(published, wish, answer.body, answer.headers.get("Link"));
  if (typeof checked === "string") report.violated("cached", checked);
  return true;
}

/**
 * Several callers request far more pages than the quota has calls: new pages, and next pages of answered ones. Only
 * the latter may use the whole quota after an attack.
 */
export async function rush(world: World, ms: number): Promise<void> {
  const until = Date.now() + ms;
  const underway = new Underway(world.parts.report);
  const random = randomFrom(`${world.parts.seed} rush`);
  for (let at = 0; Date.now() < until; at += 1) {
    const centre = world.parts.centres.at(Math.floor(random() * 4));
    const caller = `rush-${at % RUSH_CALLERS}`;
    const next = at % 2 === 0 ? undefined : world.takeNextPage(world.ended ? 0 : NEXT_PAGES_LEFT);
    const wish = next && { ...next, num: PAGE_ROWS, format: "json" as const };
    underway.add(wish ? readPage(world, centre, caller, wish) : readNew(world, centre, caller));
    await pause(RUSH_PAUSE_MS);
  }
  await underway.end();
}
