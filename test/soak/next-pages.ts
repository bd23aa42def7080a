import { randomFrom } from "../stand-ins/sample-data.ts";
import type { CallMonitor } from "./call-monitor.ts";
import { delay, RECOVERY_MS } from "./fairness.ts";
import { randomInteger } from "./plan.ts";
import { canCallOpend, countPermits, LIMIT, MAX_RESERVE, reservedPermits, WINDOW_MS } from "./quota.ts";
import { PAGE_ROWS, readPage } from "./readers.ts";
import type { NextPage, World } from "./world.ts";

/** A caller that reads next pages of served pages. They must be served even during the attack. */

const CALLER = "next-pages";

const POLL_INTERVAL_MS = 500;
/** At most four requests per window, so that the caller never uses up its share. */
const INTERVAL_MS = 8_000;
/** Other calls expire in the log within this time. A call may be in flight for more than 6 s. */
const LOG_EXPIRY_MS = WINDOW_MS + 10_000;
/** With at most this many permits in the log, the next page must be served: other callers take few in a second. */
const FEW_CALLS = LIMIT - 6;
/**
 * Wasted calls reserve half of the limit for known pages. With at most this many calls for known pages, the next page
 * must be served too.
 */
const FEW_KNOWN_CALLS = MAX_RESERVE - 3;

export async function readNextPages(world: World, monitor: CallMonitor): Promise<void> {
  const { report, seed } = world.deps;
  const random = randomFrom(`${seed} next pages`);
  let lastRequestAt = 0;
  /** Time since which half of the limit is reserved for known pages. */
  let reservedSince: number | undefined;

  /** Why the next page must be served; undefined if the limit may be used up. */
  async function guarantee(): Promise<string | undefined> {
    if (!(await canCallOpend(world))) return undefined;
    const isReserved = reservedSince !== undefined && Date.now() - reservedSince > LOG_EXPIRY_MS;
    if (isReserved && monitor.countKnownCalls(LOG_EXPIRY_MS) <= FEW_KNOWN_CALLS)
      return "with half of the limit reserved";
    return (await countPermits(world)) <= FEW_CALLS ? "with free permits" : undefined;
  }

  while (!world.isEnded) {
    await delay(POLL_INTERVAL_MS);
    const isReserved = (await reservedPermits(world)) >= MAX_RESERVE;
    reservedSince = isReserved ? (reservedSince ?? Date.now()) : undefined;
    const since = world.calmSince;
    const isSettled = world.phase?.kind === "calm" && Date.now() - since > RECOVERY_MS;
    if (!isSettled || Date.now() - lastRequestAt < INTERVAL_MS) continue;
    const page = world.takeNextPage();
    if (!page) continue;
    lastRequestAt = Date.now();
    const reason = await guarantee();
    if (reason === undefined) {
      world.addNextPage(page);
      report.count("next pages: × not requested");
      continue;
    }
    const isServed = await readNextPage(world, page, randomInteger(random, 0, 3));
    if (isServed === undefined || world.calmSince !== since) continue;
    if (!isServed)
      report.violation(
        "exhaustedResource",
        `the page of ${page.symbol} after '${page.cursor}' was not served ${reason}`,
      );
    report.count(`next pages: × requested ${reason}`);
  }
}

/** @returns whether the next page was served; undefined if the first page was not */
async function readNextPage(
  world: World,
  { symbol, cursor }: NextPage,
  centerIndex: number,
): Promise<boolean | undefined> {
  const center = world.deps.centers.get(centerIndex);
  const query = { symbol, num: PAGE_ROWS, format: "json" } as const;
  if ((await readPage(world, center, CALLER, { ...query, cursor: "" })) !== cursor) return undefined;
  const next = await readPage(world, center, CALLER, { ...query, cursor });
  return center.isStopping ? undefined : next !== undefined;
}
