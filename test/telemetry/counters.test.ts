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
  const work: Promise<unknown>[] = [];
  const counters = createCounters(
    createUpstash(upstash, 1_000),
    upstash.url,
    (each) => work.push(each),
    clock.now,
  );
  return {
    service,
    clock,
    counters,
    async add(times: number, atOnce = true) {
      counters.add(new Map([["upstream_calls_total", times]]), atOnce);
      await Promise.all(work.splice(0));
    },
  };
}

describe("what is counted", () => {
  it("is there at once", async () => {
    const { add, counters } = await startCounters();
    await add(1);
    await add(2);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 3]]));
  });

  it("is written ten times a minute at most, and nothing of it is lost", async () => {
    const { add, counters, service, clock } = await startCounters();
    await add(1);
    const before = await service.upstash.requests();
    for (let times = 0; times < 50; times += 1) await add(1);
    expect((await service.upstash.requests()) - before).toBe(9);
    clock.forward(61_000);
    await add(1);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 52]]));
  });

  it("waits for what is worth a question", async () => {
    const { add, counters, service } = await startCounters();
    const before = await service.upstash.requests();
    await add(1, false);
    await add(1, false);
    expect(await service.upstash.requests()).toBe(before);
    await add(1);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 3]]));
  });

  it("waits while Upstash cannot be asked", async () => {
    const { add, counters, service } = await startCounters();
    await service.upstash.fail("500");
    await add(1);
    await add(1);
    await service.upstash.fail(null);
    await add(1);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 3]]));
  });

  it("is of many at once", async () => {
    const { add, counters } = await startCounters();
    await Promise.all(Array.from({ length: 8 }, () => add(1)));
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 8]]));
  });
});
