import { Failure } from "../../../functions/errors.ts";
import type { FreshnessPolicy } from "../../../functions/page-source/freshness.ts";
import { FIRST_CURSOR } from "../../../functions/short-interest/page.ts";
import type { VirtualRedis } from "../../model/redis/virtual-redis.ts";
import { randomFrom } from "../../stand-ins/sample-data.ts";
import { VirtualClock, withVirtualTime } from "./clock.ts";
import { CountedRedis } from "./counted-redis.ts";
import { createDataCenter } from "./data-center.ts";
import { ON_TIME } from "./publication-plan.ts";
import { SimulatedOpend } from "./simulated-opend.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const OUTAGE_DATA_CENTERS = 300;
export const OUTAGE_SYMBOLS = 12;
/** Each data center gets a request for each symbol this often, on average. */
const REQUEST_INTERVAL_MS = 2 * MINUTE;

/**
 * When OpenD fails: a quarter of an hour before the US rows of 2026-02-27 are published. The calendar expects them, so all
 * pages become stale during the outage, at the same time. With the old policy they do as well: they are fetched two hours
 * before that publication.
 */
const OUTAGE_START = Date.UTC(2026, 2, 10, 19, 45);
const FIRST_FETCH = OUTAGE_START - 105 * MINUTE;
/** These requests do not count: at first all caches are cold, and after a pause the edge copies are old. */
const WARM_UP_MS = 5 * MINUTE;

/** Rows of a page. A short page makes the simulation faster, and costs as many commands as a long one. */
const ROWS = 12;
const PLAN = {
  HK: [],
  US: ON_TIME.US.slice(ON_TIME.US.findIndex(({ published }) => published > OUTAGE_START) - ROWS),
};

interface Hour {
  readonly requests: number;
  readonly calls: number;
  readonly commands: number;
  readonly maxCommandsInSecond: number;
  readonly staleAnswers: number;
  /** Requests without a page. All pages were cached before the hour. */
  readonly unanswered: number;
}

export interface OutageResult {
  /** The hour before the outage. */
  readonly healthy: Hour;
  readonly outage: Hour;
  /** The hour of the outage, if OpenD is up. */
  readonly withoutOutage: Hour;
  /** Commands of the outage for each one of a healthy hour: the hour before, or the same hour without it if that is less. */
  readonly ratio: number;
}

interface Size {
  readonly dataCenters?: number;
  readonly symbols?: number;
}

/**
 * Simulates an hour of popular symbols, and an hour in which OpenD is down.
 * @param redis is emptied
 */
export async function simulateOutage(
  policy: FreshnessPolicy,
  redis: VirtualRedis,
  size: Size = {},
): Promise<OutageResult> {
  const control = createWorld(policy, redis, size);
  const withoutOutage = await withVirtualTime(control.clock, "control", async () => {
    await control.warmUp(OUTAGE_START - HOUR);
    await control.simulate(OUTAGE_START - HOUR, OUTAGE_START);
    return control.simulate(OUTAGE_START, OUTAGE_START + HOUR);
  });
  const world = createWorld(policy, redis, size);
  const [healthy, outage] = await withVirtualTime(world.clock, "outage", async () => {
    await world.warmUp(OUTAGE_START - HOUR);
    const before = await world.simulate(OUTAGE_START - HOUR, OUTAGE_START);
    world.opend.isDown = true;
    return [before, await world.simulate(OUTAGE_START, OUTAGE_START + HOUR)] as const;
  });
  return {
    healthy,
    outage,
    withoutOutage,
    ratio: outage.commands / Math.min(healthy.commands, withoutOutage.commands),
  };
}

function createWorld(
  policy: FreshnessPolicy,
  redis: VirtualRedis,
  { dataCenters = OUTAGE_DATA_CENTERS, symbols = OUTAGE_SYMBOLS }: Size,
) {
  const clock = new VirtualClock(FIRST_FETCH);
  const counted = new CountedRedis(redis, clock);
  const opend = new SimulatedOpend(PLAN, clock.now);
  const run = crypto.randomUUID();
  const centers = Array.from({ length: dataCenters }, (_, index) =>
    createDataCenter({ name: `${run}-${index}`, clock, redis: counted, opend, policy }),
  );
  const random = randomFrom("outage");

  async function simulate(start: number, end: number): Promise<Hour> {
    const before = { calls: opend.calls.length, commands: counted.total() };
    const commandsOfSecond = new Map<number, number>();
    let [requests, staleAnswers, unanswered] = [0, 0, 0];
    for (let arrival = start; ; requests += 1) {
      arrival += -Math.log(1 - random()) * (REQUEST_INTERVAL_MS / dataCenters / symbols);
      if (arrival >= end) break;
      clock.advanceTo(arrival);
      const second = Math.floor(clock.now() / 1_000);
      const commands = counted.total();
      const symbol = { market: "US", code: `T${Math.floor(random() * symbols)}` } as const;
      const result = await centers[Math.floor(random() * dataCenters)]?.page(symbol, FIRST_CURSOR, 10);
      if (result === undefined || result instanceof Failure) unanswered += 1;
      else if (result.staleReason !== undefined) staleAnswers += 1;
      const used = counted.total() - commands;
      commandsOfSecond.set(second, (commandsOfSecond.get(second) ?? 0) + used);
    }
    return {
      requests,
      calls: opend.calls.length - before.calls,
      commands: counted.total() - before.commands,
      maxCommandsInSecond: Math.max(...commandsOfSecond.values()),
      staleAnswers,
      unanswered,
    };
  }

  /** Fills the caches at `FIRST_FETCH`, and makes requests again shortly before `end`. */
  async function warmUp(end: number): Promise<void> {
    await simulate(FIRST_FETCH, FIRST_FETCH + WARM_UP_MS);
    await simulate(end - WARM_UP_MS, end);
  }

  return { clock, opend, simulate, warmUp };
}
