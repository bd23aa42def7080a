import { isDeepStrictEqual } from "node:util";
import { nullable, parse, picklist, string, tuple } from "valibot";
import { type CachedReply, nameOf, type PageKey } from "../../../functions/page-source/cached-reply.ts";
import { circuitOpenMs } from "../../../functions/page-source/circuit-breaker.ts";
import { FIRST_SEEN_PREFIX } from "../../../functions/page-source/first-seen-script.ts";
import { freshnessPolicy } from "../../../functions/page-source/freshness.ts";
import { readPage } from "../../../functions/page-source/parsed-page.ts";
import {
  createSharedCache,
  type FetchEnd,
  INDEX_PREFIX,
  LEASE_PREFIX,
  type PageSlot,
  PUBLICATION_PREFIX,
  type SharedCache,
  type SharedLook,
} from "../../../functions/page-source/shared-cache.ts";
import { formatPublication } from "../../../functions/page-source/stored-values.ts";
import { settleScript } from "../../../functions/rate-limit/sliding-window-log.ts";
import { parseSymbol } from "../../../functions/short-interest/symbol.ts";
import type { Upstash } from "../../../functions/upstash.ts";
import type { World } from "../check.ts";
import type { VirtualRedis } from "../redis/virtual-redis.ts";
import { createVirtualUpstash } from "../redis/virtual-upstash.ts";
import { type SharedCacheOperation, type SharedCacheSetting, START_MS } from "./history.ts";
import { INDEX_MS } from "./index-oracle.ts";
import { SharedCacheOracle } from "./oracle.ts";
import { type CallEnd, checkSettlement, isGranted, permitScript, settlementOf } from "./permit-log.ts";
import { type Reply, Security, type WrongReplyKind } from "./upstream-history.ts";
import { writeOf } from "./write-of.ts";

/** The time of a reply by the clock of Redis is rounded up by this, in milliseconds. */
const ROUNDING_MS = 2;
/** After this time all keys have expired: the longest TTL is that of the record of first sights, 730 days. */
const MAX_TTL_MS = 731 * 24 * 3_600_000;
const PUBLICATION = `${PUBLICATION_PREFIX}HK`;
const LOOK_FIELDS = [
  "cached",
  "slot",
  "state",
  "waitMs",
  "backoffCause",
  "isProbe",
  "openPeriodMs",
  "isKnown",
] as const;
const Values = tuple([nullable(string()), nullable(string()), nullable(string())]);
const LeaseReply = picklist(["acquired", "changed", "held", "open"]);

/** A look, and the fetch by the holder of its lease. It may never end, like that of a crashed Worker. */
interface Fetch {
  readonly key: PageKey;
  readonly lease: string;
  readonly permit: string;
  readonly look: SharedLook;
  answer?: { readonly reply: Reply; readonly answeredAt: number };
}

/** Workers and one shared cache. Operations use the Worker's own module, and the oracle checks the results. */
export class SharedCacheWorld implements World<SharedCacheOperation> {
  readonly securities: readonly [Security, Security];
  /** Looks that found the lease free. */
  readonly looks = new Map<number, Fetch>();
  readonly fetches = new Map<number, Fetch>();
  readonly setting: SharedCacheSetting;
  readonly #redis: VirtualRedis;
  readonly #upstash: Upstash;
  readonly #cache: SharedCache;
  readonly #oracle: SharedCacheOracle;

  constructor(redis: VirtualRedis, setting: SharedCacheSetting) {
    this.setting = setting;
    const { rowCounts, newestRowDays, indexEntries } = setting;
    this.securities = [
      new Security("HK.00001", rowCounts[0], newestRowDays, false),
      new Security("HK.00002", rowCounts[1], newestRowDays, true),
    ];
    redis.reset(setting);
    redis.micros = START_MS * 1_000;
    this.#redis = redis;
    this.#oracle = new SharedCacheOracle(setting);
    this.#upstash = createVirtualUpstash(redis);
    this.#cache = createSharedCache(this.#upstash, setting.leaseMs, () => this.now, freshnessPolicy);
    if (indexEntries > 0) {
      const [{ symbol }] = this.securities;
      const index = this.#oracle.index(symbol, this.now);
      index.fill(indexEntries, this.now);
      redis.command("SET", INDEX_PREFIX + symbol, index.text(), "PX", String(INDEX_MS));
    }
  }

  get now(): number {
    return this.#redis.micros / 1_000;
  }

  get time(): string {
    return `${this.now - START_MS} ms`;
  }

  /** Time until the circuit is half-open, in milliseconds; 0 if it is not open. */
  get openMs(): number {
    return this.#oracle.circuit.openMs(this.now);
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
      case "look":
        return this.#lookFor(operation.fetch, operation.key);
      case "lease":
        return this.#acquire(operation.fetch);
      default: {
        const fetch = this.fetches.get(operation.fetch);
        if (fetch === undefined) return "skipped";
        if (operation.kind === "answer") return this.#answer(fetch, operation.fault);
        if (operation.kind === "store") return this.#store(operation.fetch, fetch);
        return this.#release(operation.fetch, fetch, operation);
      }
    }
  }

  #security(symbol: string): Security {
    const [first, second] = this.securities;
    return symbol === first.symbol ? first : second;
  }

  async #lookFor(number: number, key: PageKey): Promise<string> {
    const look = await this.#look(key);
    const { cached, state } = look;
    if (state === "lease-free") {
      this.looks.set(number, { key, lease: `lease-of-f${number}`, permit: `permit-of-f${number}`, look });
    }
    return `${cached === undefined ? "no page" : `page "${cached.cursor}" of ${cached.fetchedAt - START_MS} ms`}, ${state}`;
  }

  /** Looks for a page, and compares the result with the expected one. */
  async #look(key: PageKey, ownLease?: string): Promise<SharedLook> {
    const look = await this.#cache.look(key, ownLease);
    const expected = this.#oracle.look(key, this.now, ownLease);
    for (const field of LOOK_FIELDS) {
      checkEqual(`The look's ${field}`, look[field], expected[field]);
    }
    if (look.cached) checkReply(key, look.cached);
    checkEqual("The open time", await circuitOpenMs(this.#upstash, this.now), this.openMs);
    return look;
  }

  /** Asks for the lease and a permit in one request. */
  async #acquire(number: number): Promise<string> {
    const fetch = this.looks.get(number);
    if (fetch === undefined) return "skipped";
    this.looks.delete(number);
    const { look, lease, permit } = fetch;
    const required = this.#cache.lease(look.slot, lease);
    const [reply, permitReply] = await this.#upstash.evalAll([
      required.script,
      permitScript(permit, required),
    ]);
    const result = parse(LeaseReply, reply);
    const expected = this.#oracle.lease(look.slot, lease, this.now);
    if (result !== expected) throw new Error(`The lease is ${result}, not ${expected}`);
    checkEqual("The grant of the permit", isGranted(permitReply), result === "acquired");
    if (result === "acquired") {
      this.fetches.set(number, fetch);
      // The lookup may read the shared cache after it has acquired its lease.
      await this.#look(fetch.key, lease);
    }
    this.#checkKeys(look.slot);
    return result;
  }

  #answer(fetch: Fetch, fault: WrongReplyKind | undefined): string {
    if (fetch.answer !== undefined) return "skipped";
    const { key } = fetch.look.slot;
    const reply = this.#security(key.symbol).reply(key, fault);
    fetch.answer = { reply, answeredAt: this.now };
    return reply.isDenial ? "unknown security" : `rows ${reply.rows.join(" ")}, next ${reply.next}`;
  }

  /** Ends a fetch with an answer, as the Worker does. */
  async #store(number: number, fetch: Fetch): Promise<string> {
    const { look, lease, permit, answer } = fetch;
    if (answer === undefined) return "skipped";
    this.fetches.delete(number);
    const { slot, isKnown, cached: stored } = look;
    const { reply, answeredAt } = answer;
    const repliedAt = this.now + ROUNDING_MS;
    if (!isKnown && slot.key.cursor !== "" && !reply.isDenial && !(await this.#look(slot.key)).isKnown) {
      await this.#endFetch(fetch, { outcome: "answered" }, { permit, repliedAt, wasted: true });
      return "lease released, page not stored: unknown cursor";
    }
    const callEnd = { permit, repliedAt, wasted: reply.isDenial && stored === undefined };
    const write = { ...writeOf(reply, look, answeredAt), settlement: settlementOf(callEnd) };
    const result = await checkSettlement(this.#redis, callEnd, () => this.#cache.write(slot, lease, write));
    const expected = this.#oracle.write(slot, lease, write, reply.isDenial, this.now);
    if (result !== expected) throw new Error(`The write result is ${result}, not ${expected}`);
    this.#checkKeys(slot);
    return `${result}${write.isRewritten ? ", history rewritten" : ""}`;
  }

  async #release(number: number, fetch: Fetch, end: FetchEnd): Promise<string> {
    if (fetch.answer !== undefined) return "skipped";
    this.fetches.delete(number);
    const callEnd = { permit: fetch.permit, repliedAt: this.now + ROUNDING_MS, wasted: false };
    await this.#endFetch(fetch, end, end.outcome === "answered" ? callEnd : undefined);
    return "";
  }

  async #endFetch({ look, lease }: Fetch, end: FetchEnd, callEnd: CallEnd | undefined): Promise<void> {
    const { slot } = look;
    if (callEnd === undefined) await this.#cache.release(slot, lease, end);
    else {
      const { key, args } = settlementOf(callEnd);
      const scripts = [settleScript(key, args)];
      await checkSettlement(this.#redis, callEnd, () => this.#cache.release(slot, lease, end, scripts));
    }
    this.#oracle.release(slot, lease, end, this.now);
    this.#checkKeys(slot);
  }

  /** Compares the lease, the index and the records of publications and first sights with the expected ones. */
  #checkKeys({ key }: PageSlot): void {
    const { now } = this;
    const leaseMs = this.#redis.command("PTTL", LEASE_PREFIX + nameOf(key));
    checkEqual("The TTL of the lease", leaseMs, this.#oracle.leaseMs(key, now) ?? -2);
    const [index, record, firstSeen] = parse(
      Values,
      this.#redis.command("MGET", INDEX_PREFIX + key.symbol, PUBLICATION, FIRST_SEEN_PREFIX + key.symbol),
    );
    checkEqual("The index", index ?? "", this.#oracle.index(key.symbol, now).text());
    const publication = this.#oracle.publication(now);
    checkEqual("The publication record", record, publication ? formatPublication(publication) : null);
    checkEqual("The first-seen record", firstSeen, this.#oracle.firstSeen(key.symbol, now).text());
  }

  async finish(): Promise<void> {
    this.#redis.micros += MAX_TTL_MS * 1_000;
    const keys = this.#redis.keys();
    if (keys.length > 0) throw new Error(`Keys have not expired: ${keys.join(", ")}`);
  }
}

/** @throws Error if the reply has another cursor, and not the row of this one with rows after it */
function checkReply(key: PageKey, cached: CachedReply): void {
  if (cached.cursor === key.cursor) return;
  const times = readPage(parseSymbol(key.symbol), cached).rows.map(({ timestamp }) => Number(timestamp));
  const [newest = 0, oldest = 0] = [times[0], times.at(-1)];
  const isCovered = oldest < Number(key.cursor) && Number(key.cursor) <= newest;
  if (!isCovered || key.num !== undefined || key.exact) throw new Error("The reply lacks the row");
}

/** @throws Error if the values differ */
function checkEqual(subject: string, found: unknown, expected: unknown): void {
  if (found === expected || isDeepStrictEqual(found, expected)) return;
  throw new Error(`${subject} is ${JSON.stringify(found)}, not ${JSON.stringify(expected)}`);
}
