import { describe, expect, it } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { createCounters } from "../../functions/telemetry/counters.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { countsCommands, startCountedUpstash } from "../support/counted-upstash.ts";
import { Clock } from "../support/data-center.ts";
import { startService } from "../support/service.ts";

const MINUTE = 60_000;
const CALLS = "upstream_calls_total";
const FAILURES = 'fetch_failures_total{code="opend_failed"}';
const STALE = 'stale_pages_total{reason="circuit-open"}';

/** The counters of one data center. */
async function startCounters(vars: Record<string, string> = {}) {
  const service = await startService({}, vars);
  const { upstash } = parseEnv(service.env);
  const clock = new Clock();
  const background: Promise<unknown>[] = [];
  const counters = createCounters(
    createUpstash(upstash, 1_000),
    upstash.url,
    (promise) => background.push(promise),
    clock.now,
  );
  const addAll = async (counts: [string, number][]) => {
    counters.add(new Map(counts));
    await Promise.all(background.splice(0));
  };
  return {
    service,
    clock,
    counters,
    addAll,
    add: (count: number) => addAll([[CALLS, count]]),
    /** Adds a count that waits. */
    addStale: () => addAll([[STALE, 1]]),
  };
}

describe("counters", () => {
  it("can be read at once", async () => {
    const { add, counters } = await startCounters();
    await add(1);
    await add(2);
    expect(await counters.read()).toEqual(new Map([[CALLS, 3]]));
  });

  it("are written at most ten times a minute, and lose no count", async () => {
    const { add, counters, service, clock } = await startCounters();
    await add(1);
    const before = await service.upstash.requests();
    for (let count = 0; count < 50; count += 1) await add(1);
    expect((await service.upstash.requests()) - before).toBe(9);
    clock.forward(61_000);
    await add(1);
    expect(await counters.read()).toEqual(new Map([[CALLS, 52]]));
  });

  it.each(["401", "500", "HTML", "nonsense"] as const)(
    "are retained while Upstash fails: %s",
    async (fault) => {
      const { add, counters, service } = await startCounters();
      await service.upstash.fail(fault);
      await add(1);
      await add(1);
      await expect(counters.read()).rejects.toMatchObject({ code: "store_unavailable" });
      await service.upstash.fail(null);
      await add(1);
      expect(await counters.read()).toEqual(new Map([[CALLS, 3]]));
    },
  );

  it("add up concurrent counts", async () => {
    const { add, counters } = await startCounters();
    await Promise.all(Array.from({ length: 8 }, () => add(1)));
    expect(await counters.read()).toEqual(new Map([[CALLS, 8]]));
  });

  it("of several series are written in one request", async () => {
    const { addAll, counters, service } = await startCounters();
    const before = await service.upstash.requests();
    await addAll([
      [CALLS, 1],
      [FAILURES, 2],
    ]);
    expect((await service.upstash.requests()) - before).toBe(1);
    expect(await counters.read()).toEqual(
      new Map([
        [CALLS, 1],
        [FAILURES, 2],
      ]),
    );
  });
});

describe("counts that wait", () => {
  it("are not written with the counts of a call", async () => {
    const { add, addStale, counters, service } = await startCounters();
    const before = await service.upstash.requests();
    await addStale();
    expect(await service.upstash.requests()).toBe(before);
    await add(1);
    expect(await counters.read()).toEqual(new Map([[CALLS, 1]]));
  });

  it("are written after 30 minutes, with the counts of a call", async () => {
    const { add, addStale, counters, clock } = await startCounters();
    await addStale();
    clock.forward(29 * MINUTE);
    await add(1);
    expect(await counters.read()).toEqual(new Map([[CALLS, 1]]));
    clock.forward(MINUTE);
    await add(1);
    expect(await counters.read()).toEqual(
      new Map([
        [CALLS, 2],
        [STALE, 1],
      ]),
    );
  });

  it("cause no write in an hour of stale pages", async () => {
    const { addStale, counters, service, clock } = await startCounters();
    const before = await service.upstash.requests();
    for (let second = 0; second < 3_600; second += 10) {
      await addStale();
      clock.forward(10_000);
    }
    expect(await service.upstash.requests()).toBe(before);
    await counters.flush();
    expect(await counters.read()).toEqual(new Map([[STALE, 360]]));
  });

  it("are written by a flush", async () => {
    const { addStale, counters } = await startCounters();
    await addStale();
    await counters.flush(new Map([[CALLS, 1]]));
    expect(await counters.read()).toEqual(
      new Map([
        [STALE, 1],
        [CALLS, 1],
      ]),
    );
  });

  it("are not lost by a failed write", async () => {
    const { add, addStale, counters, service, clock } = await startCounters();
    await addStale();
    clock.forward(30 * MINUTE);
    await service.upstash.fail("500");
    await add(1);
    await service.upstash.fail(null);
    clock.forward(30 * MINUTE);
    await add(1);
    expect(await counters.read()).toEqual(
      new Map([
        [STALE, 1],
        [CALLS, 2],
      ]),
    );
  });
});

describe.runIf(countsCommands)("the commands of counters", () => {
  it("are one for each written series, and one for a read", async () => {
    const upstash = await startCountedUpstash();
    const { add, addAll, addStale, counters } = await startCounters(upstash.vars);
    expect(await upstash.commandsOf(() => add(1))).toEqual({ hincrby: 1 });
    expect(
      await upstash.commandsOf(() =>
        addAll([
          [CALLS, 2],
          [FAILURES, 3],
        ]),
      ),
    ).toEqual({ hincrby: 2 });
    expect(await upstash.commandsOf(() => addStale())).toEqual({});
    expect(await upstash.commandsOf(() => counters.read())).toEqual({ hgetall: 1 });
  });
});
