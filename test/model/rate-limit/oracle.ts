import type { SlidingWindowRule } from "../../../functions/rate-limit/sliding-window-log.ts";
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
  /** Time of the request whose reply the caller has, by its own clock, and the time in that reply. In milliseconds. */
  clocks: { readonly requestedAt: number; readonly grantedAt: number } | undefined;
}

/** A wasted call. */
interface WastedCall {
  readonly client: number;
  /** The score of its log entry, in milliseconds. */
  readonly countsUntil: number;
  /** Whether the log had its entry when it was settled. */
  readonly isCertain: boolean;
}

/** The expected results of the rate limiter, and OpenD's limit. */
export class RateLimitOracle {
  readonly permits = new Map<number, ModelPermit>();
  readonly #setting: RateLimitSetting;
  /** By permit. */
  readonly #wasted = new Map<number, WastedCall>();
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
    const { rules } = this.#setting;
    const minHalf = Math.min(...rules.map(({ limit }) => Math.floor(limit / 2)));
    // The wasted calls of two clients can reserve half of the limit, those of one client a quarter.
    const min = this.#countWasted(nowMs, Math.max(1, Math.ceil(minHalf / 2)), true);
    const max = this.#countWasted(nowMs, maxWastedPerClient(rules[worker]), false);
    return [Math.min(minHalf, min), Math.min(half, max)];
  }

  /** Counts the wasted calls of the last minutes, with a maximum for each client. */
  #countWasted(nowMs: number, maxPerClient: number, isCertain: boolean): number {
    const perClient = new Map<number, number>();
    for (const [permit, call] of this.#wasted) {
      if (call.countsUntil < nowMs - WASTE_MEMORY_MS || (isCertain && !call.isCertain)) continue;
      // A late repetition of the script adds a second entry.
      const entries = !isCertain && this.permits.get(permit)?.isUncertain ? 2 : 1;
      perClient.set(call.client, (perClient.get(call.client) ?? 0) + entries);
    }
    return [...perClient.values()].reduce((sum, count) => sum + Math.min(count, maxPerClient), 0);
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
    const second = [...this.#wasted.values()].filter(
      (call) => call.client === request.client && isCounted(call),
    );
    return (
      nowMs >= this.blockedUntil &&
      counted.length < limit - reserve &&
      own.length + second.length < clientShare
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
    const second = [...this.#wasted.values()].filter((call) => call.client === client && call.isCertain);
    const counted = [...settled, ...second].filter(
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

  /** @param repliedAt the time of the reply in milliseconds, as the caller has computed it */
  settle(permit: ModelPermit, nowMicros: number, repliedAt: number, isWasted: boolean): void {
    const nowMs = Math.floor(nowMicros / 1_000);
    const { request, countsUntil, isUncertain } = permit;
    const wasInLog = countsUntil !== undefined && countsUntil >= nowMs - this.windowMs && !isUncertain;
    permit.state = "settled";
    permit.latestMicros = Math.min(permit.latestMicros, nowMicros);
    permit.countsUntil = Math.min(countsUntil ?? repliedAt, repliedAt);
    if (!isWasted) return;
    const isCertain = wasInLog || this.#wasted.get(request.permit)?.isCertain === true;
    this.#wasted.set(request.permit, { client: request.client, countsUntil: permit.countsUntil, isCertain });
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

/** One client leaves a part of the limit to the new symbols of others. */
function maxWastedPerClient({ limit, clientShare }: SlidingWindowRule): number {
  const half = Math.floor(limit / 2);
  return Math.max(1, Math.ceil(half / 2), half - Math.max(0, limit - clientShare));
}

function arrivalOf({ request, earliestMicros, latestMicros }: ModelPermit): Arrival {
  return { name: `p${request.permit}`, earliestMicros, latestMicros };
}
