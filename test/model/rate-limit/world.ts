import { number, parse, tuple } from "valibot";
import { reservesOf } from "../../../functions/rate-limit/permits.ts";
import {
  acquireScript,
  blockLog,
  releasePermit,
  remainingScript,
  settleScript,
} from "../../../functions/rate-limit/sliding-window-log.ts";
import type { ScriptCall, Upstash } from "../../../functions/upstash.ts";
import type { World } from "../check.ts";
import type { VirtualRedis } from "../redis/virtual-redis.ts";
import {
  type Acquire,
  type Operation,
  type Setting,
  START_MICROS,
  timeOf,
  type WorkerIndex,
} from "./history.ts";
import { LimitOracle, type Permit } from "./oracle.ts";

const LOG = "short-interest:opend";
const WASTED = `${LOG}:wasted`;
const clientLogOf = (client: number) => `short-interest:client:${client}`;
const nameOf = (permit: number) => `p${permit}`;
/** A refusal assumes that calls are answered within this time, in milliseconds. */
const ANSWER_MS = 1_000;
/** For how long a log outlives its last permit, in milliseconds. */
const EXPIRY_MARGIN_MS = 1_000;
/** For how long wasted calls are remembered, in milliseconds. */
const WASTE_MEMORY_MS = 5 * 60_000;

const Reply = tuple([number(), number(), number(), number(), number()]);

/** Workers over one virtual Redis. Each operation runs the scripts of the Worker, and the oracle judges the replies. */
export class LimitWorld implements World<Operation> {
  readonly setting: Setting;
  readonly oracle: LimitOracle;
  readonly #redis: VirtualRedis;
  readonly #upstash: Upstash;

  /** @param upstash over the same virtual Redis */
  constructor(redis: VirtualRedis, upstash: Upstash, setting: Setting) {
    this.setting = setting;
    this.oracle = new LimitOracle(setting);
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

  /** For how long the log still lives, in milliseconds; below 0 if it does not. */
  expiresInMs(): number {
    return parse(number(), this.#redis.command("PTTL", LOG));
  }

  /**
   * Runs one operation. An operation whose permit is in no state for it does nothing.
   * @returns the result, for the report
   * @throws Error if the limit breaks a promise
   */
  async apply(operation: Operation): Promise<string> {
    switch (operation.kind) {
      case "wait":
        this.#redis.micros += operation.micros;
        return "";
      case "acquire":
        return this.#acquire(operation);
      case "block":
        await this.#upstash.exec((redis) => blockLog(redis, LOG, this.oracle.windowMs));
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

  #callOf({ permit, worker, client, priority, replaces }: Acquire): ScriptCall {
    const rule = this.setting.rules[worker];
    const options = {
      id: nameOf(permit),
      clientLog: clientLogOf(client),
      replaces: replaces === undefined ? undefined : nameOf(replaces),
      ...reservesOf(rule.limit)[priority],
    };
    return acquireScript(LOG, rule, options);
  }

  #acquire(operation: Acquire): string {
    const { oracle } = this;
    const { worker, client, isLost } = operation;
    const replaced = operation.replaces === undefined ? undefined : oracle.permits.get(operation.replaces);
    const canReplace =
      replaced?.state === "held" && replaced.request.client === client && replaced.request.worker === worker;
    const request = canReplace ? operation : { ...operation, replaces: undefined };
    if (canReplace) oracle.release(replaced);
    const mustStartNow = oracle.mustStartNow(request, this.#nowMs);
    const permit: Permit = {
      request,
      askedAt: this.#nowMs,
      state: "refused",
      start: 0,
      earliest: 0,
      latest: 0,
      countsUntil: undefined,
      isUncertain: false,
      reserve: 0,
    };
    oracle.permits.set(request.permit, permit);
    const call = this.#callOf(request);
    const [isGranted, ms, , , byClient] = parse(Reply, this.#redis.run(call));
    if (mustStartNow && (isGranted === 0 || ms > 0)) {
      throw new Error(`A permit is free, and the reply is ${isGranted === 0 ? "a refusal" : "to wait"}`);
    }
    if (isGranted === 0) {
      if (request.checksRetry) this.#checkRetry(permit, call, ms);
      return `refused by ${byClient === 1 ? "the client's log" : "the log"}, retry in ${ms} ms`;
    }
    this.#checkStart(request, ms);
    oracle.grant(permit, this.micros, ms, !isLost);
    return `granted, starts in ${ms} ms`;
  }

  #checkStart(request: Acquire, ms: number): void {
    const { worker, priority } = request;
    const { waitMs, limit } = this.setting.rules[worker];
    // A limit of 1 has no permits to leave to others.
    const mayWait = limit === 1 || priority === "answer" || priority === "new-symbol";
    const isAhead = ms > (mayWait ? waitMs : 0);
    if (ms < 0 || isAhead) throw new Error(`The permit starts in ${ms} ms`);
    const start = this.#nowMs + ms;
    if (start < this.oracle.blockedUntil) throw new Error("The permit starts while the log is blocked");
    if (this.oracle.isShareUsed(request, start)) throw new Error("The permit exceeds the client's share");
  }

  /** A refused request is granted at the time that the refusal names, if calls are answered in time. */
  #checkRetry(permit: Permit, call: ScriptCall, ms: number): void {
    const { maxInFlightMs } = this.setting.rules[permit.request.worker];
    const { windowMs } = this.oracle;
    const counted = [...this.oracle.permits.values()].filter(
      ({ countsUntil }) => countsUntil !== undefined && countsUntil >= this.#nowMs - windowMs,
    );
    const areAnswered = counted.every(
      ({ state, request, earliest, latest, isUncertain }) =>
        !isUncertain &&
        this.setting.rules[request.worker].maxInFlightMs === maxInFlightMs &&
        (state === "settled" || (state === "held" && earliest <= latest)),
    );
    if (!areAnswered) return;
    const nowMs = Math.ceil(this.micros / 1_000);
    const answers = counted
      .filter(({ state }) => state === "held")
      .map((held) => ({ held, at: Math.max(nowMs, held.start + ANSWER_MS) }))
      .filter(({ held, at }) => at <= Math.min(nowMs + ms, held.start + maxInFlightMs))
      .sort((one, other) => one.at - other.at);
    const restore = this.#redis.save();
    for (const { held, at } of answers) {
      this.#redis.micros = at * 1_000;
      this.#runSettle(held, false);
    }
    this.#redis.micros = (nowMs + ms) * 1_000;
    const [isGranted, again] = parse(Reply, this.#redis.run(call));
    restore();
    if (isGranted === 0) {
      throw new Error(
        `Refused with a retry in ${ms} ms, and refused again then, with a retry in ${again} ms`,
      );
    }
  }

  #repeat(permit: Permit): string {
    const { oracle } = this;
    const { request, state } = permit;
    const [isGranted, ms] = parse(Reply, this.#redis.run(this.#callOf(request)));
    const isUsable = (state === "held" || state === "lost") && permit.earliest <= permit.latest;
    const until = permit.countsUntil;
    if (isUsable && !permit.isUncertain && until !== undefined && this.#nowMs <= until + oracle.windowMs) {
      const start = Math.max(this.#nowMs, permit.start);
      if (isGranted === 0 || this.#nowMs + ms !== start)
        throw new Error("The repeated script is another grant");
    }
    if (isGranted === 0) return `refused, retry in ${ms} ms`;
    oracle.grant(permit, this.micros, ms, true);
    return `granted, starts in ${ms} ms`;
  }

  async #release(permit: Permit): Promise<string> {
    if (permit.state !== "held" && permit.state !== "lost") return "skipped";
    const { client, permit: id } = permit.request;
    await this.#upstash.exec((redis) => releasePermit(redis, LOG, clientLogOf(client), nameOf(id)));
    this.oracle.release(permit);
    return "";
  }

  #settle(permit: Permit, isWasted: boolean): string {
    const { state, earliest, latest } = permit;
    const isUsed = state === "held" && earliest <= latest && earliest <= this.micros;
    if (!isUsed && state !== "settled") return "skipped";
    this.#runSettle(permit, isWasted);
    this.oracle.settle(permit, this.micros, isWasted);
    return "";
  }

  #runSettle({ request }: Permit, isWasted: boolean): void {
    const { worker, client, permit } = request;
    const rule = this.setting.rules[worker];
    this.#redis.run(settleScript(LOG, rule, clientLogOf(client), nameOf(permit), isWasted));
  }

  /** As many permits as are left can be acquired now, and not one more. */
  #count(worker: WorkerIndex): string {
    const rule = this.setting.rules[worker];
    const left = parse(number(), this.#redis.run(remainingScript(LOG, rule)));
    const restore = this.#redis.save();
    let started = 0;
    for (; started <= left; started += 1) {
      const wish = { id: `count ${started}`, clientLog: `count ${started}`, reserve: 0 };
      const [isGranted, ms] = parse(Reply, this.#redis.run(acquireScript(LOG, rule, wish)));
      if (isGranted === 0 || ms > 0) break;
    }
    restore();
    // A block counts until its key is gone.
    const isBlockEnding = left === 0 && this.#nowMs === this.oracle.blockedUntil;
    if (started !== left && !isBlockEnding)
      throw new Error(`${left} permits are left, and ${started} start now`);
    return `${left}`;
  }

  /**
   * Ends the history: checks all its calls, and that no permit and no key is left behind.
   * @throws Error if the limit breaks a promise
   */
  async finish(): Promise<void> {
    const { oracle } = this;
    const [rule] = this.setting.rules;
    oracle.check();
    const longest = Math.max(
      ...this.setting.rules.map(({ waitMs, maxInFlightMs }) => waitMs + maxInFlightMs),
    );
    const end = Math.ceil(this.micros / 1_000);
    this.#redis.micros = (end + longest + rule.windowMs + 1) * 1_000;
    const left = parse(number(), this.#redis.run(remainingScript(LOG, rule)));
    if (left !== rule.limit) throw new Error(`${left} permits are left after all have ended`);
    this.#redis.micros += (EXPIRY_MARGIN_MS + 1) * 1_000;
    let keys = this.#redis.keys();
    if (keys.join() === WASTED) {
      this.#redis.micros = Math.max(this.micros, (end + WASTE_MEMORY_MS + 1) * 1_000);
      keys = this.#redis.keys();
    }
    if (keys.length > 0) throw new Error(`Keys stay: ${keys.join(", ")}`);
  }
}
