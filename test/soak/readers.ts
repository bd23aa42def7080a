import { randomFrom } from "../stand-ins/sample-data.ts";
import { checkHistory, checkLatest, checkPage, type PageFormat, type Stretch } from "./answers.ts";
import type { DataCentre } from "./data-centers.ts";
import { parseExactly } from "./exact-json.ts";
import { Underway } from "./in-flight.ts";
import { BAD_INPUT, OTHER_PATHS } from "./inputs.ts";
import { talk } from "./opend-client.ts";
import { truthOf } from "./oracle.ts";
import { pick, whole } from "./plan.ts";
import { ask, expectCode, IN_THE_WAY, MOST_HISTORY_MS, told } from "./requests.ts";
import { askTool } from "./tools.ts";
import { KEPT, type World } from "./world.ts";

/** Readers. The seed alone decides each step, whatever the steps before got. */

type Random = () => number;
const CURIOUS_PAUSE_MS = 2_500;
const FORMATS: readonly PageFormat[] = ["json", "csv", "ndjson", "protobuf"];
/** The rows of a stored page: an answer with all of them leads to the next stored page. */
export const PAGE_ROWS = 50;

export interface PageWish {
  readonly symbol: string;
  readonly cursor: string;
  readonly num: number;
  readonly format: PageFormat;
}

/**
 * Requests a page. The page must be correct, and must come if it is stored.
 * @returns the cursor of the next page; null at the end of the history; undefined without an answer
 */
export async function readPage(world: World, centre: DataCentre, caller: string, wish: PageWish) {
  const { report, published, callers } = world.parts;
  const { symbol, cursor, num, format } = wish;
  const query = new URLSearchParams({ num: String(num), format, ...(cursor !== "" && { next_key: cursor }) });
  const path = `/v1/short-interest/${symbol}?${query}`;
  const name = `${symbol} ${cursor} ${num}`;
  // Pages that this data center has answered are at its edge. First pages are in the store, for all of them.
  const isAtEdge = centre.answered.has(name);
  const isInStore = cursor === "" && KEPT.includes(symbol);
  const wasWell = world.wasUpstashWell(Date.now());
  const answer = await ask(world, centre, { path, caller: callers(caller) });
  if (!answer) return undefined;
  if (answer.status !== 200) {
    expectCode(world, path, answer, IN_THE_WAY);
    const isWell = wasWell && world.wasUpstashWell(Date.now());
    if (isAtEdge || (isInStore && isWell)) {
      report.violated(
        "cached",
        `${path} is stored ${isAtEdge ? "at the edge" : "in Redis"}, but was answered ${answer.code}`,
      );
    }
    return undefined;
  }
  const checked = checkPage(published, wish, answer.body, answer.headers.get("Link"));
  if (typeof checked === "string") {
    report.violated("cached", `${checked}: ${answer.text.slice(0, 300)}`);
    return undefined;
  }
  report.count(`read: pages as ${format}`);
  if (checked.rows === num || checked.next === null) centre.answered.add(name);
  return checked.next;
}

/** Requests a page that is not stored. An answer adds its next page to the world. */
export async function readNew(world: World, centre: DataCentre, caller: string): Promise<void> {
  const symbol = world.newSymbol();
  const next = await readPage(world, centre, caller, { symbol, cursor: "", num: PAGE_ROWS, format: "json" });
  if (typeof next === "string") world.addNextPage({ symbol, cursor: next });
}

/** Reads from the newest row to the oldest, at changing data centers. */
async function walk(world: World, caller: string, random: Random): Promise<void> {
  const wish = { symbol: pick(KEPT, random), num: whole(random, 10, 50), format: pick(FORMATS, random) };
  let cursor: string | null | undefined = "";
  while (typeof cursor === "string" && !world.ended) {
    const centre = world.parts.centres.at(whole(random, 0, 3));
    cursor = await readPage(world, centre, caller, { ...wish, cursor });
  }
  if (cursor === null) world.parts.report.count("read: walks to the end");
}

async function readHistory(world: World, centre: DataCentre, caller: string, random: Random): Promise<void> {
  const { report, published, callers } = world.parts;
  const symbol = pick(KEPT, random);
  const days = [pick(truthOf(symbol).rows, random).date, pick(truthOf(symbol).rows, random).date].sort();
  const [from, to] = [random() < 0.5 ? days[0] : undefined, random() < 0.5 ? days[1] : undefined];
  const stretch: Stretch = {
    symbol,
    ...(from && { from }),
    ...(to && { to }),
    order: pick(["asc", "desc"] as const, random),
    format: pick(["json", "csv", "ndjson"] as const, random),
  };
  const { symbol: _, ...query } = stretch;
  const path = `/v1/short-interest/${symbol}/history?${new URLSearchParams({ ...query })}`;
  const answer = await ask(world, centre, { path, caller: callers(caller), mostMs: MOST_HISTORY_MS });
  if (!answer) return;
  if (answer.status !== 200) return expectCode(world, path, answer, IN_THE_WAY);
  if (answer.cut) {
    // CSV has no other way to say that rows are missing.
    if (stretch.format !== "csv" || stretch.order === "asc") report.violated("ends", `${path} ended early`);
    report.count("read: histories that ended early");
    return;
  }
  const { problem, code } = checkHistory(published, stretch, answer.text);
  if (problem) report.violated("cached", problem);
  if (code !== undefined) expectCode(world, path, { ...answer, code }, IN_THE_WAY);
  report.count(code === undefined ? "read: histories" : "read: histories in part");
}

async function readLatest(world: World, centre: DataCentre, caller: string, random: Random): Promise<void> {
  const { report, published, callers } = world.parts;
  const symbols = [...new Set(Array.from({ length: whole(random, 1, 5) }, () => pick(KEPT, random)))];
  const path = `/v1/short-interest?symbols=${symbols.join()}`;
  const answer = await ask(world, centre, { path, caller: callers(caller) });
  if (!answer) return;
  if (answer.status !== 200) return expectCode(world, path, answer, IN_THE_WAY);
  const { problem, codes } = checkLatest(published, symbols, parseExactly(answer.text));
  if (problem) report.violated("cached", `${path}: ${problem}: ${answer.text.slice(0, 300)}`);
  for (const code of codes) expectCode(world, path, { ...answer, code }, IN_THE_WAY);
  report.count("read: the newest of several");
}

/** Sends an invalid request. */
async function readWrongly(world: World, centre: DataCentre, caller: string, random: Random): Promise<void> {
  const { callers, report } = world.parts;
  const [path, code, headers = {}] = pick(BAD_INPUT, random);
  const answer = await ask(world, centre, { path, caller: callers(caller), headers });
  if (answer) expectCode(world, path, answer, new Set([code]));
  report.count("read: invalid requests");
}

async function readOther(world: World, centre: DataCentre, caller: string, random: Random): Promise<void> {
  const path = pick(OTHER_PATHS, random);
  const answer = await ask(world, centre, { path, caller: world.parts.callers(caller) });
  if (answer && answer.status !== 200)
    world.parts.report.violated("surprise", `${path} was ${answer.status}`);
}

/** Disconnects before the answer, or during it. */
async function leave(world: World, centre: DataCentre, caller: string, random: Random): Promise<void> {
  const path = `/v1/short-interest/${pick(KEPT, random)}${random() < 0.5 ? "/history" : ""}`;
  const signal = AbortSignal.timeout(whole(random, 1, 60));
  const { headers } = world.parts.callers(caller);
  await fetch(centre.origin + path, { headers, signal }).then(
    (response) => response.body?.cancel(),
    () => undefined,
  );
  world.parts.report.count("read: disconnects");
}

async function step(world: World, caller: string, random: Random): Promise<void> {
  const centre = world.parts.centres.at(whole(random, 0, 3));
  const chance = random() * 100;
  if (chance < 50) {
    const symbol = pick(KEPT, random);
    // The newest row is not published, and only OpenD knows that nothing follows the oldest one.
    const inside = truthOf(symbol).rows.slice(1, -1);
    const cursor = random() < 0.6 || inside.length === 0 ? "" : pick(inside, random).cursor;
    const wish = { symbol, cursor, num: whole(random, 1, 50), format: pick(FORMATS, random) };
    await readPage(world, centre, caller, wish);
  } else if (chance < 56) await walk(world, caller, random);
  else if (chance < 64) await readHistory(world, centre, caller, random);
  else if (chance < 71) await readLatest(world, centre, caller, random);
  else if (chance < 79) await readWrongly(world, centre, caller, random);
  else if (chance < 85) await talk(world, centre, caller, random);
  else if (chance < 91) await askTool(world, centre, caller, random);
  else if (chance < 95) await leave(world, centre, caller, random);
  else await readOther(world, centre, caller, random);
}

/** Reads all pages that are to be stored, before there is a fault, with the shares of several callers. */
export async function warm(world: World): Promise<void> {
  const { centres, callers } = world.parts;
  for (const [at, symbol] of KEPT.entries()) {
    const path = `/v1/short-interest/${symbol}/history`;
    const answer = await ask(world, centres.at(0), { path, caller: callers(`reader-${at % 3}`) });
    if (answer?.status !== 200) throw new Error(`${path} was answered ${answer?.status} ${answer?.code}`);
  }
}

/** Sends one request after the other until the run ends. */
export async function read(world: World, caller: string): Promise<void> {
  for (let at = 0; !world.ended; at += 1) {
    const random = randomFrom(`${world.parts.seed} ${caller} ${at}`);
    const pauseMs = whole(random, 100, 500);
    try {
      await step(world, caller, random);
    } catch (thrown) {
      world.parts.report.violated("surprise", `${caller}, step ${at}: ${told(thrown)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Requests pages that are not stored while there is a fault: each comes, or a problem says why not. */
export async function beCurious(world: World): Promise<void> {
  const underway = new Underway(world.parts.report);
  for (let at = 0; !world.ended; at += 1) {
    await new Promise((resolve) => setTimeout(resolve, CURIOUS_PAUSE_MS));
    if (world.spell?.kind !== "fault") continue;
    underway.add(readNew(world, world.parts.centres.at(at % 4), "curious"));
  }
  await underway.end();
}
