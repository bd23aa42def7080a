import type { PageKey } from "../../../functions/page-source/cached-reply.ts";
import type { Random } from "../random.ts";
import type { SharedCacheOperation, SharedCacheSetting } from "./history.ts";
import { WRONG_REPLIES } from "./upstream-history.ts";
import type { SharedCacheWorld } from "./world.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Profile = Pick<
  SharedCacheSetting,
  "operationWeights" | "waitTimesMs" | "keyCount" | "failureProbability"
>;

/** One page is stored, becomes stale and is revalidated. */
const REFRESHING: Profile = {
  operationWeights: {
    visit: 40,
    read: 6,
    answer: 4,
    store: 6,
    release: 2,
    wait: 36,
    publish: 4,
    split: 1,
    peek: 2,
  },
  waitTimesMs: [MINUTE, MINUTE, MINUTE, 10 * MINUTE, HOUR, HOUR, HOUR, DAY, 8 * DAY],
  keyCount: 1,
  failureProbability: 0.05,
};
/** Reads use cursors of all pages of a symbol. */
const WALKING: Profile = {
  operationWeights: {
    visit: 30,
    read: 20,
    answer: 4,
    store: 4,
    release: 2,
    wait: 12,
    publish: 6,
    split: 1,
    peek: 20,
  },
  waitTimesMs: [HOUR, HOUR, DAY, 7 * DAY + HOUR, 8 * DAY],
  keyCount: 12,
  failureProbability: 0,
};
/** Most calls to OpenD fail. */
const FAILING: Profile = {
  operationWeights: {
    visit: 50,
    read: 15,
    answer: 2,
    store: 2,
    release: 10,
    wait: 15,
    publish: 0,
    split: 0,
    peek: 4,
  },
  waitTimesMs: [5 * SECOND, 10 * SECOND, 10 * SECOND, 10 * SECOND, 30 * SECOND, HOUR],
  keyCount: 12,
  failureProbability: 0.9,
};

export function chooseSetting(random: Random): SharedCacheSetting {
  return {
    ...random.pick([REFRESHING, REFRESHING, WALKING, FAILING]),
    rowCounts: [random.integer(1, 8), random.integer(1, 5)],
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
  let reads = 0;
  const keys = Array.from({ length: setting.keyCount }, () => chooseKey(random, world));
  const wait = (): SharedCacheOperation => ({ kind: "wait", ms: waitMs(random, setting) });
  const keyToRead = () => (random.chance(0.8) ? random.pick(keys) : chooseKey(random, world));
  const read = (key: PageKey): SharedCacheOperation => {
    reads += 1;
    return { kind: "read", fetch: reads, key };
  };
  const answer = (fetch: number): SharedCacheOperation => {
    const fault = random.chance(setting.wrongReplyProbability)
      ? random.pick(setting.wrongReplies)
      : undefined;
    return { kind: "answer", fetch, fault };
  };
  for (let rest = random.integer(6, 20); rest > 0; rest -= 1) {
    const kind = random.weighted(setting.operationWeights);
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
        // The lease of the first Worker expires before its answer.
        yield { kind: "wait", ms: setting.leaseMs + 1 };
        yield read(key);
        visits.unshift(reads);
      }
      for (const visit of visits) {
        if (!fetches.has(visit)) continue;
        if (random.chance(setting.failureProbability)) yield failure(random, visit);
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

function failure(random: Random, fetch: number): SharedCacheOperation {
  const outcome = random.pick(["failed", "failed", "failed", "inconclusive", "answered"] as const);
  const backoff = random.chance(0.5) ? ({ ms: 5_000, code: "opend_unreachable" } as const) : undefined;
  return { kind: "release", fetch, outcome, ...(backoff && { backoff }) };
}

function chooseKey(random: Random, { securities }: SharedCacheWorld): PageKey {
  const security = random.pick(securities);
  const { symbol, rows } = security;
  const [newest = 0] = rows;
  const timestamp = random.chance(0.1) ? newest - 50 * random.integer(-2, 20) : random.pick(rows);
  const cursor = random.chance(0.45) ? "" : security.cursorOf(timestamp);
  return random.chance(0.15) ? { symbol, cursor, num: 2 } : { symbol, cursor };
}

/** Usually a time shortly before or after a state changes, in milliseconds. */
function waitMs(random: Random, { leaseMs, waitTimesMs }: SharedCacheSetting): number {
  if (random.chance(0.3)) return random.integer(1, random.pick([10, SECOND, 20 * SECOND]));
  return random.pick([leaseMs, ...waitTimesMs]) + random.pick([-1, 0, 0, 1]);
}
