import { randomFrom } from "../stand-ins/sample-data.ts";
import type { Ledger } from "./ledger.ts";
import { whole } from "./plan.ts";
import { allowsCalls, LIMIT, MAX_RESERVE, reserve, used, WINDOW_MS } from "./quota.ts";
import { PAGE_ROWS, readPage } from "./readers.ts";
import { pause, SETTLED_MS } from "./sharing.ts";
import type { NextPage, World } from "./world.ts";

/** A caller that reads on. The next page of an answered page must come, even during an attack. */

const LOOK_MS = 500;
/** At most four requests a window, so that the caller always has a share left. */
const EVERY_MS = 8_000;
/** Calls that were made for other reasons leave the log after this time: a call may be in flight for 6 s and more. */
const LOG_MS = WINDOW_MS + 10_000;
/** With so few calls in the log the next page comes, whatever they were made for: others take few within a second. */
const FEW_CALLS = LIMIT - 6;
/** While wasted calls reserve half of the quota for known pages, with so few calls for those it comes as well. */
const FEW_KNOWN_CALLS = MAX_RESERVE - 3;

export async function follow(world: World, ledger: Ledger): Promise<void> {
  const { report, seed } = world.parts;
  const random = randomFrom(`${seed} follow`);
  let lastAt = 0;
  /** Since when half of the quota is reserved for known pages. */
  let reservedSince: number | undefined;

  /** What the next page is owed to, or undefined if the quota may rightly be used up. */
  async function guarantee(): Promise<string | undefined> {
    if (!(await allowsCalls(world))) return undefined;
    const isReserved = reservedSince !== undefined && Date.now() - reservedSince > LOG_MS;
    if (isReserved && ledger.knownCalls(LOG_MS) <= FEW_KNOWN_CALLS) return "with half of the quota reserved";
    return (await used(world)) <= FEW_CALLS ? "with calls left" : undefined;
  }

  while (!world.ended) {
    await pause(LOOK_MS);
    const isReserved = (await reserve(world)) >= MAX_RESERVE;
    reservedSince = isReserved ? (reservedSince ?? Date.now()) : undefined;
    const since = world.calmSince;
    const isSettled = world.spell?.kind === "calm" && Date.now() - since > SETTLED_MS;
    if (!isSettled || Date.now() - lastAt < EVERY_MS) continue;
    const page = world.takeNextPage();
    if (!page) continue;
    lastAt = Date.now();
    const why = await guarantee();
    if (why === undefined) {
      world.addNextPage(page);
      report.count("next pages: not requested");
      continue;
    }
    const came = await readOn(world, page, whole(random, 0, 3));
    if (came === undefined || world.calmSince !== since) continue;
    if (!came)
      report.violated("fair", `the page of ${page.symbol} after '${page.cursor}' did not come, ${why}`);
    report.count(`next pages: ${why}`);
  }
}

/** @returns whether the next page came; undefined if the page before it did not */
async function readOn(
  world: World,
  { symbol, cursor }: NextPage,
  place: number,
): Promise<boolean | undefined> {
  const centre = world.parts.centres.at(place);
  const wish = { symbol, num: PAGE_ROWS, format: "json" } as const;
  if ((await readPage(world, centre, "follower", { ...wish, cursor: "" })) !== cursor) return undefined;
  const next = await readPage(world, centre, "follower", { ...wish, cursor });
  return centre.gone ? undefined : next !== undefined;
}
