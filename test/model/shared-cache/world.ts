import {
  cacheNegative,
  cachePage,
  nameOf,
  type PageKey,
} from "../../../functions/page-source/cached-reply.ts";
import { circuitOpenMs } from "../../../functions/page-source/circuit-breaker.ts";
import {
  createSharedCache,
  type FetchEnd,
  LEASE_KEYS,
  type SharedCache,
} from "../../../functions/page-source/shared-cache.ts";
import type { Upstash } from "../../../functions/upstash.ts";
import type { World } from "../check.ts";
import type { VirtualRedis } from "../redis/virtual-redis.ts";
import { createVirtualUpstash } from "../redis/virtual-upstash.ts";
import { type Operation, type Setting, START_MS } from "./history.ts";
import { StoreOracle } from "./oracle.ts";
import { encodeReply, type Fault, type Reply, Security, summarize } from "./upstream-history.ts";

const REFUSAL_MS = 10 * 60_000;
/** After this time no key is left: pages live for 8 days, and an index for 16. */
const LONGEST_MS = 25 * 24 * 3_600_000;

/** A fetch by the holder of a lease. It may end at any time: Workers can be lost. */
interface Fetch {
  readonly key: PageKey;
  readonly lease: string;
  readonly isKnown: boolean;
  answer?: { readonly reply: Reply; readonly at: number };
}

/** Workers over one store. Each operation takes the way of the Worker, and the oracle judges the results. */
export class StoreWorld implements World<Operation> {
  readonly securities: readonly [Security, Security];
  readonly fetches = new Map<number, Fetch>();
  readonly setting: Setting;
  readonly #redis: VirtualRedis;
  readonly #upstash: Upstash;
  readonly #store: SharedCache;
  readonly #oracle: StoreOracle;

  constructor(redis: VirtualRedis, setting: Setting) {
    this.setting = setting;
    this.securities = [
      new Security("HK.00001", setting.rows[0], false),
      new Security("HK.00002", setting.rows[1], true),
    ];
    redis.reset(setting);
    redis.micros = START_MS * 1_000;
    this.#redis = redis;
    this.#oracle = new StoreOracle(setting);
    this.#upstash = createVirtualUpstash(redis);
    this.#store = createSharedCache(this.#upstash, setting.leaseMs, () => this.now);
  }

  get now(): number {
    return this.#redis.micros / 1_000;
  }

  get time(): string {
    return `${this.now - START_MS} ms`;
  }

  async apply(operation: Operation): Promise<string> {
    switch (operation.kind) {
      case "wait":
        this.#redis.micros += operation.ms * 1_000;
        return "";
      case "publish":
        this.#security(operation.symbol).publish();
        return "";
      case "split":
        this.#security(operation.symbol).split();
        return "";
      case "read":
        return this.#read(operation.fetch, operation.key);
      case "peek":
        return this.#peek(operation.key);
      default: {
        const fetch = this.fetches.get(operation.fetch);
        if (fetch === undefined) return "skipped";
        if (operation.kind === "answer") return this.#answer(fetch, operation.fault);
        if (operation.kind === "store") return this.#write(operation.fetch, fetch);
        return this.#release(operation.fetch, fetch, operation);
      }
    }
  }

  #security(symbol: string): Security {
    const [documented, opaque] = this.securities;
    return symbol === documented.symbol ? documented : opaque;
  }

  async #read(number: number, key: PageKey): Promise<string> {
    const lease = `lease of f${number}`;
    const answer = await this.#store.read(key, lease);
    this.#oracle.read(key, lease, answer, this.now);
    const own = { ...key, cursor: answer.cached?.cursor ?? key.cursor };
    this.#checkLease(own);
    const found = answer.cached === undefined ? "nothing" : `the page "${answer.cached.cursor}"`;
    if (answer.state === "lease-acquired") {
      this.fetches.set(number, { key: own, lease, isKnown: answer.isKnown });
    }
    return `${found}, ${answer.state}`;
  }

  async #peek(key: PageKey): Promise<string> {
    const cached = await this.#store.peek(key);
    this.#oracle.checkFound(key, cached, this.now);
    const openMs = await circuitOpenMs(this.#upstash, this.now);
    const expectedMs = this.#oracle.circuit.openMs(this.now);
    if (openMs !== expectedMs) throw new Error(`The circuit is open for ${openMs} ms, not ${expectedMs} ms`);
    return cached === undefined ? "nothing" : `the page "${cached.cursor}"`;
  }

  #answer(fetch: Fetch, fault: Fault | undefined): string {
    if (fetch.answer !== undefined) return "skipped";
    const reply = this.#security(fetch.key.symbol).reply(fetch.key, fault);
    fetch.answer = { reply, at: this.now };
    return reply.isDenial ? "unknown security" : `rows ${reply.rows.join(" ")}, next ${reply.next}`;
  }

  async #write(number: number, { key, lease, isKnown, answer }: Fetch): Promise<string> {
    if (answer === undefined) return "skipped";
    this.fetches.delete(number);
    const { reply, at } = answer;
    if (!isKnown && key.cursor !== "" && !reply.isDenial) {
      await this.#end(key, lease, { outcome: "answered" });
      return "only the lease is released: the cursor is not known";
    }
    const bytes = encodeReply(reply);
    const cached = reply.isDenial
      ? cacheNegative(bytes, key.cursor, at, REFUSAL_MS)
      : cachePage(bytes, key.cursor, at);
    const summary = summarize(reply, key);
    const result = await this.#store.write(key, lease, cached, summary, []);
    this.#oracle.write(key, lease, cached, summary, result, this.now);
    this.#checkLease(key);
    return result;
  }

  async #release(number: number, { key, lease, answer }: Fetch, end: FetchEnd): Promise<string> {
    if (answer !== undefined) return "skipped";
    this.fetches.delete(number);
    await this.#end(key, lease, end);
    return "";
  }

  async #end(key: PageKey, lease: string, end: FetchEnd): Promise<void> {
    await this.#store.release(key, lease, end, []);
    this.#oracle.release(key, lease, end, this.now);
    this.#checkLease(key);
  }

  /** A lease lives as long as its holder may fetch or pause, and no longer. */
  #checkLease(key: PageKey): void {
    const ms = this.#redis.command("PTTL", `${LEASE_KEYS}${nameOf(key)}`);
    const expected = this.#oracle.leaseMs(nameOf(key), this.now) ?? -2;
    if (ms !== expected) throw new Error(`The lease lives for ${ms} ms, not ${expected} ms`);
  }

  async finish(): Promise<void> {
    this.#redis.micros += LONGEST_MS * 1_000;
    const keys = this.#redis.keys();
    if (keys.length > 0) throw new Error(`Keys stay: ${keys.join(", ")}`);
  }
}
