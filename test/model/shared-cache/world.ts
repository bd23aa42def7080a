import {
  cachedPage,
  cachedRefusal,
  nameOf,
  type PageKey,
} from "../../../functions/page-source/cached-reply.ts";
import { circuitOpenMs } from "../../../functions/page-source/circuit-breaker.ts";
import {
  createSharedCache,
  type FetchEnd,
  LEASE_PREFIX,
  type SharedCache,
} from "../../../functions/page-source/shared-cache.ts";
import type { Upstash } from "../../../functions/upstash.ts";
import type { World } from "../check.ts";
import type { VirtualRedis } from "../redis/virtual-redis.ts";
import { createVirtualUpstash } from "../redis/virtual-upstash.ts";
import { type SharedCacheOperation, type SharedCacheSetting, START_MS } from "./history.ts";
import { SharedCacheOracle } from "./oracle.ts";
import { encodeReply, type Reply, Security, summarize, type WrongReplyKind } from "./upstream-history.ts";

const REFUSAL_MS = 10 * 60_000;
/** After this time all keys have expired: the TTL of a page is 8 days, that of an index 16 days. */
const MAX_TTL_MS = 25 * 24 * 3_600_000;

/** A fetch by the holder of a lease. It may never end, like that of a crashed Worker. */
interface Fetch {
  readonly key: PageKey;
  readonly lease: string;
  readonly isKnown: boolean;
  answer?: { readonly reply: Reply; readonly answeredAt: number };
}

/** Workers and one shared cache. Operations use the Worker's own module, and the oracle checks the results. */
export class SharedCacheWorld implements World<SharedCacheOperation> {
  readonly securities: readonly [Security, Security];
  readonly fetches = new Map<number, Fetch>();
  readonly setting: SharedCacheSetting;
  readonly #redis: VirtualRedis;
  readonly #upstash: Upstash;
  readonly #cache: SharedCache;
  readonly #oracle: SharedCacheOracle;

  constructor(redis: VirtualRedis, setting: SharedCacheSetting) {
    this.setting = setting;
    this.securities = [
      new Security("HK.00001", setting.rowCounts[0], false),
      new Security("HK.00002", setting.rowCounts[1], true),
    ];
    redis.reset(setting);
    redis.micros = START_MS * 1_000;
    this.#redis = redis;
    this.#oracle = new SharedCacheOracle(setting);
    this.#upstash = createVirtualUpstash(redis);
    this.#cache = createSharedCache(this.#upstash, setting.leaseMs, () => this.now);
  }

  get now(): number {
    return this.#redis.micros / 1_000;
  }

  get time(): string {
    return `${this.now - START_MS} ms`;
  }

  async apply(operation: SharedCacheOperation): Promise<string> {
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
    const [first, second] = this.securities;
    return symbol === first.symbol ? first : second;
  }

  async #read(number: number, key: PageKey): Promise<string> {
    const lease = `lease of f${number}`;
    const result = await this.#cache.readOrLease(key, lease);
    const { cached, state, isKnown } = result;
    this.#oracle.read(key, lease, result, this.now);
    const foundKey = { ...key, cursor: cached?.cursor ?? key.cursor };
    this.#checkLease(foundKey);
    const found = cached === undefined ? "no page" : `page "${cached.cursor}"`;
    if (state === "lease-acquired") {
      this.fetches.set(number, { key: foundKey, lease, isKnown });
    }
    return `${found}, ${state}`;
  }

  async #peek(key: PageKey): Promise<string> {
    const cached = await this.#cache.peek(key);
    this.#oracle.checkFound(key, cached, this.now);
    const openMs = await circuitOpenMs(this.#upstash, this.now);
    const expectedMs = this.#oracle.circuit.openMs(this.now);
    if (openMs !== expectedMs) throw new Error(`The circuit is open for ${openMs} ms, not ${expectedMs} ms`);
    return cached === undefined ? "no page" : `page "${cached.cursor}"`;
  }

  #answer(fetch: Fetch, fault: WrongReplyKind | undefined): string {
    if (fetch.answer !== undefined) return "skipped";
    const reply = this.#security(fetch.key.symbol).reply(fetch.key, fault);
    fetch.answer = { reply, answeredAt: this.now };
    return reply.isDenial ? "unknown security" : `rows ${reply.rows.join(" ")}, next ${reply.next}`;
  }

  async #write(number: number, { key, lease, isKnown, answer }: Fetch): Promise<string> {
    if (answer === undefined) return "skipped";
    this.fetches.delete(number);
    const { reply, answeredAt } = answer;
    if (!isKnown && key.cursor !== "" && !reply.isDenial) {
      await this.#endFetch(key, lease, { outcome: "answered" });
      return "lease released, page not stored: unknown cursor";
    }
    const bytes = encodeReply(reply);
    const cached = reply.isDenial
      ? cachedRefusal(bytes, key.cursor, answeredAt, REFUSAL_MS)
      : cachedPage(bytes, key.cursor, answeredAt);
    const summary = summarize(reply, key);
    const result = await this.#cache.write(key, lease, cached, summary, []);
    this.#oracle.write(key, lease, cached, summary, result, this.now);
    this.#checkLease(key);
    return result;
  }

  async #release(number: number, { key, lease, answer }: Fetch, end: FetchEnd): Promise<string> {
    if (answer !== undefined) return "skipped";
    this.fetches.delete(number);
    await this.#endFetch(key, lease, end);
    return "";
  }

  async #endFetch(key: PageKey, lease: string, end: FetchEnd): Promise<void> {
    await this.#cache.release(key, lease, end, []);
    this.#oracle.release(key, lease, end, this.now);
    this.#checkLease(key);
  }

  /** Compares the TTL of a lease with the expected one. */
  #checkLease(key: PageKey): void {
    const ms = this.#redis.command("PTTL", `${LEASE_PREFIX}${nameOf(key)}`);
    const expected = this.#oracle.leaseMs(nameOf(key), this.now) ?? -2;
    if (ms !== expected) throw new Error(`The TTL of the lease is ${ms} ms, not ${expected} ms`);
  }

  async finish(): Promise<void> {
    this.#redis.micros += MAX_TTL_MS * 1_000;
    const keys = this.#redis.keys();
    if (keys.length > 0) throw new Error(`Keys have not expired: ${keys.join(", ")}`);
  }
}
