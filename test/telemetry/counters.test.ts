import { describe, expect, it } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { createCounters } from "../../functions/telemetry/counters.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { Clock } from "../support/data-center.ts";
import { startGateway } from "../support/page-source.ts";

/** The counters of one data centre. */
async function startCounters() {
  const gateway = await startGateway();
  const { upstash } = parseEnv(gateway.env);
  const clock = new Clock();
  const work: Promise<unknown>[] = [];
  const counters = createCounters(
    createUpstash(upstash, 1_000),
    upstash.url,
    (each) => work.push(each),
    clock.now,
  );
  return {
    gateway,
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
    const { add, counters, gateway, clock } = await startCounters();
    await add(1);
    const before = await gateway.upstash.requests();
    for (let times = 0; times < 50; times += 1) await add(1);
    expect((await gateway.upstash.requests()) - before).toBe(9);
    clock.forward(61_000);
    await add(1);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 52]]));
  });

  it("waits for what is worth a question", async () => {
    const { add, counters, gateway } = await startCounters();
    const before = await gateway.upstash.requests();
    await add(1, false);
    await add(1, false);
    expect(await gateway.upstash.requests()).toBe(before);
    await add(1);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 3]]));
  });

  it("waits while Upstash cannot be asked", async () => {
    const { add, counters, gateway } = await startCounters();
    await gateway.upstash.fail("500");
    await add(1);
    await add(1);
    await gateway.upstash.fail(null);
    await add(1);
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 3]]));
  });

  it("is of many at once", async () => {
    const { add, counters } = await startCounters();
    await Promise.all(Array.from({ length: 8 }, () => add(1)));
    expect(await counters.read()).toEqual(new Map([["upstream_calls_total", 8]]));
  });
});
