import type { PageKey } from "../../../functions/page-source/cached-reply.ts";
import type { Random } from "../random.ts";
import type { SharedCacheOperation, SharedCacheSetting } from "./history.ts";
import { PAGE_ROWS, ROW_S, WRONG_REPLIES } from "./upstream-history.ts";
import type { SharedCacheWorld } from "./world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Profile = Pick<
  SharedCacheSetting,
  "operationWeights" | "waitTimesMs" | "circuitWaitProbability" | "keyCount" | "failureProbability"
>;

/** One page is stored, becomes stale and is revalidated. */
const REFRESHING: Profile = {
  operationWeights: {
    visit: 40,
    look: 8,
    lease: 4,
    answer: 4,
    store: 6,
    release: 2,
    wait: 36,
    publish: 4,
    split: 1,
  },
  waitTimesMs: [MINUTE, MINUTE, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, DAY, 8 * DAY],
  circuitWaitProbability: 0,
  keyCount: 1,
  failureProbability: 0.05,
};
/** Looks use cursors of all pages of a symbol. */
const WALKING: Profile = {
  operationWeights: {
    visit: 40,
    look: 26,
    lease: 8,
    answer: 4,
    store: 4,
    release: 2,
    wait: 12,
    publish: 6,
    split: 4,
  },
  waitTimesMs: [HOUR, 6 * HOUR, DAY, 7 * DAY + HOUR, 8 * DAY],
  circuitWaitProbability: 0,
  keyCount: 12,
  failureProbability: 0,
};
/** Most calls to OpenD fail. */
const FAILING: Profile = {
  operationWeights: {
    visit: 60,
    look: 10,
    lease: 5,
    answer: 2,
    store: 2,
    release: 10,
    wait: 25,
    publish: 0,
    split: 0,
  },
  waitTimesMs: [5 * SECOND, 10 * SECOND, 10 * SECOND, 10 * SECOND, 30 * SECOND, HOUR],
  circuitWaitProbability: 0.7,
  keyCount: 12,
  failureProbability: 0.9,
};
/** OpenD is down for minutes: only probes are made. */
const DOWN: Profile = {
  ...FAILING,
  operationWeights: { ...FAILING.operationWeights, look: 0, lease: 0, answer: 0, store: 0, release: 0 },
  failureProbability: 1,
  circuitWaitProbability: 1,
};
/** Splits, while the pages of one symbol are refreshed. */
const REWRITING: Profile = {
  operationWeights: { ...WALKING.operationWeights, look: 4, lease: 2, wait: 30, publish: 2, split: 12 },
  waitTimesMs: [6 * HOUR, DAY, DAY, 7 * DAY],
  circuitWaitProbability: 0,
  keyCount: 0,
  failureProbability: 0,
};

export function chooseSetting(random: Random): SharedCacheSetting {
  return {
    ...random.pick([REFRESHING, REFRESHING, WALKING, FAILING, DOWN, REWRITING]),
    rowCounts: [random.integer(1, 8), random.integer(1, 5)],
    newestRowDays: random.pick([12, 13, 14, 70]),
    indexEntries: random.chance(0.1) ? random.integer(125, 128) : 0,
    leaseMs: random.pick([15 * SECOND, 15 * SECOND, 90 * SECOND]),
    keysEndEarly: random.chance(0.5),
    wrongReplyProbability: random.pick([0, 0.3, 0.8]),
    wrongReplies: random.chance(0.7) ? [random.pick(WRONG_REPLIES)] : WRONG_REPLIES,
  };
}

/** Generates the operations of one history. */
export function* generateOperations(
  random: Random,
  world: SharedCacheWorld,
): Generator<SharedCacheOperation> {
  const { setting, fetches } = world;
  const { failureProbability } = setting;
  let looks = 0;
  const keys =
    setting.keyCount === 0
      ? pagesOf(random, world)
      : Array.from({ length: setting.keyCount }, () => chooseKey(random, world));
  const wait = (): SharedCacheOperation => ({ kind: "wait", ms: waitMs(random, world) });
  const keyToRead = () => (random.chance(0.8) ? random.pick(keys) : chooseKey(random, world));
  const look = (key: PageKey): SharedCacheOperation => {
    looks += 1;
    return { kind: "look", fetch: looks, key };
  };
  const answer = (fetch: number): SharedCacheOperation => {
    const fault = random.chance(setting.wrongReplyProbability)
      ? random.pick(setting.wrongReplies)
      : undefined;
    return { kind: "answer", fetch, fault };
  };
  function* visit(): Generator<SharedCacheOperation> {
    const key = keyToRead();
    yield look(key);
    const visits = [looks];
    // Two Workers look before one of them acquires its lease.
    if (random.chance(0.2)) {
      yield look(random.chance(0.5) ? key : keyToRead());
      visits.push(looks);
    }
    if (random.chance(0.1)) yield wait();
    for (const number of visits) yield { kind: "lease", fetch: number };
    if (random.chance(0.2)) {
      // The lease of the first Worker expires before its answer, or before the write.
      for (const number of random.chance(0.5) ? visits : []) yield answer(number);
      yield { kind: "wait", ms: setting.leaseMs + 1 };
      yield look(key);
      visits.unshift(looks);
      yield { kind: "lease", fetch: looks };
    }
    for (const number of visits) {
      if (!fetches.has(number)) continue;
      if (random.chance(failureProbability)) yield failure(random, setting, number);
      else {
        yield answer(number);
        if (random.chance(0.1)) yield wait();
        yield { kind: "store", fetch: number };
      }
    }
  }
  for (let rest = random.integer(6, failureProbability === 1 ? 60 : 20); rest > 0; rest -= 1) {
    const kind = random.weighted(setting.operationWeights);
    const pending = kind === "lease" ? world.looks : fetches;
    const fetch = pending.size === 0 ? undefined : random.pick([...pending.keys()]);
    if (kind === "wait") yield wait();
    else if (kind === "publish" || kind === "split") {
      yield { kind, symbol: random.pick(world.securities).symbol };
    } else if (kind === "visit") yield* visit();
    else if (kind === "look" || fetch === undefined) yield look(keyToRead());
    else if (kind === "answer") yield answer(fetch);
    else if (kind === "store" || kind === "lease") yield { kind, fetch };
    else yield failure(random, setting, fetch);
  }
}

function failure(
  random: Random,
  { failureProbability }: SharedCacheSetting,
  fetch: number,
): SharedCacheOperation {
  const isDown = failureProbability === 1 && random.chance(0.9);
  const outcome = isDown
    ? "failed"
    : random.pick(["failed", "failed", "failed", "inconclusive", "answered"] as const);
  const backoff = random.chance(0.5) ? ({ ms: 5_000, code: "opend_unreachable" } as const) : undefined;
  return { kind: "release", fetch, outcome, ...(backoff && { backoff }) };
}

/** The first two pages of one symbol, and the short first page. */
function pagesOf(random: Random, { securities }: SharedCacheWorld): PageKey[] {
  const security = random.pick(securities);
  const { symbol, rows } = security;
  const last = rows.slice(0, PAGE_ROWS).at(-1) ?? 0;
  return [
    { symbol, cursor: "" },
    { symbol, cursor: security.cursorOf(last), exact: true },
    { symbol, cursor: "", num: 2 },
  ];
}

function chooseKey(random: Random, { securities }: SharedCacheWorld): PageKey {
  const security = random.pick(securities);
  const { symbol, rows } = security;
  const [newest = 0] = rows;
  const timestamp = random.chance(0.1) ? newest - (ROW_S / 2) * random.integer(-2, 20) : random.pick(rows);
  const cursor = random.chance(0.45) ? "" : security.cursorOf(timestamp);
  if (random.chance(0.05)) return { symbol, cursor, exact: true };
  return random.chance(0.15) ? { symbol, cursor, num: 2 } : { symbol, cursor };
}

/** Usually a time shortly before or after a state changes, in milliseconds. */
function waitMs(random: Random, { setting, openMs }: SharedCacheWorld): number {
  const { leaseMs, waitTimesMs, circuitWaitProbability } = setting;
  if (openMs > 1 && random.chance(circuitWaitProbability)) return openMs + random.pick([-1, 0, 0, 0, 1]);
  if (random.chance(0.3)) return random.integer(1, random.pick([10, SECOND, 20 * SECOND]));
  return random.pick([leaseMs, ...waitTimesMs]) + random.pick([-1, 0, 0, 1]);
}
