import { type Arrival, assertLimit } from "./arrivals.ts";
import type { AcquireOperation, RateLimitSetting } from "./history.ts";

/** A wasted call lowers the limit for new symbols for this time, in milliseconds. */
const WASTE_MEMORY_MS = 5 * 60_000;
/** The maximum error of a time that is rounded to milliseconds, in microseconds. */
const ROUNDING_MICROS = 999;

/** The expected state of a permit. */
export interface ModelPermit {
  readonly request: AcquireOperation;
  /** Time of the first request, in milliseconds. */
  readonly requestedAt: number;
  /**
   * - `refused`
   * - `held`: the caller may use it
   * - `lost`: the reply was lost, so the caller does not use it
   * - `released`: also if it was replaced by another permit
   * - `settled`: its call was answered
   */
  state: "refused" | "held" | "lost" | "released" | "settled";
  /** Time of the start, in milliseconds. */
  start: number;
  /** The earliest and the latest time at which its call can reach OpenD. */
  earliestMicros: number;
  latestMicros: number;
  /** The latest score that its log entry may have, in milliseconds; undefined if it has no entry. */
  countsUntil: number | undefined;
  /** Whether a late repetition of the script may have added an entry that is never settled or released. */
  isUncertain: boolean;
  /** The number of permits that were reserved for other requests. */
  reserve: number;
}

/** The expected results of the rate limiter, and OpenD's limit. */
export class RateLimitOracle {
  readonly permits = new Map<number, ModelPermit>();
  readonly #setting: RateLimitSetting;
  /** The second entries of wasted calls in the logs of their clients, by permit. */
  readonly #extra = new Map<number, { readonly client: number; readonly countsUntil: number }>();
  readonly #wasted: { readonly permit: number; readonly client: number; readonly settledAt: number }[] = [];
  /** No permit starts before this time, in milliseconds. */
  blockedUntil = 0;

  constructor(setting: RateLimitSetting) {
    this.#setting = setting;
  }

  get windowMs(): number {
    return this.#setting.rules[0].windowMs;
  }

  /** Minimum and maximum number of permits that are reserved for other requests, given the wasted calls. */
  reserveOf({ worker, priority }: AcquireOperation, nowMs: number): readonly [number, number] {
    const half = Math.floor(this.#setting.rules[worker].limit / 2);
    if (priority !== "new-symbol") {
      const reserve = { "known-page": 0, refresh: Math.min(5, half), "unknown-cursor": half }[priority];
      return [reserve, reserve];
    }
    // The wasted calls of two clients can reserve half of the limit, those of one client a quarter.
    const maxPerClient = Math.max(1, Math.ceil(half / 2));
    const calls = new Map<number, Set<number>>();
    let max = 0;
    for (const { permit, client, settledAt } of this.#wasted) {
      if (settledAt >= nowMs - WASTE_MEMORY_MS) max += 1;
      // The key may expire a millisecond earlier, because times are rounded.
      if (settledAt > nowMs - WASTE_MEMORY_MS + 1) {
        calls.set(client, (calls.get(client) ?? new Set()).add(permit));
      }
    }
    const min = [...calls.values()].reduce((sum, { size }) => sum + Math.min(size, maxPerClient), 0);
    return [Math.min(half, min), Math.min(half, max)];
  }

  /** Whether a permit must start now: the log has fewer entries than the limit minus the reserve. */
  mustStartNow(request: AcquireOperation, nowMs: number): boolean {
    const { limit, clientShare } = this.#setting.rules[request.worker];
    const [, reserve] = this.reserveOf(request, nowMs);
    const oldestMs = nowMs - this.windowMs;
    const isCounted = ({ countsUntil }: { countsUntil: number | undefined }) =>
      countsUntil !== undefined && countsUntil >= oldestMs;
    const counted = [...this.permits.values()].filter(isCounted);
    const own = counted.filter((permit) => permit.request.client === request.client);
    const extra = [...this.#extra.values()].filter(
      (entry) => entry.client === request.client && isCounted(entry),
    );
    return (
      nowMs >= this.blockedUntil &&
      counted.length < limit - reserve &&
      own.length + extra.length < clientShare
    );
  }

  /**
   * Whether a client's share is used up at a time. Settled calls count once, and wasted calls count twice.
   * @param timeMs Unix time in milliseconds
   */
  isShareUsed({ client, worker }: AcquireOperation, timeMs: number): boolean {
    const settled = [...this.permits.values()].filter(
      ({ state, request, isUncertain }) => state === "settled" && request.client === client && !isUncertain,
    );
    const extra = [...this.#extra.values()].filter((entry) => entry.client === client);
    const counted = [...settled, ...extra].filter(
      ({ countsUntil }) => countsUntil !== undefined && countsUntil >= timeMs - this.windowMs,
    );
    return counted.length >= this.#setting.rules[worker].clientShare;
  }

  /**
   * Records a granted permit.
   * @param startsInMs milliseconds from now to the start
   * @param isKnown whether the caller gets the reply
   */
  grant(permit: ModelPermit, nowMicros: number, startsInMs: number, isKnown: boolean): void {
    const nowMs = Math.floor(nowMicros / 1_000);
    const { maxInFlightMs } = this.#setting.rules[permit.request.worker];
    const { state, countsUntil } = permit;
    if (countsUntil === undefined || permit.isUncertain || nowMs > countsUntil + this.windowMs) {
      permit.countsUntil = Math.max(countsUntil ?? 0, nowMs + startsInMs + maxInFlightMs);
      permit.isUncertain = state !== "refused";
      if (state === "refused" || state === "lost") {
        permit.start = nowMs + startsInMs;
        [permit.reserve] = this.reserveOf(permit.request, nowMs);
      }
    }
    if (state !== "refused" && state !== "lost") return;
    permit.state = isKnown ? "held" : "lost";
    permit.earliestMicros = Math.max(nowMicros, (nowMs + startsInMs) * 1_000);
    // The caller measures the age of its permit from the time of the request.
    permit.latestMicros = (permit.requestedAt + startsInMs + maxInFlightMs) * 1_000 + ROUNDING_MICROS;
  }

  release(permit: ModelPermit): void {
    permit.state = "released";
    permit.countsUntil = undefined;
  }

  settle(permit: ModelPermit, nowMicros: number, isWasted: boolean): void {
    const nowMs = Math.ceil(nowMicros / 1_000);
    const { client } = permit.request;
    permit.state = "settled";
    permit.latestMicros = Math.min(permit.latestMicros, nowMicros);
    permit.countsUntil = Math.min(permit.countsUntil ?? nowMs, nowMs);
    if (!isWasted) return;
    this.#extra.set(permit.request.permit, { client, countsUntil: nowMs });
    this.#wasted.push({ permit: permit.request.permit, client, settledAt: nowMs });
  }

  /**
   * Checks all calls of the history.
   * @throws Error if a window can have more calls than a limit allows
   */
  check(): void {
    const { rules } = this.#setting;
    const used = [...this.permits.values()].filter(
      ({ state, earliestMicros, latestMicros }) =>
        (state === "held" || state === "settled") && earliestMicros <= latestMicros,
    );
    const maxOf = (value: (rule: (typeof rules)[number]) => number) => Math.max(...rules.map(value));
    const assert = (subject: string, permits: readonly ModelPermit[], limit: number) =>
      assertLimit(subject, permits.map(arrivalOf), limit, this.windowMs);
    assert(
      "OpenD",
      used,
      maxOf(({ limit }) => limit),
    );
    for (const client of new Set(used.map(({ request }) => request.client))) {
      const own = used.filter(({ request }) => request.client === client);
      assert(
        `client ${client}`,
        own,
        maxOf(({ clientShare }) => clientShare),
      );
    }
    for (const reserve of new Set(used.map((permit) => permit.reserve))) {
      const reserving = used.filter((permit) => permit.reserve >= reserve);
      assert(
        `calls with a reserve of ${reserve}`,
        reserving,
        maxOf(({ limit }) => limit - reserve),
      );
    }
  }
}

function arrivalOf({ request, earliestMicros, latestMicros }: ModelPermit): Arrival {
  return { name: `p${request.permit}`, earliestMicros, latestMicros };
}
