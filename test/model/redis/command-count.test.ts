import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { freshnessPolicy, staleUntil } from "../../../functions/page-source/freshness.ts";
import { createSharedCache } from "../../../functions/page-source/shared-cache.ts";
import { createPermits } from "../../../functions/rate-limit/permits.ts";
import { acquireScript, settleArgs } from "../../../functions/rate-limit/sliding-window-log.ts";
import { startRedis } from "../../stand-ins/redis.ts";
import { commandStats } from "../../support/commandstats.ts";
import { PERMIT_LOG } from "../../support/permit-log.ts";
import { VirtualRedis } from "./virtual-redis.ts";
import { createVirtualUpstash, type Executor } from "./virtual-upstash.ts";

const HOUR = 3_600_000;
const RULE = { limit: 30, windowMs: HOUR, maxInFlightMs: HOUR, maxWaitMs: 0, clientShare: 30 };

const host = await startRedis();
const real = await host.open();
const virtual = await VirtualRedis.create();
afterAll(host.close);
beforeEach(async () => {
  virtual.reset();
  for (const command of ["FLUSHDB", "SCRIPT FLUSH", "CONFIG RESETSTAT"]) {
    const [name = "", ...args] = command.split(" ");
    await real.call(name, ...args);
  }
});

const executors: readonly Executor[] = [
  virtual,
  {
    run: ({ script, keys, args }) => real.call("EVAL", script, String(keys.length), ...keys, ...args),
    command: (name = "", ...args) => real.call(name, ...args),
  },
];

async function realCounts(): Promise<Map<string, number>> {
  const counts = Object.entries(await commandStats(real));
  return new Map(counts.map(([name, calls]) => [name.toUpperCase(), calls]));
}

async function expectSameCounts() {
  const counts = virtual.commandsByName();
  expect(counts).toEqual(await realCounts());
  expect(virtual.commands()).toBe([...counts.values()].reduce((total, count) => total + count, 0));
}

// ioredis-mock has no statistics.
describe.runIf(host.kind === "redis-server")("virtual Redis counts the same commands as Redis", () => {
  it("of the shared cache's lookups and scripts", async () => {
    const now = Date.now();
    for (const executor of executors) {
      virtual.micros = now * 1_000;
      const upstash = createVirtualUpstash(executor);
      const cache = createSharedCache(upstash, HOUR, () => now, freshnessPolicy);
      const { slot } = await cache.look({ symbol: "US.A", cursor: "" });
      const lease = cache.lease(slot, "lease");
      const permit = acquireScript(PERMIT_LOG, RULE, { id: "permit", client: "me", reserve: 0, lease });
      await upstash.evalAll([lease.script, permit]);
      const cached = {
        reply: new Uint8Array(1),
        cursor: "",
        fetchedAt: now,
        freshUntil: now,
        staleUntil: staleUntil("", now),
      };
      const range = { newest: 1_700_000_003, oldest: 1_700_000_001 };
      await cache.write(slot, "lease", {
        cached,
        summary: { newest: range.newest, extent: 4, next: "1700000001", range },
        settlement: { key: PERMIT_LOG, args: settleArgs(RULE, "permit", now, false) },
        isRewritten: true,
        dates: "1700000003 1700000002 1700000001",
        publication: { newest: range.newest, seenAt: now, checkedAt: now, step: 1 },
      });
      // The second look needs the page of another cursor.
      await cache.look({ symbol: "US.A", cursor: "" });
      await cache.look({ symbol: "US.A", cursor: "1700000002" });
      await cache.release(slot, "lease", { outcome: "failed" });
    }
    expect(virtual.commandsByName().get("MGET")).toBe(8);
    await expectSameCounts();
  });

  it("of the limiter, which sends EVALSHA first", async () => {
    for (const [index, executor] of executors.entries()) {
      virtual.micros = Date.now() * 1_000;
      const upstash = createVirtualUpstash(executor);
      const waitUntil = () => undefined;
      const permits = createPermits({ upstash, database: `${index}`, rule: RULE, waitUntil, now: Date.now });
      // The second one finds an empty log, so its commands do not depend on the time between the two.
      await permits.release(await permits.acquire({ client: "me", priority: "known-page" }));
      await permits.acquire({ client: "me", priority: "known-page" });
    }
    expect(virtual.commandsByName().get("EVALSHA")).toBe(2);
    // The first acquire after NOSCRIPT, and the release.
    expect(virtual.commandsByName().get("EVAL")).toBe(2);
    await expectSameCounts();
  });

  it("that fail", async () => {
    for (const executor of executors) {
      const run = async (work: () => unknown) => expect(async () => work()).rejects.toThrow();
      await executor.command("SET", "text", "a");
      await run(() => executor.command("INCR", "text"));
      await run(() => executor.command("EVALSHA", "0".repeat(40), "0"));
      await run(() => executor.run({ script: "return redis.call('NOSUCH')", keys: [], args: [] }));
      await run(() =>
        executor.run({ script: "return redis.call('HGET', KEYS[1], 'a')", keys: ["text"], args: [] }),
      );
    }
    await expectSameCounts();
  });
});
