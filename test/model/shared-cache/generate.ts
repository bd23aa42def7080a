import type { PageKey } from "../../../functions/page-source/cached-reply.ts";
import type { Random } from "../random.ts";
import type { Operation, Setting } from "./history.ts";
import { FAULTS } from "./upstream-history.ts";
import type { StoreWorld } from "./world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Mood = Pick<Setting, "kinds" | "waits" | "keys" | "failing">;

/** One page is stored, becomes stale and is fetched again. */
const REFRESHING: Mood = {
  kinds: { visit: 40, read: 6, answer: 4, store: 6, release: 2, wait: 36, publish: 4, split: 1, peek: 2 },
  waits: [MINUTE, MINUTE, MINUTE, 10 * MINUTE, HOUR, HOUR, HOUR, DAY, 8 * DAY],
  keys: 1,
  failing: 0.05,
};
/** Cursors are looked for in the pages of their symbols. */
const WALKING: Mood = {
  kinds: { visit: 30, read: 20, answer: 4, store: 4, release: 2, wait: 12, publish: 6, split: 1, peek: 20 },
  waits: [HOUR, HOUR, DAY, 7 * DAY + HOUR, 8 * DAY],
  keys: 12,
  failing: 0,
};
/** Calls of OpenD fail. */
const FAILING: Mood = {
  kinds: { visit: 50, read: 15, answer: 2, store: 2, release: 10, wait: 15, publish: 0, split: 0, peek: 4 },
  waits: [5 * SECOND, 10 * SECOND, 10 * SECOND, 10 * SECOND, 30 * SECOND, HOUR],
  keys: 12,
  failing: 0.9,
};

export function chooseSetting(random: Random): Setting {
  return {
    ...random.pick([REFRESHING, REFRESHING, WALKING, FAILING]),
    rows: [random.whole(1, 8), random.whole(1, 5)],
    leaseMs: random.pick([15 * SECOND, 15 * SECOND, 90 * SECOND]),
    keysEndEarly: random.chance(0.5),
    faulty: random.pick([0, 0.3, 0.8]),
    faults: random.chance(0.7) ? [random.pick(FAULTS)] : FAULTS,
  };
}

/** The operations of one history. */
export function* generate(random: Random, world: StoreWorld): Generator<Operation> {
  const { setting, fetches } = world;
  let reads = 0;
  const keys = Array.from({ length: setting.keys }, () => chooseKey(random, world));
  const wait = (): Operation => ({ kind: "wait", ms: waitMs(random, setting) });
  const keyToRead = () => (random.chance(0.8) ? random.pick(keys) : chooseKey(random, world));
  const read = (key: PageKey): Operation => {
    reads += 1;
    return { kind: "read", fetch: reads, key };
  };
  const answer = (fetch: number): Operation => {
    const fault = random.chance(setting.faulty) ? random.pick(setting.faults) : undefined;
    return { kind: "answer", fetch, fault };
  };
  for (let rest = random.whole(6, 20); rest > 0; rest -= 1) {
    const kind = random.weighted(setting.kinds);
    const fetch = fetches.size === 0 ? undefined : random.pick([...fetches.keys()]);
    if (kind === "wait") yield wait();
    else if (kind === "peek") yield { kind, key: chooseKey(random, world) };
    else if (kind === "publish" || kind === "split") {
      yield { kind, symbol: random.pick(world.securities).symbol };
    } else if (kind === "visit") {
      const key = keyToRead();
      yield read(key);
      const visits = [reads];
      if (random.chance(0.2)) {
        // The first Worker is late.
        yield { kind: "wait", ms: setting.leaseMs + 1 };
        yield read(key);
        visits.unshift(reads);
      }
      for (const visit of visits) {
        if (!fetches.has(visit)) continue;
        if (random.chance(setting.failing)) yield failure(random, visit);
        else {
          yield answer(visit);
          if (random.chance(0.1)) yield wait();
          yield { kind: "store", fetch: visit };
        }
      }
    } else if (kind === "read" || fetch === undefined) yield read(keyToRead());
    else if (kind === "answer") yield answer(fetch);
    else if (kind === "store") yield { kind, fetch };
    else yield failure(random, fetch);
  }
}

function failure(random: Random, fetch: number): Operation {
  const outcome = random.pick(["failed", "failed", "failed", "not-called", "answered"] as const);
  const pause = random.chance(0.5) ? ({ ms: 5_000, code: "opend_unreachable" } as const) : undefined;
  return { kind: "release", fetch, outcome, ...(pause && { pause }) };
}

function chooseKey(random: Random, { securities }: StoreWorld): PageKey {
  const security = random.pick(securities);
  const { symbol, rows } = security;
  const [newest = 0] = rows;
  const timestamp = random.chance(0.1) ? newest - 50 * random.whole(-2, 20) : random.pick(rows);
  const cursor = random.chance(0.45) ? "" : security.cursorOf(timestamp);
  return random.chance(0.15) ? { symbol, cursor, num: 2 } : { symbol, cursor };
}

/** Mostly until shortly before or after a time at which something changes. */
function waitMs(random: Random, { leaseMs, waits }: Setting): number {
  if (random.chance(0.3)) return random.whole(1, random.pick([10, SECOND, 20 * SECOND]));
  return random.pick([leaseMs, ...waits]) + random.pick([-1, 0, 0, 1]);
}
