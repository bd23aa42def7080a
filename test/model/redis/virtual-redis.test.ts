import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { PageKey } from "../../../functions/page-source/cached-reply.ts";
import { freshnessPolicy, staleUntil } from "../../../functions/page-source/freshness.ts";
import { createSharedCache } from "../../../functions/page-source/shared-cache.ts";
import { type Priority, reservesOf } from "../../../functions/rate-limit/permits.ts";
import {
  acquireScript,
  blockLog,
  releaseScript,
  remainingScript,
  settleArgs,
  settleScript,
} from "../../../functions/rate-limit/sliding-window-log.ts";
import type { ScriptCall } from "../../../functions/upstash.ts";
import { startRedis } from "../../stand-ins/redis.ts";
import { Random } from "../random.ts";
import { atTime } from "./at-time.ts";
import { VirtualRedis } from "./virtual-redis.ts";
import { createVirtualUpstash, type Executor } from "./virtual-upstash.ts";

const SEED = "virtual-redis";
const HOUR = 3_600_000;
/** Maximum difference between the two clocks, in milliseconds. All TTLs are longer. */
const TOLERANCE_MS = 30_000;

const host = await startRedis();
const real = await host.open();
const virtual = await VirtualRedis.create();
afterAll(host.close);
beforeEach(reset);

async function reset() {
  virtual.reset();
  await real.call("FLUSHDB");
}

/** Returns the reply of a Redis, or "an error". */
async function replyOf(run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch {
    return "an error";
  }
}

/** Runs all scripts and commands on both databases, and compares the replies. */
class Both implements Executor {
  /** The commands and scripts, for the error message. */
  readonly log: string[] = [];
  /** The number of replies that were not errors. */
  replies = 0;

  async run({ script, keys, args }: ScriptCall) {
    this.log.push(`${script.length} bytes of Lua ${JSON.stringify(keys)} ${JSON.stringify(args)}`);
    return this.#compare(
      () => virtual.run({ script, keys, args }),
      () => real.call("EVAL", script, String(keys.length), ...keys, ...args),
    );
  }

  async command(...command: readonly string[]) {
    this.log.push(command.join(" "));
    const [name = "", ...args] = command;
    return this.#compare(
      () => virtual.command(...command),
      () => real.call(name, ...args),
    );
  }

  async #compare(runVirtual: () => unknown, runReal: () => unknown) {
    virtual.micros = Date.now() * 1_000;
    const reply = await replyOf(runVirtual);
    const realReply = await replyOf(runReal);
    // An expectation takes longer than the commands.
    if (!isDeepStrictEqual(reply, realReply)) {
      expect(reply, this.log.join("\n")).toEqual(tolerant(realReply));
    }
    if (reply !== "an error") this.replies += 1;
    return reply;
  }

  /** Compares the keys and their TTLs. */
  async compareKeys() {
    const keys = virtual.keys();
    // Sent together.
    const [found, ...realTtls] = await Promise.all([
      real.call("KEYS", "*"),
      ...keys.map((key) => real.call("PTTL", key)),
    ]);
    const realKeys = Array.isArray(found) ? found.sort() : found;
    if (!isDeepStrictEqual(keys, realKeys)) expect(keys, this.log.join("\n")).toEqual(realKeys);
    for (const [index, key] of keys.entries()) {
      const ms = Number(virtual.command("PTTL", key));
      const realMs = Number(realTtls[index]);
      const isSame = ms < 0 ? ms === realMs : Math.abs(ms - realMs) < TOLERANCE_MS;
      if (isSame) continue;
      throw new Error(`${this.log.join("\n")}\nTTL of ${key}: ${ms} ms, in Redis ${realMs} ms`);
    }
  }
}

/** A TTL in a reply may differ by the time between the two commands. No other integer is that large. */
function tolerant(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(tolerant);
  // Within 5,000 ms.
  return typeof reply === "number" && reply > TOLERANCE_MS ? expect.closeTo(reply, -4) : reply;
}

const LOG = "log";
const PRIORITIES: readonly Priority[] = ["known-page", "refresh", "new-symbol", "unknown-cursor"];

async function runRateLimitHistory(random: Random, both: Both) {
  const upstash = createVirtualUpstash(both);
  const limit = random.integer(1, 5);
  const hours = (max: number) => random.integer(0, max * HOUR);
  const rule = {
    limit,
    windowMs: 5 * HOUR,
    maxInFlightMs: HOUR + hours(5),
    maxWaitMs: hours(9),
    clientShare: random.integer(1, 5),
  };
  let micros = 1_800_000_000_000_000;
  const run = (call: ScriptCall) => both.run(atTime(micros, call));
  const id = () => `p${random.integer(0, 5)}`;
  const client = () => `client${random.integer(0, 1)}`;
  for (let rest = 15; rest > 0; rest -= 1) {
    const kind = random.weighted({ acquire: 6, settle: 3, release: 1, wait: 3, block: 1, remaining: 1 });
    if (kind === "wait") micros += 1_000 * hours(4) + random.integer(0, 999);
    if (kind === "acquire") {
      const replaces = random.chance(0.2) ? id() : undefined;
      const reserves = reservesOf(limit)[random.pick(PRIORITIES)];
      const lease = random.chance(0.2) ? { key: "lease", id: random.pick(["held", "lost"]) } : undefined;
      await both.command("SET", "lease", "held");
      await run(acquireScript(LOG, rule, { id: id(), client: client(), replaces, lease, ...reserves }));
    }
    if (kind === "settle") {
      const repliedAt = Math.ceil(micros / 1_000) + random.integer(0, 3);
      await run(settleScript(LOG, settleArgs(rule, id(), repliedAt, random.chance(0.5))));
    }
    if (kind === "release") await run(releaseScript(LOG, rule, id()));
    if (kind === "block") await upstash.exec((redis) => blockLog(redis, LOG, 5 * HOUR));
    if (kind === "remaining" || kind === "block") await run(remainingScript(LOG, rule));
    // While the key exists, replies depend on the clock of the database.
    if (kind === "block") await both.command("DEL", `${LOG}:blocked`);
    await both.command("GET", LOG);
    await both.compareKeys();
  }
}

async function runSharedCacheHistory(random: Random, both: Both) {
  let now = 1_800_000_000_000;
  const upstash = createVirtualUpstash(both);
  const cache = createSharedCache(upstash, HOUR, () => now, freshnessPolicy);
  const cursors = ["", "1700000000", "1700000005", "opaque"];
  const lease = () => `lease${random.integer(0, 3)}`;
  const keyOf = (): PageKey => ({
    symbol: random.pick(["HK.1", "US.A"]),
    cursor: random.pick(cursors),
    ...(random.chance(0.2) && { num: 5 }),
  });
  const rule = { limit: 5, windowMs: HOUR, maxInFlightMs: HOUR, maxWaitMs: 0, clientShare: 5 };
  const settlement = () => ({ key: LOG, args: settleArgs(rule, "p0", now, random.chance(0.5)) });
  for (let rest = 15; rest > 0; rest -= 1) {
    const kind = random.weighted({ look: 3, lease: 5, write: 5, release: 4, wait: 3 });
    const key = keyOf();
    if (kind === "wait") {
      now += random.integer(0, random.pick([10_000, 2 * HOUR, 48 * HOUR]));
      await both.command("SET", LOG, `${now + HOUR} p0 1 client\n`, "PX", String(HOUR));
      continue;
    }
    const { slot } = await cache.look(key);
    if (kind === "lease") await upstash.evalAll([cache.lease(slot, lease()).script]);
    if (kind === "write") {
      const newest = 1_700_000_000 + random.integer(0, 9);
      const range = random.chance(0.7) ? { newest, oldest: newest - random.integer(0, 9) } : undefined;
      const next = random.chance(0.7) ? random.pick(cursors.slice(1)) : null;
      const fetchedAt = now - random.integer(0, HOUR);
      const { cursor } = key;
      const reply = new Uint8Array([random.integer(0, 255)]);
      await cache.write(slot, lease(), {
        cached: { reply, cursor, fetchedAt, freshUntil: now, staleUntil: staleUntil(cursor, fetchedAt) },
        summary: { newest, extent: random.integer(0, 3), next, range },
        settlement: settlement(),
        isRewritten: random.chance(0.3),
        dates: random.chance(0.5) ? `${newest} ${newest - random.integer(1, 3)}` : "",
        publication: random.chance(0.5) ? { newest, seenAt: now, checkedAt: fetchedAt, step: 1 } : undefined,
      });
    }
    if (kind === "release") {
      const outcome = random.pick(["failed", "failed", "failed", "answered", "inconclusive"] as const);
      const backoff = random.chance(0.5) ? ({ ms: HOUR, code: "opend_failed" } as const) : undefined;
      await cache.release(slot, lease(), { outcome, ...(backoff && { backoff }) });
    }
    await both.compareKeys();
  }
}

async function runCommandHistory(random: Random, both: Both) {
  const key = () => `k${random.integer(0, 3)}`;
  const word = () => random.pick(["a", "b", "c", "1", "-2.5", 'q"\\u']);
  const score = () => String(random.pick([-1.5, 0, 1, 1, 2, 1_800_000_000_000]));
  const bound = () => random.pick(["-inf", "+inf", score(), `(${score()}`]);
  const place = () => String(random.integer(-4, 4));
  const ms = () => String(random.pick([-1, 0, HOUR, 2 * HOUR]));
  const limit = () =>
    random.chance(0.5) ? ["LIMIT", String(random.integer(0, 2)), String(random.integer(0, 3))] : [];
  const commands = [
    () => ["SET", key(), word()],
    () => ["SET", key(), word(), "NX"],
    () => ["SET", key(), word(), "PX", ms()],
    () => ["SET", key(), word(), "NX", "PX", ms()],
    () => ["GET", key()],
    () => ["MGET", key(), key()],
    () => ["DEL", key()],
    () => ["DEL", key(), key()],
    () => ["EXISTS", key()],
    () => ["EXISTS", key(), key()],
    () => ["INCR", key()],
    () => ["INCRBY", key(), place()],
    () => ["HINCRBY", key(), word(), place()],
    () => ["PEXPIRE", key(), ms()],
    () => ["HSET", key(), word(), word(), word(), word()],
    () => ["HGET", key(), word()],
    () => ["HMGET", key(), word(), word(), word()],
    () => ["HDEL", key(), word(), word()],
    () => ["ZADD", key(), score(), word()],
    () => ["ZADD", key(), score(), word()],
    () => ["ZREM", key(), word()],
    () => ["ZSCORE", key(), word()],
    () => ["ZCARD", key()],
    () => ["ZCOUNT", key(), bound(), bound()],
    () => ["ZRANGE", key(), place(), place()],
    () => ["ZRANGE", key(), place(), place(), "WITHSCORES"],
    () => ["ZRANGE", key(), bound(), bound(), "BYSCORE", "REV", "LIMIT", "0", "2"],
    () => ["ZRANGEBYSCORE", key(), bound(), bound(), ...limit()],
    () => ["ZREVRANGEBYSCORE", key(), bound(), bound(), ...limit()],
    () => ["ZREMRANGEBYSCORE", key(), bound(), bound()],
  ];
  for (let rest = 30; rest > 0; rest -= 1) {
    const command = random.pick(commands)();
    // A script that runs the same command.
    const script = "return redis.call(unpack(ARGV))";
    if (random.chance(0.5)) await both.command(...command);
    else await both.run({ script, keys: command.filter((field) => /^k\d$/.test(field)), args: command });
    await both.compareKeys();
  }
}

// ioredis-mock differs from Redis.
describe.runIf(host.kind === "redis-server")("virtual Redis returns the same replies as Redis", () => {
  it.each([
    ["to the rate limiter's scripts", runRateLimitHistory],
    ["to the shared cache's scripts", runSharedCacheHistory],
    ["to all commands", runCommandHistory],
  ])("%s, in 200 random histories", async (name, runHistory) => {
    let replies = 0;
    for (let number = 0; number < 200; number += 1) {
      await reset();
      const both = new Both();
      await runHistory(new Random(`${SEED} ${name} ${number}`), both);
      replies += both.replies;
    }
    expect(replies).toBeGreaterThan(1_000);
  });

  it.each([
    "return {1, 2.9, -2.9, 'text', true, {3}}",
    "return {1, false, 3}",
    "return {1, nil, 3}",
    "return 1800000000000 + 0.5",
    "return {}",
    "return redis.call('SET', KEYS[1], 12345678901234) ",
    "redis.call('SET', KEYS[1], 0.1 + 0.2) return redis.call('GET', KEYS[1])",
    "redis.call('ZADD', KEYS[1], 1800000000000 * 1000 / 1000, 7) return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')",
    "return {#redis.call('HMGET', KEYS[1], 'a', 'b'), type(redis.call('GET', KEYS[1])), redis.call('SET', KEYS[1], 'x').ok}",
    "return '7' + 1",
    "return tostring(KEYS[2])",
    "global = 1",
    "return missing",
    "return redis.call('NOSUCH', KEYS[1])",
    "return redis.call('SET', KEYS[1], nil)",
    "return redis.call('PEXPIRE', KEYS[1], 1.5)",
  ])("to the script %s", async (script) => {
    await new Both().run({ script, keys: ["key"], args: [] });
  });
});
