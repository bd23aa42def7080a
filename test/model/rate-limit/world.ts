import { number, parse } from "valibot";
import { reservesOf } from "../../../functions/rate-limit/permits.ts";
import {
  acquireScript,
  blockLog,
  logTtlMs,
  releaseScript,
  remainingScript,
  replyTime,
  settleArgs,
  settleScript,
} from "../../../functions/rate-limit/sliding-window-log.ts";
import type { ScriptCall, Upstash } from "../../../functions/upstash.ts";
import { PERMIT_LOG } from "../../support/permit-log.ts";
import type { World } from "../check.ts";
import type { VirtualRedis } from "../redis/virtual-redis.ts";
import {
  type AcquireOperation,
  type RateLimitOperation,
  type RateLimitSetting,
  START_MICROS,
  timeOf,
  type WorkerIndex,
} from "./history.ts";
import { acquireWithoutLease, LEASE, Reply, runWithLease } from "./lease.ts";
import { checkLines } from "./log-lines.ts";
import { type ModelPermit, RateLimitOracle } from "./oracle.ts";

/** With a space, as a client may have one. */
const clientOf = (client: number) => `client ${client}`;
const nameOf = (permit: number) => `p${permit}`;
/** The retry time of a refusal assumes that OpenD answers within this time, in milliseconds. */
const ANSWER_MS = 1_000;

/** A computed time of a reply is at most this late if no time passes between request and grant. In microseconds. */
const MAX_ROUNDING_MICROS = 3_000;
/** Two Workers and one virtual Redis. Operations run the Worker's scripts, and the oracle checks the replies. */
export class RateLimitWorld implements World<RateLimitOperation> {
  readonly setting: RateLimitSetting;
  readonly oracle: RateLimitOracle;
  readonly #redis: VirtualRedis;
  readonly #upstash: Upstash;

  /** @param upstash client of the same virtual Redis */
  constructor(redis: VirtualRedis, upstash: Upstash, setting: RateLimitSetting) {
    this.setting = setting;
    this.oracle = new RateLimitOracle(setting);
    this.#redis = redis;
    this.#upstash = upstash;
    redis.reset(setting);
    redis.micros = START_MICROS;
  }

  get time(): string {
    return `${timeOf(this.micros)} ms`;
  }

  get micros(): number {
    return this.#redis.micros;
  }

  get #nowMs(): number {
    return Math.floor(this.#redis.micros / 1_000);
  }

  /** The clock of the Workers. */
  get #localMs(): number {
    return Math.floor((this.#redis.micros + this.setting.clockOffsetMicros) / 1_000);
  }

  /** Remaining TTL of the log in milliseconds; negative if it does not exist. */
  expiresInMs(): number {
    return parse(number(), this.#redis.command("PTTL", PERMIT_LOG));
  }

  /**
   * Runs one operation. It is skipped if the state of its permit does not allow it.
   * @returns the result, for the report
   * @throws Error if a guarantee is violated
   */
  async apply(operation: RateLimitOperation): Promise<string> {
    switch (operation.kind) {
      case "wait":
        this.#redis.micros += operation.micros;
        return "";
      case "acquire":
        return this.#acquire(operation);
      case "block":
        await this.#upstash.exec((redis) => blockLog(redis, PERMIT_LOG, this.oracle.windowMs));
        this.oracle.blockedUntil = this.#nowMs + this.oracle.windowMs;
        return "";
      case "count":
        return this.#count(operation.worker);
      default: {
        const permit = this.oracle.permits.get(operation.permit);
        if (permit === undefined) return "skipped";
        if (operation.kind === "repeat") return this.#repeat(permit);
        if (operation.kind === "release") return this.#release(permit);
        return this.#settle(permit, operation.isWasted);
      }
    }
  }

  #callOf({ permit, worker, client, priority, replaces, lease }: AcquireOperation): ScriptCall {
    const rule = this.setting.rules[worker];
    return acquireScript(PERMIT_LOG, rule, {
      id: nameOf(permit),
      client: clientOf(client),
      replaces: replaces === undefined ? undefined : nameOf(replaces),
      lease: lease === "none" ? undefined : { key: LEASE, id: nameOf(permit) },
      ...reservesOf(rule.limit)[priority],
    });
  }

  #acquire(operation: AcquireOperation): string {
    if (operation.lease === "missing" || operation.lease === "other")
      return acquireWithoutLease(this.#redis, operation, this.#callOf(operation));
    const { oracle } = this;
    const { worker, client, isLost } = operation;
    const replaced = operation.replaces === undefined ? undefined : oracle.permits.get(operation.replaces);
    const canReplace =
      replaced?.state === "held" && replaced.request.client === client && replaced.request.worker === worker;
    const request = canReplace ? operation : { ...operation, replaces: undefined };
    if (canReplace) oracle.release(replaced);
    const mustStartNow = oracle.mustStartNow(request, this.#nowMs);
    const permit: ModelPermit = {
      request,
      requestedAt: this.#nowMs,
      state: "refused",
      start: 0,
      earliestMicros: 0,
      latestMicros: 0,
      countsUntil: undefined,
      isUncertain: false,
      reserve: 0,
      clocks: undefined,
    };
    oracle.permits.set(request.permit, permit);
    const call = this.#callOf(request);
    const [isGranted, ms, , , reason, grantedAt] = runWithLease(this.#redis, request, call);
    if (mustStartNow && (isGranted === 0 || ms > 0)) {
      throw new Error(`A permit is free, but the request ${isGranted === 0 ? "is refused" : "must wait"}`);
    }
    if (isGranted === 0) {
      if (request.checksRetry) this.#checkRetry(permit, call, ms);
      return `refused because of ${reason === 1 ? "the client's share" : "the limit"}, retry in ${ms} ms`;
    }
    this.#checkStart(request, ms);
    checkLines(this.#redis.command("GET", PERMIT_LOG), this.#nowMs, this.setting.rules[worker]);
    permit.clocks = { requestedAt: this.#localMs, grantedAt };
    oracle.grant(permit, this.micros, ms, !isLost);
    return `granted, starts in ${ms} ms`;
  }

  #checkStart(request: AcquireOperation, ms: number): void {
    const { worker, priority } = request;
    const { maxWaitMs, limit } = this.setting.rules[worker];
    // A limit of 1 has no reserve.
    const mayWait = limit === 1 || priority === "known-page" || priority === "new-symbol";
    const isTooLate = ms > (mayWait ? maxWaitMs : 0);
    if (ms < 0 || isTooLate) throw new Error(`The permit starts in ${ms} ms`);
    const start = this.#nowMs + ms;
    if (start < this.oracle.blockedUntil) throw new Error("The permit starts while the log is blocked");
    if (this.oracle.isShareUsed(request, start)) throw new Error("The permit exceeds the client's share");
  }

  /** A refused request must be granted at the returned retry time if OpenD answers in time. */
  #checkRetry(permit: ModelPermit, call: ScriptCall, ms: number): void {
    const { maxInFlightMs } = this.setting.rules[permit.request.worker];
    const { windowMs } = this.oracle;
    const counted = [...this.oracle.permits.values()].filter(
      ({ countsUntil }) => countsUntil !== undefined && countsUntil >= this.#nowMs - windowMs,
    );
    // The time of a reply is rounded up. Until then, its permit looks like one in flight.
    const areAnswered = counted.every(
      ({ state, request, earliestMicros, latestMicros, countsUntil = 0, isUncertain }) =>
        !isUncertain &&
        this.setting.rules[request.worker].maxInFlightMs === maxInFlightMs &&
        ((state === "settled" && countsUntil <= this.#nowMs) ||
          (state === "held" && earliestMicros <= latestMicros)),
    );
    if (!areAnswered) return;
    const nowMs = Math.ceil(this.micros / 1_000);
    const answers = counted
      .filter(({ state }) => state === "held")
      .map((held) => ({ held, timeMs: Math.max(nowMs, held.start + ANSWER_MS) }))
      .filter(({ held, timeMs }) => timeMs <= Math.min(nowMs + ms, held.start + maxInFlightMs))
      .sort((one, other) => one.timeMs - other.timeMs);
    const restore = this.#redis.save();
    for (const { held, timeMs } of answers) {
      this.#redis.micros = timeMs * 1_000;
      this.#runSettle(held, timeMs, false);
    }
    this.#redis.micros = (nowMs + ms) * 1_000;
    const [isGranted, again] = runWithLease(this.#redis, permit.request, call);
    restore();
    if (isGranted === 0) {
      throw new Error(
        `Refused with a retry in ${ms} ms, but the retry is refused with another one in ${again} ms`,
      );
    }
  }

  #repeat(permit: ModelPermit): string {
    const { oracle } = this;
    const { request, state } = permit;
    const [isGranted, ms, , , , grantedAt] = runWithLease(this.#redis, request, this.#callOf(request));
    const isUsable = (state === "held" || state === "lost") && permit.earliestMicros <= permit.latestMicros;
    const until = permit.countsUntil;
    if (isUsable && !permit.isUncertain && until !== undefined && this.#nowMs <= until + oracle.windowMs) {
      const start = Math.max(this.#nowMs, permit.start);
      if (isGranted === 0 || this.#nowMs + ms !== start)
        throw new Error("The repeated script grants another permit");
    }
    if (isGranted === 0) return `refused, retry in ${ms} ms`;
    permit.clocks ??= { requestedAt: this.#localMs, grantedAt };
    oracle.grant(permit, this.micros, ms, true);
    return `granted, starts in ${ms} ms`;
  }

  #release(permit: ModelPermit): string {
    if (permit.state !== "held" && permit.state !== "lost") return "skipped";
    const { worker, permit: id } = permit.request;
    this.#redis.run(releaseScript(PERMIT_LOG, this.setting.rules[worker], nameOf(id)));
    this.oracle.release(permit);
    return "";
  }

  #settle(permit: ModelPermit, isWasted: boolean): string {
    const { state, earliestMicros, latestMicros, clocks, request } = permit;
    const isUsed = state === "held" && earliestMicros <= latestMicros && earliestMicros <= this.micros;
    if (!clocks || (!isUsed && state !== "settled")) return "skipped";
    const repliedAt = replyTime({ id: nameOf(request.permit), ...clocks }, this.#localMs);
    const lateMicros = repliedAt * 1_000 - this.micros;
    if (lateMicros < 0 || lateMicros > MAX_ROUNDING_MICROS)
      throw new Error(`The time of a reply is ${lateMicros / 1_000} ms late`);
    this.#runSettle(permit, repliedAt, isWasted);
    this.oracle.settle(permit, this.micros, repliedAt, isWasted);
    return "";
  }

  #runSettle({ request: { worker, permit } }: ModelPermit, repliedAt: number, isWasted: boolean): void {
    const args = settleArgs(this.setting.rules[worker], nameOf(permit), repliedAt, isWasted);
    this.#redis.run(settleScript(PERMIT_LOG, args));
  }

  /** Exactly the remaining permits can be acquired now. */
  #count(worker: WorkerIndex): string {
    const rule = this.setting.rules[worker];
    const remaining = parse(number(), this.#redis.run(remainingScript(PERMIT_LOG, rule)));
    const restore = this.#redis.save();
    let started = 0;
    for (; started <= remaining; started += 1) {
      const options = { id: `count${started}`, client: `count ${started}`, reserve: 0 };
      const [isGranted, ms] = parse(Reply, this.#redis.run(acquireScript(PERMIT_LOG, rule, options)));
      if (isGranted === 0 || ms > 0) break;
    }
    restore();
    // A block lasts until its key expires.
    const isBlockEnding = remaining === 0 && this.#nowMs === this.oracle.blockedUntil;
    if (started !== remaining && !isBlockEnding)
      throw new Error(`${remaining} permits remain, but ${started} can start now`);
    return `${remaining}`;
  }

  /**
   * Ends the history: checks all calls, and that all permits and keys expire.
   * @throws Error if a guarantee is violated
   */
  async finish(): Promise<void> {
    const { oracle } = this;
    const [rule] = this.setting.rules;
    oracle.check();
    const maxPermitMs = Math.max(
      ...this.setting.rules.map(({ maxWaitMs, maxInFlightMs }) => maxWaitMs + maxInFlightMs),
    );
    const end = Math.ceil(this.micros / 1_000);
    this.#redis.micros = (end + maxPermitMs + rule.windowMs + 1) * 1_000;
    const remaining = parse(number(), this.#redis.run(remainingScript(PERMIT_LOG, rule)));
    if (remaining !== rule.limit) {
      throw new Error(`${remaining} of ${rule.limit} permits remain after all permits have ended`);
    }
    this.#redis.micros = (end + logTtlMs(rule) + 1) * 1_000;
    const keys = this.#redis.keys();
    if (keys.length > 0) throw new Error(`Keys have not expired: ${keys.join(", ")}`);
  }
}
