import { type Arrival, assertLimit } from "./arrivals.ts";
import type { Acquire, Setting } from "./history.ts";

/** For how long a wasted call lowers the limit of new symbols, in milliseconds. */
const WASTE_MEMORY_MS = 5 * 60_000;
/** The longest difference between the clock and a time that is rounded to milliseconds, in microseconds. */
const ROUNDING_MICROS = 999;

/** What the model knows of a permit. */
export interface Permit {
  readonly request: Acquire;
  /** When its caller asked first, in milliseconds. */
  readonly askedAt: number;
  /**
   * `refused`; `held` by a caller that may use it; `lost` with the reply, so that it is not used; `released`, also
   * for another permit; `settled` after its call was answered.
   */
  state: "refused" | "held" | "lost" | "released" | "settled";
  /** When it starts, in milliseconds. */
  start: number;
  /** The earliest and the latest time at which its call can reach OpenD, in microseconds. */
  earliest: number;
  latest: number;
  /** Until when it may count in the log before its window begins, in milliseconds; undefined if it does not. */
  countsUntil: number | undefined;
  /** Whether a late repetition of the script may have made an entry that no caller settles or releases. */
  isUncertain: boolean;
  /** How many permits it had to leave to others. */
  reserve: number;
}

/** The rule of OpenD, and the promises of the rate limit. */
export class LimitOracle {
  readonly permits = new Map<number, Permit>();
  readonly #setting: Setting;
  /** Second entries of wasted calls in the logs of their clients, by permit. */
  readonly #extra = new Map<number, { readonly client: number; readonly countsUntil: number }>();
  readonly #wasted: { readonly permit: number; readonly client: number; readonly at: number }[] = [];
  /** Until when nothing starts, in milliseconds. */
  blockedUntil = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  get windowMs(): number {
    return this.#setting.rules[0].windowMs;
  }

  /** How many permits a request must leave to others, at least and at most, as calls were wasted. */
  reserveOf({ worker, priority }: Acquire, nowMs: number): readonly [number, number] {
    const half = Math.floor(this.#setting.rules[worker].limit / 2);
    if (priority !== "new-symbol") {
      const reserve = { answer: 0, refresh: Math.min(5, half), "unknown-cursor": half }[priority];
      return [reserve, reserve];
    }
    // Two wasteful clients leave half of the window to others, and one client alone leaves half of that.
    const ofOneClient = Math.max(1, Math.ceil(half / 2));
    const calls = new Map<number, Set<number>>();
    let most = 0;
    for (const { permit, client, at } of this.#wasted) {
      if (at >= nowMs - WASTE_MEMORY_MS) most += 1;
      // The key may end a millisecond earlier, because times are rounded.
      if (at > nowMs - WASTE_MEMORY_MS + 1) calls.set(client, (calls.get(client) ?? new Set()).add(permit));
    }
    const least = [...calls.values()].reduce((sum, { size }) => sum + Math.min(size, ofOneClient), 0);
    return [Math.min(half, least), Math.min(half, most)];
  }

  /** Whether a request must be granted at once: fewer permits count than the limit less the reserve. */
  mustStartNow(request: Acquire, nowMs: number): boolean {
    const { limit, clientShare } = this.#setting.rules[request.worker];
    const [, reserve] = this.reserveOf(request, nowMs);
    const oldest = nowMs - this.windowMs;
    const isCounted = ({ countsUntil }: { countsUntil: number | undefined }) =>
      countsUntil !== undefined && countsUntil >= oldest;
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
   * Whether the share of a client is used up at a time. It counts answered calls, and wasted ones twice.
   * @param atMs in milliseconds
   */
  isShareUsed({ client, worker }: Acquire, atMs: number): boolean {
    const settled = [...this.permits.values()].filter(
      ({ state, request, isUncertain }) => state === "settled" && request.client === client && !isUncertain,
    );
    const extra = [...this.#extra.values()].filter((entry) => entry.client === client);
    const counted = [...settled, ...extra].filter(
      ({ countsUntil }) => countsUntil !== undefined && countsUntil >= atMs - this.windowMs,
    );
    return counted.length >= this.#setting.rules[worker].clientShare;
  }

  /**
   * Notes a grant.
   * @param startsInMs milliseconds from now to the start
   * @param isKnown whether the caller learns of it
   */
  grant(permit: Permit, nowMicros: number, startsInMs: number, isKnown: boolean): void {
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
    permit.earliest = Math.max(nowMicros, (nowMs + startsInMs) * 1_000);
    // The caller counts the age of its permit from the time at which it asked.
    permit.latest = (permit.askedAt + startsInMs + maxInFlightMs) * 1_000 + ROUNDING_MICROS;
  }

  release(permit: Permit): void {
    permit.state = "released";
    permit.countsUntil = undefined;
  }

  settle(permit: Permit, nowMicros: number, isWasted: boolean): void {
    const nowMs = Math.ceil(nowMicros / 1_000);
    const { client } = permit.request;
    permit.state = "settled";
    permit.latest = Math.min(permit.latest, nowMicros);
    permit.countsUntil = Math.min(permit.countsUntil ?? nowMs, nowMs);
    if (!isWasted) return;
    this.#extra.set(permit.request.permit, { client, countsUntil: nowMs });
    this.#wasted.push({ permit: permit.request.permit, client, at: nowMs });
  }

  /**
   * Checks the calls of the whole history.
   * @throws Error if OpenD could see more calls than allowed
   */
  check(): void {
    const { rules } = this.#setting;
    const used = [...this.permits.values()].filter(
      ({ state, earliest, latest }) => (state === "held" || state === "settled") && earliest <= latest,
    );
    const most = (of: (rule: (typeof rules)[number]) => number) => Math.max(...rules.map(of));
    const assert = (what: string, permits: readonly Permit[], limit: number) =>
      assertLimit(what, permits.map(arrivalOf), limit, this.windowMs);
    assert(
      "OpenD",
      used,
      most(({ limit }) => limit),
    );
    for (const client of new Set(used.map(({ request }) => request.client))) {
      const own = used.filter(({ request }) => request.client === client);
      assert(
        `client ${client}`,
        own,
        most(({ clientShare }) => clientShare),
      );
    }
    for (const reserve of new Set(used.map((permit) => permit.reserve))) {
      const others = used.filter((permit) => permit.reserve >= reserve);
      assert(
        `calls that leave ${reserve} to others`,
        others,
        most(({ limit }) => limit - reserve),
      );
    }
  }
}

function arrivalOf({ request, earliest, latest }: Permit): Arrival {
  return { name: `p${request.permit}`, earliest, latest };
}
