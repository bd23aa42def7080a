import type { SlidingWindowLog } from "../../../functions/rate-limit/sliding-window-log.ts";
import type { Random } from "../random.ts";
import type { Mood, Operation, Setting, WorkerIndex } from "./history.ts";
import type { LimitWorld } from "./world.ts";

const CLIENTS = 3;
/** For how long a wasted call is remembered, in milliseconds. */
const WASTE_MEMORY_MS = 5 * 60_000;
/** Differences to a time at which something changes, in microseconds. */
const NEAR = [-1_000, -1, 0, 1, 999, 1_000, 1_001] as const;

const MIXED: Omit<Mood, "priorities" | "wasted"> = {
  kinds: { acquire: 50, wait: 20, settle: 14, release: 5, repeat: 4, block: 2, count: 3 },
  length: [6, 18],
  limits: [1, 4],
  isSteady: false,
};
const USUAL: Mood = {
  ...MIXED,
  priorities: { answer: 8, refresh: 1, "new-symbol": 1, "unknown-cursor": 0 },
  wasted: 0,
};
const MOODS: readonly Mood[] = [
  USUAL,
  {
    ...MIXED,
    priorities: { answer: 4, refresh: 3, "new-symbol": 2, "unknown-cursor": 2 },
    wasted: 0.3,
    limits: [1, 8],
  },
  {
    ...MIXED,
    priorities: { answer: 1, refresh: 1, "new-symbol": 7, "unknown-cursor": 2 },
    wasted: 0.9,
  },
];
/** Clients that go on to ask for symbols that do not exist. */
const WASTEFUL: Mood = {
  kinds: { acquire: 45, wait: 10, settle: 45, release: 0, repeat: 0, block: 0, count: 0 },
  priorities: { answer: 1, refresh: 0, "new-symbol": 20, "unknown-cursor": 1 },
  wasted: 1,
  length: [40, 90],
  limits: [8, 30],
  isSteady: true,
};

/** Limits and times are small, so that their bounds are met often. */
export function chooseSetting(random: Random): Setting {
  const mood = random.chance(0.01) ? WASTEFUL : random.pick(MOODS);
  const { limits, isSteady } = mood;
  const windowMs = isSteady ? 2_000 : random.pick([2, 10, 100, 1_000, 2_000]);
  const ruleOf = (): SlidingWindowLog => {
    const limit = random.whole(...limits);
    return {
      limit,
      windowMs,
      maxInFlightMs: random.pick([0, 1, Math.ceil(windowMs / 2), windowMs, 1_500, 6_000]),
      waitMs: random.pick([0, 1, Math.ceil(windowMs / 2), 3 * windowMs, 10_000]),
      clientShare: random.whole(isSteady ? Math.ceil(limit / 2) : 1, limit + 1),
    };
  };
  const first = ruleOf();
  const other = ruleOf();
  const second =
    isSteady || random.chance(0.5)
      ? first
      : {
          ...first,
          ...(random.chance(0.5) && { limit: other.limit, clientShare: other.clientShare }),
          ...(random.chance(0.5) && { waitMs: other.waitMs }),
          ...(random.chance(0.5) && { maxInFlightMs: other.maxInFlightMs }),
        };
  return { mood, rules: [first, second], keysEndEarly: random.chance(0.5) };
}

/** The operations of one history. */
export function* generate(random: Random, world: LimitWorld): Generator<Operation> {
  const generator = new Operations(random, world);
  for (let rest = random.whole(...world.setting.mood.length); rest > 0; rest -= 1) yield generator.next();
}

class Operations {
  readonly #random: Random;
  readonly #world: LimitWorld;
  readonly #mood: Mood;
  #permits = 0;

  constructor(random: Random, world: LimitWorld) {
    this.#random = random;
    this.#world = world;
    this.#mood = world.setting.mood;
  }

  next(): Operation {
    const random = this.#random;
    const kind = random.weighted(this.#mood.kinds);
    switch (kind) {
      case "acquire":
        return this.#acquire();
      case "wait":
        return { kind, micros: this.#wait() };
      case "block":
        return { kind };
      case "count":
        return { kind, worker: this.#worker() };
      case "settle":
        return this.#permits === 0
          ? this.#acquire()
          : { kind, permit: this.#permit(), isWasted: random.chance(this.#mood.wasted) };
      default:
        return this.#permits === 0 ? this.#acquire() : { kind, permit: this.#permit() };
    }
  }

  #acquire(): Operation {
    const random = this.#random;
    const permit = this.#permits;
    this.#permits += 1;
    return {
      kind: "acquire",
      permit,
      worker: this.#worker(),
      client: random.whole(0, CLIENTS - 1),
      priority: random.weighted(this.#mood.priorities),
      replaces: permit > 0 && random.chance(0.1) ? random.whole(0, permit - 1) : undefined,
      isLost: random.chance(0.05),
      checksRetry: random.chance(0.3),
    };
  }

  #worker(): WorkerIndex {
    return this.#random.chance(0.5) ? 1 : 0;
  }

  #permit(): number {
    const last = this.#permits - 1;
    return this.#mood.isSteady && this.#random.chance(0.8) ? last : this.#random.whole(0, last);
  }

  /** Mostly until shortly before or after a time at which something changes. In microseconds. */
  #wait(): number {
    const random = this.#random;
    const { oracle, micros } = this.#world;
    const { windowMs } = oracle;
    if (this.#mood.isSteady) return random.whole(1, 100_000);
    if (random.chance(0.3)) return random.whole(1, random.pick([3, 3_000, 2_000 * windowMs]));
    if (random.chance(0.02)) return 1_000 * WASTE_MEMORY_MS + random.pick(NEAR);
    if (random.chance(0.15)) return 1_000 * (Math.max(0, this.#world.expiresInMs()) + 1);
    const times = [oracle.blockedUntil];
    for (const { start, countsUntil } of oracle.permits.values()) {
      if (countsUntil === undefined) continue;
      times.push(start, countsUntil, start + windowMs, countsUntil + windowMs);
    }
    const waits = times.map((at) => at * 1_000 + random.pick(NEAR) - micros).filter((wait) => wait > 0);
    return waits.length === 0 ? random.whole(1, 4_000 * windowMs) : random.pick(waits);
  }
}
