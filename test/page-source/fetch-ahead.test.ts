import { describe, expect, it, vi } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { createFetchLikelihood } from "../../functions/page-source/fetch-likelihood.ts";
import { createUpstream } from "../../functions/page-source/upstream.ts";
import { createPermits } from "../../functions/rate-limit/permits.ts";
import { createRequestStats } from "../../functions/telemetry/request-stats.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { createDataCenter, expectOnePermitPerCall, SHORT_DEADLINES } from "../support/data-center.ts";
import { CIRCUIT, isFetchLikely, LEASE, noneOpen, startLikely as start } from "../support/fetch-ahead.ts";
import { startService } from "../support/service.ts";

/** An edge copy is trusted and then revalidated in the background for less. */
const REVALIDATED_AFTER_MS = 70 * 60_000;

describe("connection of a fetch", () => {
  it("opens while Redis is asked if fetches were likely, sends nothing, and is used by the fetch", async () => {
    const { service, near, since, untilHeld } = await start();
    const { result, release } = await untilHeld(() => near.page("US.AAPL"));
    await vi.waitFor(async () => expect(await since()).toMatchObject({ upgrades: 1, calls: 0 }));
    await release();
    expect(await result).toMatchObject({ result: { tier: "opend" } });
    expect(await since()).toMatchObject({ upgrades: 1, calls: 1 });
    await expectOnePermitPerCall(service);
  });

  it("waits for a slow permit as long as for a fast one", async () => {
    const { service, near, since, untilHeld } = await start();
    // Answers the look, and holds the request for lease and permit.
    const { result, release } = await untilHeld(() => near.page("US.AAPL"), 2, "hold", 1);
    await vi.waitFor(async () => expect(await since()).toMatchObject({ upgrades: 1, calls: 0 }));
    await release();
    expect(await result).toMatchObject({ result: { tier: "opend" } });
    expect(await since()).toMatchObject({ upgrades: 1, calls: 1 });
    await expectOnePermitPerCall(service);
  });

  it("opens only after the shared cache was read if fetches were unlikely", async () => {
    const { near, since, untilHeld } = await start({}, 1);
    const { result, release } = await untilHeld(() => near.page("US.AAPL"), 1);
    expect(await since()).toMatchObject({ upgrades: 0 });
    await release();
    expect(await result).toMatchObject({ result: { tier: "opend" } });
    expect(await since()).toMatchObject({ upgrades: 1 });
  });

  it("closes when the answer is a copy, without a call", async () => {
    const { service, near, far, since, untilHeld } = await start();
    const { result, release } = await untilHeld(() => far.page("US.T0"));
    await vi.waitFor(async () => expect(await since()).toMatchObject({ upgrades: 1, connections: 1 }));
    await release();
    expect(await result).toMatchObject({ result: { tier: "shared" } });
    await noneOpen(service);
    expect(await since()).toMatchObject({ calls: 0 });
    // The copy is now at the edge of the other data center too.
    expect((await near.page("US.T0")).result?.tier).toBe("edge");
    await expectOnePermitPerCall(service);
  });

  it("that has not opened is given up when the answer is a copy", async () => {
    const { service, far, since, untilHeld } = await start();
    await service.opend.set({ fault: "hanging connect" });
    const { result, release } = await untilHeld(() => far.page("US.T0"));
    await vi.waitFor(async () => expect(await since()).toMatchObject({ upgrades: 1, connections: 1 }));
    await release();
    expect(await result).toMatchObject({ result: { tier: "shared" } });
    await noneOpen(service);
    // It was given up: it did not fail.
    expect(isFetchLikely(service)).toBe(true);
  });

  it("is likely to be needed after five fetches, and no longer after a copy", async () => {
    const { service, near, far } = await start({}, 1);
    for (const symbol of ["US.T1", "US.T2", "US.T3", "US.T4"]) {
      expect(isFetchLikely(service)).toBe(false);
      await near.page(symbol);
    }
    expect(isFetchLikely(service)).toBe(true);
    await far.page("US.T1");
    expect(isFetchLikely(service)).toBe(false);
  });

  it("closes when Redis hangs", async () => {
    const { service, since } = await start();
    await service.upstash.fail("hang");
    const { failure, phases } = await createDataCenter(service, undefined, SHORT_DEADLINES).page("US.AAPL");
    expect(failure?.code).toBe("store_unavailable");
    expect(phases.has("connect")).toBe(true);
    await noneOpen(service);
    expect(await since()).toMatchObject({ calls: 0 });
  });

  it("closes when the lookup exceeds its deadline", async () => {
    const { service, since } = await start();
    await service.upstash.fail("hang");
    const deadlines = { ...SHORT_DEADLINES, request: 300, upstash: 600 };
    const { failure } = await createDataCenter(service, undefined, deadlines).page("US.AAPL");
    expect(failure?.code).toBe("request_timeout");
    await noneOpen(service);
    expect(await since()).toMatchObject({ calls: 0 });
  });

  it("closes when the permit is refused, and does not open while the refusal is remembered", async () => {
    const { service, near, since, untilHeld } = await start({ UPSTREAM_LIMIT: "1" });
    const { result, release } = await untilHeld(() => near.page("US.AAPL"));
    await vi.waitFor(async () => expect(await since()).toMatchObject({ upgrades: 1, connections: 1 }));
    await release();
    expect((await result).failure?.code).toBe("upstream_quota_exceeded");
    await noneOpen(service);
    const { phases, failure } = await near.page("US.TSLA");
    expect(failure?.code).toBe("upstream_quota_exceeded");
    expect(phases.has("connect")).toBe(false);
    expect(isFetchLikely(service)).toBe(true);
    expect(await since()).toMatchObject({ calls: 0 });
    await expectOnePermitPerCall(service);
  });

  it("closes when another lookup holds the lease, and another one opens for a fetch after that", async () => {
    const { service, near, since, untilHeld } = await start();
    await service.upstash.redis("SET", LEASE, "other", "PX", "400");
    const { result, release } = await untilHeld(() => near.page("US.AAPL"));
    await vi.waitFor(async () => expect(await since()).toMatchObject({ upgrades: 1, connections: 1 }));
    await release();
    await noneOpen(service);
    expect(await result).toMatchObject({ result: { tier: "opend" } });
    expect(await since()).toMatchObject({ upgrades: 2, calls: 1 });
  });

  it("closes when the circuit is found open, and does not open while that is remembered", async () => {
    const { service, near, since, untilHeld } = await start();
    await service.upstash.redis("SET", CIRCUIT, `${Date.now() + 60_000} 60000 - 0 ${Date.now()}`);
    const { result, release } = await untilHeld(() => near.page("US.AAPL"));
    await vi.waitFor(async () => expect(await since()).toMatchObject({ upgrades: 1, connections: 1 }));
    await release();
    expect((await result).failure?.code).toBe("opend_unreachable");
    await noneOpen(service);
    const { phases, failure } = await near.page("US.TSLA");
    expect(failure?.code).toBe("opend_unreachable");
    expect(phases.has("connect")).toBe(false);
    expect(isFetchLikely(service)).toBe(true);
    expect(await since()).toMatchObject({ calls: 0 });
  });

  it.each(["not a WebSocket", "login: drop", "login: silence", "hanging connect"])(
    "that fails with the fault '%s' makes fetches unlikely",
    async (fault) => {
      const { service } = await start();
      expect(isFetchLikely(service)).toBe(true);
      await service.opend.set({ fault });
      const { failure } = await createDataCenter(service, undefined, SHORT_DEADLINES).page("US.AAPL");
      expect(failure?.code).toMatch(/^opend_/);
      expect(isFetchLikely(service)).toBe(false);
      await noneOpen(service);
    },
  );

  it("opens without a permit for 4 lookups of an isolate at once, at most", async () => {
    const { service, near, since, untilHeld } = await start();
    for (const round of [1, 2]) {
      const symbols = Array.from({ length: 8 }, (_, index) => `US.T${100 * round + index}`);
      const { upgrades, calls } = await since();
      // A look for each, and four requests for a permit.
      const { result, release } = await untilHeld(
        () => Promise.all(symbols.map((symbol) => near.page(symbol))),
        8 + 4,
      );
      await vi.waitFor(async () => expect((await since()).upgrades).toBe(upgrades + 4));
      await release();
      await result;
      expect(await since()).toMatchObject({ upgrades: upgrades + 8, calls: calls + 8 });
      await noneOpen(service);
    }
    await expectOnePermitPerCall(service);
  });

  it("that a history keeps goes first", async () => {
    const { env, opend } = await startService();
    const config = parseEnv(env);
    const upstash = createUpstash(config.upstash, DEADLINES.upstash);
    const rule = { ...config.quota, maxInFlightMs: 6_000 };
    const waitUntil = () => undefined;
    const upstream = createUpstream({
      opend: config.opend,
      permits: createPermits({ upstash, database: config.upstash.url, rule, waitUntil, now: Date.now }),
      deadlines: DEADLINES,
      waitUntil,
      stats: createRequestStats(Date.now),
      likelihood: createFetchLikelihood(config.upstash.url),
    });
    const release = upstream.reuseConnection();
    const page = { symbol: { market: "US", code: "AAPL" }, cursor: "", num: 50 } as const;
    await upstream.fetch(page, { client: "me", priority: "known-page" }, false);
    expect(upstream.connectAhead()).toBeUndefined();
    await upstream.fetch(page, { client: "me", priority: "known-page" }, true);
    expect(await opend.stats()).toMatchObject({ upgrades: 1, calls: 2 });
    release();
    const ahead = upstream.connectAhead();
    expect(ahead).toBeDefined();
    ahead?.close();
    await vi.waitFor(async () => expect((await opend.stats()).connections).toBe(0));
  });

  it("does not open ahead to revalidate an edge copy", async () => {
    const { service, clock, near } = await start();
    clock.forward(REVALIDATED_AFTER_MS);
    const { result, phases } = await near.page("US.T0");
    expect(result?.tier).toBe("shared");
    expect(phases.has("connect")).toBe(false);
    expect(isFetchLikely(service)).toBe(true);
  });
});
