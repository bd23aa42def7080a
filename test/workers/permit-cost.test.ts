import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { createPermits, type PermitRequest } from "../../functions/rate-limit/permits.ts";
import { LeaseNotAcquired } from "../../functions/rate-limit/required-lease.ts";
import { SETTLE_ARGS, SETTLE_FUNCTION } from "../../functions/rate-limit/sliding-window-scripts.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { startRedis } from "../stand-ins/redis.ts";
import { startUpstash } from "../stand-ins/upstash.ts";
import { commandStats } from "../support/commandstats.ts";
import { permitsOf, readPermits } from "../support/permit-log.ts";

const RULE = { limit: 3, windowMs: 60_000, maxInFlightMs: 6_000, maxWaitMs: 0, clientShare: 30 };
const REQUEST: PermitRequest = { client: "me", priority: "known-page" };
const LEASE = "short-interest:lease:page";

// Redis counts the commands of all its databases, so this test has a Redis of its own.
const host = await startRedis();
const upstash = await startUpstash(await host.open());
const { redis } = upstash;
const connection = createUpstash(upstash, 3_000);
// The refusals of a database are remembered, so each test has another name for it.
const newPermits = () =>
  createPermits({
    upstash: connection,
    database: crypto.randomUUID(),
    rule: RULE,
    waitUntil: () => undefined,
    now: Date.now,
  });

afterAll(async () => {
  await upstash.close();
  await host.close();
});
beforeEach(async () => {
  await redis.call("FLUSHDB");
  // Loads the scripts into Redis.
  const permits = newPermits();
  await permits.release(await permits.acquire(REQUEST));
  await permits.remaining();
  await redis.call("FLUSHDB");
});

/** Runs `work`. Returns its result, the commands that Redis ran, and the number of requests. */
async function measure<T>(work: () => Promise<T>) {
  const before = upstash.requests();
  await redis.call("CONFIG", "RESETSTAT");
  const result = await work().catch((error: unknown) => error);
  return { result, commands: await commandStats(redis), requests: upstash.requests() - before };
}

/** A lease that is acquired unless another caller holds it. */
const leaseOf = (id: string) => ({
  script: { script: "return redis.call('SET', KEYS[1], ARGV[1], 'NX')", keys: [LEASE], args: [id] },
  key: LEASE,
  id,
});

describe.runIf(host.kind === "redis-server")("commands of Redis", () => {
  it("to acquire a permit are 4", async () => {
    const { commands, requests } = await measure(() => newPermits().acquire(REQUEST));
    expect(commands).toEqual({ evalsha: 1, time: 1, mget: 1, set: 1 });
    expect(requests).toBe(1);
  });

  it("to refuse a permit are 3, and 4 while OpenD itself refuses calls", async () => {
    for (let count = 0; count < RULE.limit; count += 1) await newPermits().acquire(REQUEST);
    const refused = await measure(() => newPermits().acquire(REQUEST));
    expect(refused.result).toMatchObject({ code: "upstream_quota_exceeded" });
    expect(refused.commands).toEqual({ evalsha: 1, time: 1, mget: 1 });
    await newPermits().block();
    const blocked = await measure(() => newPermits().acquire(REQUEST));
    expect(blocked.commands).toEqual({ evalsha: 1, time: 1, mget: 1, pttl: 1 });
  });

  it("to repeat a remembered refusal are 0, also with a lease", async () => {
    const permits = newPermits();
    for (let count = 0; count < RULE.limit; count += 1) await permits.acquire(REQUEST);
    await permits.acquire(REQUEST).catch(() => undefined);
    const { commands, requests } = await measure(() => permits.acquire({ ...REQUEST, lease: leaseOf("a") }));
    expect([commands, requests]).toEqual([{}, 0]);
  });

  it("to acquire a permit with a lease are 4 more than those of the lease, in one request", async () => {
    const { result, commands, requests } = await measure(() =>
      newPermits().acquire({ ...REQUEST, lease: leaseOf("a") }),
    );
    expect(result).toMatchObject({ client: "me" });
    // The lease itself: EVAL and SET.
    expect(commands).toEqual({ eval: 2, time: 1, mget: 1, set: 2 });
    expect(requests).toBe(1);
  });

  it("to be refused the lease are 3 more than those of the lease", async () => {
    await redis.call("SET", LEASE, "b");
    const { result, commands, requests } = await measure(() =>
      newPermits().acquire({ ...REQUEST, lease: leaseOf("a") }),
    );
    expect(result).toBeInstanceOf(LeaseNotAcquired);
    expect(result).toMatchObject({ reply: null });
    expect(commands).toEqual({ eval: 2, time: 1, mget: 1, set: 1 });
    expect(requests).toBe(1);
    expect(await readPermits(redis.call)).toEqual([]);
  });

  it("to replace a permit are 4, also if that is refused", async () => {
    const permits = newPermits();
    const first = await permits.acquire(REQUEST);
    const { result, commands } = await measure(() => permits.acquire(REQUEST, first));
    expect(result).toMatchObject({ client: "me" });
    expect(commands).toEqual({ evalsha: 1, time: 1, mget: 1, set: 1 });
    const second = await permits.acquire(REQUEST);
    await redis.call("SET", "short-interest:permits:blocked", "1", "PX", "60000");
    const refused = await measure(() => permits.acquire(REQUEST, second));
    expect(refused.result).toMatchObject({ code: "upstream_quota_exceeded" });
    expect(refused.commands).toEqual({ evalsha: 1, time: 1, mget: 1, pttl: 1, set: 1 });
    expect(await readPermits(redis.call)).toHaveLength(1);
  });

  it("to settle a permit are 1 in the script of another write, and 3 in a script of its own", async () => {
    const permits = newPermits();
    const permit = await permits.acquire(REQUEST);
    const { key, args } = permits.settlement(permit, true);
    expect(args).toHaveLength(SETTLE_ARGS);
    const script = `${SETTLE_FUNCTION}
local stored = redis.call('MGET', KEYS[1], KEYS[2])
settle(KEYS[2], stored[2], 2)
return stored[2]`;
    const inside = await measure(() =>
      connection.evalAll([{ script, keys: ["short-interest:page", key], args: ["other", ...args] }]),
    );
    expect(inside.commands).toEqual({ eval: 1, mget: 1, set: 1 });
    const [before] = permitsOf(String(inside.result));
    const [after] = await readPermits(redis.call);
    expect(after).toMatchObject({ id: permit.id, weight: 2, client: "me" });
    expect(after?.score).toBeLessThan(before?.score ?? 0);
    const alone = await measure(() => connection.evalAll([permits.settleScript(permit, false)]));
    expect(alone.commands).toEqual({ eval: 1, get: 1, set: 1 });
    await redis.call("DEL", key);
    const missing = await measure(() => connection.evalAll([permits.settleScript(permit, false)]));
    expect(missing.commands).toEqual({ eval: 1, get: 1 });
  });

  it("to release a permit are 3, and 2 if it is not in the log", async () => {
    const permits = newPermits();
    const permit = await permits.acquire(REQUEST);
    const release = () => measure(() => permits.release(permit));
    expect((await release()).commands).toEqual({ evalsha: 1, get: 1, set: 1 });
    expect((await release()).commands).toEqual({ evalsha: 1, get: 1 });
  });

  it("to read the remaining permits are 3", async () => {
    const { result, commands } = await measure(() => newPermits().remaining());
    expect(result).toBe(RULE.limit);
    expect(commands).toEqual({ evalsha: 1, time: 1, mget: 1 });
  });
});
