import { describe, expect, it, vi } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { createRefusalMemory } from "../../functions/rate-limit/refusal-memory.ts";
import {
  Clock,
  createDataCenter,
  expectOnePermitPerCall,
  SHORT_DEADLINES,
  STALE_AFTER_MS,
} from "../support/data-center.ts";
import { CIRCUIT, isFetchLikely, LEASE, noneOpen, startLikely as start } from "../support/fetch-ahead.ts";
import { PERMIT_LOG, readPermits } from "../support/permit-log.ts";

describe("lease and permit of a fetch", () => {
  it("are acquired while the shared cache is read if fetches were likely: one round trip before the call", async () => {
    const { service, near, since, untilHeld } = await start();
    const requests = await service.upstash.requests();
    const { result, release } = await untilHeld(() => near.page("US.AAPL"), 2);
    expect(await since()).toMatchObject({ calls: 0 });
    await release();
    expect(await result).toMatchObject({ result: { tier: "opend" } });
    // The third one stores the page.
    expect((await service.upstash.requests()) - requests).toBe(3);
    expect(await since()).toMatchObject({ upgrades: 1, calls: 1 });
    await expectOnePermitPerCall(service);
  });

  it("do not suffice for a call before the shared cache was read, which recognizes the lease", async () => {
    const { service, near, since, untilHeld } = await start();
    const requests = await service.upstash.requests();
    const { result, release } = await untilHeld(() => near.page("US.AAPL"), 2, "hold reads");
    await vi.waitFor(async () => expect(await readPermits(service.upstash.redis)).toHaveLength(2), 5_000);
    await vi.waitFor(async () => expect(await since()).toMatchObject({ upgrades: 1, calls: 0 }), 5_000);
    await release();
    expect(await result).toMatchObject({ result: { tier: "opend" } });
    expect((await service.upstash.requests()) - requests).toBe(3);
    await expectOnePermitPerCall(service);
  });

  it("are acquired after the shared cache was read if fetches were unlikely", async () => {
    const { near, untilHeld } = await start({}, 1);
    const { result, release } = await untilHeld(() => near.page("US.AAPL"), 1);
    await release();
    expect(await result).toMatchObject({ result: { tier: "opend" } });
  });

  it("are refused if a copy is stored", async () => {
    const { service, far, since, untilHeld } = await start();
    // A permit, or its release, would prolong this.
    await service.upstash.redis("PEXPIRE", PERMIT_LOG, "60000");
    const { result, release } = await untilHeld(() => far.page("US.T0"), 2, "hold reads");
    await release();
    expect(await result).toMatchObject({ result: { tier: "shared" } });
    expect(await service.upstash.redis("PTTL", PERMIT_LOG)).toBeLessThanOrEqual(60_000);
    expect(await service.upstash.redis("EXISTS", "short-interest:lease:US.T0/")).toBe(0);
    expect(await since()).toMatchObject({ calls: 0 });
  });

  it("are not acquired ahead for rows within a stored page", async () => {
    const { service, near, far, since, untilHeld } = await start();
    const cursor = (await near.page("US.T0")).result?.page.next ?? "";
    const { result, release } = await untilHeld(() => far.page("US.T0", { cursor }), 1);
    await vi.waitFor(async () => expect(await since()).toMatchObject({ upgrades: 1 }), 5_000);
    await release();
    expect(await result).toMatchObject({ result: { tier: "shared" } });
    await expectOnePermitPerCall(service);
  });

  it("are released if the circuit is found open", async () => {
    const { service, near, since, untilHeld } = await start();
    const { result, release } = await untilHeld(() => near.page("US.AAPL"), 2, "hold reads");
    await vi.waitFor(async () => expect(await readPermits(service.upstash.redis)).toHaveLength(2), 5_000);
    await service.upstash.redis("SET", CIRCUIT, `${Date.now() + 60_000} 60000 - 0 ${Date.now()}`);
    await release();
    expect((await result).failure?.code).toBe("opend_unreachable");
    expect(await service.upstash.redis("EXISTS", LEASE)).toBe(0);
    expect(await since()).toMatchObject({ calls: 0 });
    await expectOnePermitPerCall(service);
  });

  it.each([
    ["before it was read", "hold", 1],
    ["after it was read", "hold reads", 0],
  ] as const)("may be those of a probe, acquired %s, which closes the circuit", async (_, fault, after) => {
    const { service, near, since, untilHeld } = await start();
    await service.upstash.redis("SET", CIRCUIT, `${Date.now() - 1} 10000 - 0 ${Date.now()}`);
    const requests = await service.upstash.requests();
    const { result, release } = await untilHeld(() => near.page("US.AAPL"), 2, fault, after);
    await release();
    expect(await result).toMatchObject({ result: { tier: "opend" } });
    // The lookup does not take its own probe for one that it has to wait for.
    expect((await service.upstash.requests()) - requests).toBe(3);
    expect(await service.upstash.redis("EXISTS", CIRCUIT, LEASE)).toBe(0);
    expect(await since()).toMatchObject({ calls: 1 });
    await expectOnePermitPerCall(service);
  });

  it("requested ahead of a stale page do not end the refresh that the lookup starts, if Redis gets them late", async () => {
    const { service, untilHeld } = await start();
    const clock = new Clock();
    clock.forward(STALE_AFTER_MS);
    const reader = createDataCenter(service, clock);
    await service.opend.set({ delayMs: [500, 500] });
    const requests = await service.upstash.requests();
    const calls = (await service.opend.stats()).calls;
    const { result, release } = await untilHeld(() => reader.page("US.T0"), 3, "hold new leases");
    await vi.waitFor(async () => expect((await service.opend.stats()).calls).toBe(calls + 1), 5_000);
    await release();
    expect(await result).toMatchObject({ result: { tier: "shared", staleReason: "revalidating" } });
    await vi.waitFor(async () => expect((await service.opend.stats()).calls).toBe(calls + 1), 5_000);
    expect((await service.upstash.requests()) - requests).toBe(4);
    await expectOnePermitPerCall(service);
  });

  it("are requested again with the priority of a known page if they were refused to a new symbol", async () => {
    const { service, near, far, since } = await start({ UPSTREAM_LIMIT: "4" });
    for (const symbol of ["US.NOSUCH1", "US.NOSUCH2"]) {
      expect((await near.page(symbol)).failure?.code).toBe("unknown_symbol");
    }
    expect(isFetchLikely(service)).toBe(true);
    await service.upstash.redis("DEL", "short-interest:page:US.T0/");
    expect(await far.page("US.T0")).toMatchObject({ result: { tier: "opend" } });
    expect(await since()).toMatchObject({ calls: 3 });
    await expectOnePermitPerCall(service);
  });

  it("are kept if another lookup is refused meanwhile", async () => {
    const { service, near, since, untilHeld } = await start({ UPSTREAM_LIMIT: "2", UPSTREAM_WAIT_MS: "0" });
    const granted = await untilHeld(() => near.page("US.AAPL"), 2, "hold reads");
    await vi.waitFor(async () => expect(await readPermits(service.upstash.redis)).toHaveLength(2), 5_000);
    const refused = near.page("US.TSLA");
    const refusals = createRefusalMemory(parseEnv(service.env).upstash.url, Date.now);
    await vi.waitFor(() => expect(refusals.find("known-page")).toBeDefined(), 5_000);
    await granted.release();
    expect(await granted.result).toMatchObject({ result: { tier: "opend" } });
    expect((await refused).failure?.code).toBe("upstream_quota_exceeded");
    expect(await since()).toMatchObject({ calls: 1 });
    await expectOnePermitPerCall(service);
  });

  it("are released if they are refused", async () => {
    const { service, near } = await start({ UPSTREAM_LIMIT: "1" });
    expect((await near.page("US.AAPL")).failure?.code).toBe("upstream_quota_exceeded");
    expect(await service.upstash.redis("EXISTS", LEASE)).toBe(0);
    await expectOnePermitPerCall(service);
  });

  it("are released if the shared cache cannot be read", async () => {
    const { service, since } = await start();
    await service.upstash.fail("hold reads");
    const { failure } = await createDataCenter(service, undefined, SHORT_DEADLINES).page("US.AAPL");
    expect(failure?.code).toBe("store_unavailable");
    expect(await service.upstash.redis("EXISTS", LEASE)).toBe(0);
    expect(await since()).toMatchObject({ calls: 0 });
    await expectOnePermitPerCall(service);
  });

  it("are released at the deadline of the lookup", async () => {
    const { service } = await start();
    await service.upstash.fail("hold reads");
    const deadlines = { ...SHORT_DEADLINES, request: 300, upstash: 600 };
    const { failure } = await createDataCenter(service, undefined, deadlines).page("US.AAPL");
    expect(failure?.code).toBe("request_timeout");
    expect(await service.upstash.redis("EXISTS", LEASE)).toBe(0);
    await expectOnePermitPerCall(service);
  });

  it("that Redis does not answer fail the fetch, and leave no connection and no lease", async () => {
    const { service, near, since } = await start();
    await service.upstash.fail("500", 1);
    expect((await near.page("US.AAPL")).failure?.code).toBe("store_unavailable");
    await noneOpen(service);
    expect(await service.upstash.redis("EXISTS", LEASE)).toBe(0);
    expect(await since()).toMatchObject({ calls: 0 });
    await expectOnePermitPerCall(service);
  });
});
