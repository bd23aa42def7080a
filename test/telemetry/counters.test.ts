import { describe, expect, it } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { createCounters } from "../../functions/telemetry/counters.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { Clock } from "../support/data-center.ts";
import { startService } from "../support/service.ts";

/** The counters of one data center. */
async function startCounters() {
  const service = await startService();
  const { upstash } = parseEnv(service.env);
  const clock = new Clock();
  const background: Promise<unknown>[] = [];
  const counters = createCounters(
    createUpstash(upstash, 1_000),
    upstash.url,
    (promise) => background.push(promise),
    clock.now,
  );
  return {
    service,
    clock,
    counters,
    async add(count: number, atOnce = true) {
      counters.add(new Map([["upstream_calls_total", count]]), atOnce);
      await Promise.all(background.splice(0));
    },
  };
}

describe("counters", () => {
  it("can be read at once", async () => {
    const { add, counters } = await startCounters();
    await add(1);
    await add(2);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 3]]));
  });

  it("are written at most ten times a minute, and lose no count", async () => {
    const { add, counters, service, clock } = await startCounters();
    await add(1);
    const before = await service.upstash.requests();
    for (let count = 0; count < 50; count += 1) await add(1);
    expect((await service.upstash.requests()) - before).toBe(9);
    clock.forward(61_000);
    await add(1);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 52]]));
  });

  it("that need no immediate write wait for the next one", async () => {
    const { add, counters, service } = await startCounters();
    const before = await service.upstash.requests();
    await add(1, false);
    await add(1, false);
    expect(await service.upstash.requests()).toBe(before);
    await add(1);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 3]]));
  });

  it("are retained while Upstash fails", async () => {
    const { add, counters, service } = await startCounters();
    await service.upstash.fail("500");
    await add(1);
    await add(1);
    await service.upstash.fail(null);
    await add(1);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 3]]));
  });

  it("add up concurrent counts", async () => {
    const { add, counters } = await startCounters();
    await Promise.all(Array.from({ length: 8 }, () => add(1)));
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 8]]));
  });
});
