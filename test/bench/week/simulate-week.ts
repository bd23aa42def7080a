import { Failure } from "../../../functions/errors.ts";
import type { FreshnessPolicy } from "../../../functions/page-source/freshness.ts";
import { FIRST_CURSOR } from "../../../functions/short-interest/page.ts";
import type { SecuritySymbol } from "../../../functions/short-interest/symbol.ts";
import type { VirtualRedis } from "../../model/redis/virtual-redis.ts";
import { randomFrom } from "../../stand-ins/sample-data.ts";
import { maxCallsInWindow } from "../../support/max-calls.ts";
import { zipf } from "../measure.ts";
import { VirtualClock, withVirtualTime } from "./clock.ts";
import { CountedRedis, type Purpose } from "./counted-redis.ts";
import { createDataCenter, RULE } from "./data-center.ts";
import { Lateness } from "./lateness.ts";
import type { Scenario } from "./publication-plan.ts";
import { SimulatedOpend } from "./simulated-opend.ts";

const WEEK_MS = 7 * 86_400_000;
export const REQUESTS = 60_000;
export const SYMBOLS = 500;
export const DATA_CENTERS = 10;
/** The part of the requests that read the page after the one before. */
const SECOND_PAGES = 0.05;

export interface WeekResult {
  readonly calls: number;
  /** Connections that were opened before the shared cache was read, and that no call followed. */
  readonly unusedConnections: number;
  readonly connectionsAhead: number;
  readonly maxCallsInWindow: number;
  readonly commands: number;
  readonly commandsByPurpose: Readonly<Record<Purpose, number>>;
  readonly staleAnswers: number;
  /** Requests without a page, by error code. */
  readonly refused: ReadonlyMap<string, number>;
  readonly lateness: Lateness;
}

interface Size {
  readonly requests?: number;
  readonly dataCenters?: number;
}

/**
 * Simulates a week of requests. All caches are cold at its start. The symbols are those of both markets in turn, by
 * popularity.
 * @param redis is emptied
 */
export async function simulateWeek(
  { name, start, plan }: Scenario,
  policy: FreshnessPolicy,
  redis: VirtualRedis,
  { requests = REQUESTS, dataCenters: count = DATA_CENTERS }: Size = {},
): Promise<WeekResult> {
  const clock = new VirtualClock(start);
  const counted = new CountedRedis(redis, clock);
  const opend = new SimulatedOpend(plan, clock.now);
  const run = crypto.randomUUID();
  const dataCenters = Array.from({ length: count }, (_, index) =>
    createDataCenter({ name: `${run}-${index}`, clock, redis: counted, opend, policy }),
  );
  const lateness = new Lateness(plan);
  const refused = new Map<string, number>();
  const random = randomFrom(name);
  const pick = zipf(SYMBOLS, random);
  let staleAnswers = 0;
  let following: { symbol: SecuritySymbol; cursor: string; num: number } | undefined;

  async function request(symbol: SecuritySymbol, cursor: string, num: number): Promise<string | null> {
    const servedAt = clock.now();
    const result = await dataCenters[Math.floor(random() * count)]?.page(symbol, cursor, num);
    if (result === undefined || result instanceof Failure) {
      const code = result?.code ?? "internal";
      refused.set(code, (refused.get(code) ?? 0) + 1);
      return null;
    }
    const isFresh = result.staleReason === undefined;
    if (!isFresh) staleAnswers += 1;
    const newest = Number(result.page.rows[0]?.timestamp ?? 0n);
    if (cursor === FIRST_CURSOR) lateness.add(symbol.market, newest, servedAt, isFresh);
    return result.page.next;
  }

  await withVirtualTime(clock, name, async () => {
    let arrival = start;
    for (let index = 0; index < requests; index += 1) {
      arrival += -Math.log(1 - random()) * (WEEK_MS / requests);
      clock.advanceTo(arrival);
      if (following) {
        await request(following.symbol, following.cursor, following.num);
        following = undefined;
        continue;
      }
      const symbol = symbolOf(pick());
      // A slice of ten rows continues within the same page, and one of fifty rows on the next.
      const isFollowed = random() < SECOND_PAGES;
      const num = isFollowed && random() < 0.5 ? 50 : 10;
      const next = await request(symbol, FIRST_CURSOR, num);
      if (isFollowed && next !== null) following = { symbol, cursor: next, num };
    }
  });
  return {
    calls: opend.calls.length,
    connectionsAhead: opend.ahead.opened,
    unusedConnections: opend.ahead.opened - opend.ahead.called,
    maxCallsInWindow: maxCallsInWindow(opend.calls, RULE.windowMs),
    commands: counted.total(),
    commandsByPurpose: counted.counts,
    staleAnswers,
    refused,
    lateness,
  };
}

function symbolOf(rank: number): SecuritySymbol {
  return rank % 2 === 0
    ? { market: "HK", code: String(rank + 1).padStart(5, "0") }
    : { market: "US", code: `T${rank}` };
}
