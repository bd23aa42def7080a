import type { SlidingWindowRule } from "../../../functions/rate-limit/sliding-window-log.ts";
import type { Random } from "../random.ts";
import type { Profile, RateLimitOperation, RateLimitSetting, WorkerIndex } from "./history.ts";
import type { RateLimitWorld } from "./world.ts";

const CLIENTS = 3;
/** Lifetime of the record of a wasted call, in milliseconds. */
const WASTE_MEMORY_MS = 5 * 60_000;
const LEASE_WEIGHTS = { none: 80, held: 12, missing: 4, other: 4 } as const;
/** Offsets from a time at which a result changes, in microseconds. */
const BOUNDARY_OFFSETS_MICROS = [-1_000, -1, 0, 1, 999, 1_000, 1_001] as const;

const MIXED: Omit<Profile, "priorityWeights" | "wasteProbability"> = {
  operationWeights: { acquire: 50, wait: 20, settle: 14, release: 5, repeat: 4, block: 2, count: 3 },
  lengthRange: [6, 18],
  limitRange: [1, 4],
  isSequential: false,
};
const NORMAL: Profile = {
  ...MIXED,
  priorityWeights: { "known-page": 8, refresh: 1, "new-symbol": 1, "unknown-cursor": 0 },
  wasteProbability: 0,
};
const PROFILES: readonly Profile[] = [
  NORMAL,
  {
    ...MIXED,
    priorityWeights: { "known-page": 4, refresh: 3, "new-symbol": 2, "unknown-cursor": 2 },
    wasteProbability: 0.3,
    limitRange: [1, 8],
  },
  {
    ...MIXED,
    priorityWeights: { "known-page": 1, refresh: 1, "new-symbol": 7, "unknown-cursor": 2 },
    wasteProbability: 0.9,
  },
];
/** Clients that repeatedly request symbols that do not exist. */
const WASTEFUL: Profile = {
  operationWeights: { acquire: 45, wait: 10, settle: 45, release: 0, repeat: 0, block: 0, count: 0 },
  priorityWeights: { "known-page": 1, refresh: 0, "new-symbol": 20, "unknown-cursor": 1 },
  wasteProbability: 1,
  lengthRange: [40, 90],
  limitRange: [8, 30],
  isSequential: true,
};

/** Chooses small limits and times, to reach their bounds often. */
export function chooseSetting(random: Random): RateLimitSetting {
  const profile = random.chance(0.01) ? WASTEFUL : random.pick(PROFILES);
  const { limitRange, isSequential } = profile;
  const windowMs = isSequential ? 2_000 : random.pick([2, 10, 100, 1_000, 2_000]);
  const ruleOf = (): SlidingWindowRule => {
    const limit = random.integer(...limitRange);
    return {
      limit,
      windowMs,
      maxInFlightMs: random.pick([0, 1, Math.ceil(windowMs / 2), windowMs, 1_500, 6_000]),
      maxWaitMs: random.pick([0, 1, Math.ceil(windowMs / 2), 3 * windowMs, 10_000]),
      clientShare: random.integer(isSequential ? Math.ceil(limit / 2) : 1, limit + 1),
    };
  };
  const first = ruleOf();
  const other = ruleOf();
  const second =
    isSequential || random.chance(0.5)
      ? first
      : {
          ...first,
          ...(random.chance(0.5) && { limit: other.limit, clientShare: other.clientShare }),
          ...(random.chance(0.5) && { maxWaitMs: other.maxWaitMs }),
          ...(random.chance(0.5) && { maxInFlightMs: other.maxInFlightMs }),
        };
  return {
    profile,
    rules: [first, second],
    keysEndEarly: random.chance(0.5),
    clockOffsetMicros: random.integer(0, 999),
  };
}

/** Generates the operations of one history. */
export function* generateOperations(random: Random, world: RateLimitWorld): Generator<RateLimitOperation> {
  const generator = new Operations(random, world);
  for (let rest = random.integer(...world.setting.profile.lengthRange); rest > 0; rest -= 1)
    yield generator.next();
}

class Operations {
  readonly #random: Random;
  readonly #world: RateLimitWorld;
  readonly #profile: Profile;
  #permits = 0;

  constructor(random: Random, world: RateLimitWorld) {
    this.#random = random;
    this.#world = world;
    this.#profile = world.setting.profile;
  }

  next(): RateLimitOperation {
    const random = this.#random;
    const kind = random.weighted(this.#profile.operationWeights);
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
          : { kind, permit: this.#permit(), isWasted: random.chance(this.#profile.wasteProbability) };
      default:
        return this.#permits === 0 ? this.#acquire() : { kind, permit: this.#permit() };
    }
  }

  #acquire(): RateLimitOperation {
    const random = this.#random;
    const permit = this.#permits;
    this.#permits += 1;
    return {
      kind: "acquire",
      permit,
      worker: this.#worker(),
      client: random.integer(0, CLIENTS - 1),
      priority: random.weighted(this.#profile.priorityWeights),
      replaces: permit > 0 && random.chance(0.1) ? random.integer(0, permit - 1) : undefined,
      lease: random.weighted(LEASE_WEIGHTS),
      isLost: random.chance(0.05),
      checksRetry: random.chance(0.3),
    };
  }

  #worker(): WorkerIndex {
    return this.#random.chance(0.5) ? 1 : 0;
  }

  #permit(): number {
    const last = this.#permits - 1;
    return this.#profile.isSequential && this.#random.chance(0.8) ? last : this.#random.integer(0, last);
  }

  /** Usually the time until shortly before or after a result changes. In microseconds. */
  #wait(): number {
    const random = this.#random;
    const { oracle, micros } = this.#world;
    const { windowMs } = oracle;
    if (this.#profile.isSequential) return random.integer(1, 100_000);
    if (random.chance(0.3)) return random.integer(1, random.pick([3, 3_000, 2_000 * windowMs]));
    if (random.chance(0.02)) return 1_000 * WASTE_MEMORY_MS + random.pick(BOUNDARY_OFFSETS_MICROS);
    if (random.chance(0.03)) return 1_000 * (Math.max(0, this.#world.expiresInMs()) + 1);
    const times = [oracle.blockedUntil];
    for (const { start, countsUntil } of oracle.permits.values()) {
      if (countsUntil === undefined) continue;
      times.push(start, countsUntil, start + windowMs, countsUntil + windowMs);
    }
    const waits = times
      .map((timeMs) => timeMs * 1_000 + random.pick(BOUNDARY_OFFSETS_MICROS) - micros)
      .filter((wait) => wait > 0);
    return waits.length === 0 ? random.integer(1, 4_000 * windowMs) : random.pick(waits);
  }
}
