import { CIRCUIT } from "../../functions/pages/circuit-breaker.ts";
import { randomFrom } from "../stand-ins/sample-data.ts";
import { checkPage } from "./answers.ts";
import { ask, expectCode, IN_THE_WAY } from "./ask.ts";
import type { DataCentre } from "./data-centres.ts";
import { readPage } from "./readers.ts";
import { SHARE } from "./scene.ts";
import type { Caller } from "./secrets.ts";
import { Underway } from "./underway.ts";
import type { World } from "./world.ts";

/** Those who share OpenD's calls: one who wants them all, one who wants a few, and now and then very many. */

const LIMIT = 30;
const WINDOW_MS = 30_000;
const LOG = "short-interest:opend";
const GREEDY = "greedy";
const GREEDY_PAUSE_MS = 300;
const MODEST_PAUSE_MS = 500;
/** Calm for so long, so that what went wrong before has ended. */
const SETTLED_MS = 1_500;
/** What all but the greedy one may have used for the quota to have calls left beside that one's share. */
const MOST_OF_OTHERS = LIMIT - SHARE - 2;
const RUSH_CALLERS = 6;
const RUSH_PAUSE_MS = 120;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls that the quota holds for used, by everybody, or by one caller. */
async function used(world: World, log = LOG): Promise<number> {
  const { redis } = world.parts.upstash;
  return Number(await redis.call("ZCOUNT", log, String(Date.now() - WINDOW_MS), "+inf"));
}

/** Whether a call that is asked for now can be made now. */
export async function hasCalls(world: World, atLeast: number): Promise<boolean> {
  const { redis } = world.parts.upstash;
  const blocked = Number(await redis.call("EXISTS", `${LOG}:blocked`, CIRCUIT));
  return blocked === 0 && (await used(world)) <= LIMIT - atLeast;
}

/** Asks for one new page after the other, as fast as it can, while nothing is wrong. */
export async function beGreedy(world: World, untilMs: number): Promise<void> {
  const underway = new Underway(world.parts.report);
  const random = randomFrom(`${world.parts.seed} ${GREEDY}`);
  while (!world.ended && Date.now() < untilMs) {
    await pause(GREEDY_PAUSE_MS);
    if (world.spell?.kind !== "calm") continue;
    // As the holder of one key. Where everybody may read it would be another caller, by its address.
    const keyed = world.parts.centres.all().filter((centre) => centre.keyed);
    const centre = keyed[Math.floor(random() * keyed.length)];
    if (!centre) continue;
    const wish = { symbol: world.newSymbol(), cursor: "", num: 10, format: "json" } as const;
    underway.add(readPage(world, centre, GREEDY, wish));
  }
  await underway.end();
}

/** Asks for a new page in each calm, at all data centres at once: it must come. */
export async function beModest(world: World): Promise<void> {
  let calm = 0;
  while (!world.ended) {
    await pause(MODEST_PAUSE_MS);
    const since = world.calmSince;
    if (since === calm || Date.now() - since < SETTLED_MS || world.spell?.kind !== "calm") continue;
    calm = since;
    const greedy = await used(world, `short-interest:client:key:${GREEDY}`);
    const [all, blocked] = [await used(world), !(await hasCalls(world, 0))];
    if (blocked || all - greedy > MOST_OF_OTHERS) {
      world.parts.report.count("new pages beside a greedy caller: not asked for");
      continue;
    }
    const symbol = world.newSymbol();
    const centres = world.parts.centres.all();
    const came = await Promise.all(centres.map((centre) => isThere(world, centre, symbol)));
    if (world.calmSince !== since) continue;
    if (came.includes(false)) {
      world.parts.report.violated("fair", `${symbol} did not come; used were ${greedy} and ${all - greedy}`);
    }
    world.parts.report.count(
      `new pages beside a greedy caller: with ${greedy >= SHARE ? "all" : "some"} of its share used`,
    );
  }
}

async function isThere(world: World, centre: DataCentre, symbol: string): Promise<boolean> {
  const { callers, published, report } = world.parts;
  const answer = await ask(world, centre, {
    path: `/v1/short-interest/${symbol}`,
    caller: callers("modest"),
  });
  // It has ended meanwhile, or that there is none is reported already.
  if (!answer) return true;
  if (answer.status !== 200) return false;
  const wish = { symbol, cursor: "", num: 10, format: "json" } as const;
  const checked = checkPage(published, wish, answer.body, answer.headers.get("Link"));
  if (typeof checked === "string") report.violated("kept", checked);
  return true;
}

/** Several callers ask for far more new pages than the quota has. */
export async function rush(world: World, ms: number): Promise<void> {
  const until = Date.now() + ms;
  const underway = new Underway(world.parts.report);
  const random = randomFrom(`${world.parts.seed} rush`);
  for (let at = 0; Date.now() < until; at += 1) {
    const centre = world.parts.centres.at(Math.floor(random() * 4));
    const caller = world.parts.callers(`rush-${at % RUSH_CALLERS}`);
    const path = `/v1/short-interest/${world.newSymbol()}`;
    underway.add(rushTo(world, centre, caller, path));
    await pause(RUSH_PAUSE_MS);
  }
  await underway.end();
}

async function rushTo(world: World, centre: DataCentre, caller: Caller, path: string): Promise<void> {
  const answer = await ask(world, centre, { path, caller });
  if (answer && answer.status !== 200) expectCode(world, path, answer, IN_THE_WAY);
}
