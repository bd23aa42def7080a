import { describe, expect, it } from "vitest";
import type { OpendOptions } from "../stand-ins/opend.ts";
import { REVALIDATED_AFTER_MS, STALE_AFTER_MS, startDataCenters as start } from "../support/data-center.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NO_FAULT: OpendOptions = { fault: "", unpublished: 0 };

/** Two data centers with a stale page, and these faults of OpenD when it is refreshed. */
async function startStale(faults: OpendOptions) {
  const started = await start(2);
  const [first, second] = started.dataCenters;
  if (!first || !second) throw new Error("There are two data centers");
  for (const dataCenter of [first, second]) await dataCenter.page("US.AAPL", { num: 50 });
  started.clock.forward(STALE_AFTER_MS);
  await started.service.opend.set(faults);
  return {
    ...started,
    first,
    second,
    /** Passes the time after which every data center revalidates, and ends the lease of an unconfirmed page. */
    async expireCopies() {
      started.clock.forward(REVALIDATED_AFTER_MS);
      await started.service.upstash.redis("DEL", "short-interest:lease:US.AAPL/");
    },
    calls: async () => (await started.service.opend.stats()).calls,
  };
}

describe.each([
  ["denies that the security exists", { fault: "unknown stock" }],
  ["is empty", { unpublished: 100_000 }],
  ["is older", { unpublished: 3 }],
] as const)("refresh whose reply %s", (_, faults) => {
  it("leaves the stored page in place in all data centers, and is repeated", async () => {
    const { first, second, expireCopies, service, calls } = await startStale(faults);
    const { result: before } = await first.page("US.AAPL");
    expect(await calls()).toBe(2);
    await service.opend.set(NO_FAULT);
    for (const dataCenter of [first, second, first, second]) {
      const { result } = await dataCenter.page("US.AAPL");
      expect(result?.page.rows).toEqual(before?.page.rows);
      expect(result?.staleReason).toBeDefined();
    }
    expect(await calls()).toBe(2);
    await expireCopies();
    for (const dataCenter of [first, second, first, second]) await dataCenter.page("US.AAPL");
    expect(await calls()).toBe(3);
    expect((await first.page("US.AAPL")).result).toMatchObject({ staleReason: undefined });
  });

  it("replaces the stored page when it repeats a minute later", async () => {
    const { first, second, expireCopies, calls, clock } = await startStale(faults);
    const { result: before } = await first.page("US.AAPL");
    await expireCopies();
    expect((await first.page("US.AAPL")).result?.page.rows).toEqual(before?.page.rows);
    expect(await calls()).toBe(3);
    clock.forward(REVALIDATED_AFTER_MS);
    await second.page("US.AAPL");
    for (const dataCenter of [first, second]) {
      const { result, failure } = await dataCenter.page("US.AAPL");
      if ("fault" in faults) expect(failure?.code).toBe("unknown_symbol");
      else expect(result?.page.rows).not.toEqual(before?.page.rows);
    }
    expect(await calls()).toBe(3);
  });
});

describe("refresh after a split, with the same dates and other values", () => {
  it("replaces the stored page at once", async () => {
    const { first, clock, calls } = await startStale(NO_FAULT);
    await first.page("US.AAPL");
    expect((await first.page("US.AAPL")).result?.staleReason).toBeUndefined();
    clock.forward(DAY);
    expect(await calls()).toBe(2);
  });
});

describe("refresh that OpenD refuses with no permission", () => {
  it("never replaces the stored page, and is repeated after minutes", async () => {
    const { first, second, clock, service, calls } = await startStale({ fault: "no permission" });
    for (let round = 0; round < 4; round += 1) {
      clock.forward(10 * MINUTE);
      await service.upstash.redis("DEL", "short-interest:lease:US.AAPL/");
      for (const dataCenter of [first, second, first, second]) {
        expect((await dataCenter.page("US.AAPL")).result?.staleReason).toBeDefined();
      }
    }
    expect(await calls()).toBe(5);
    const remainingMs = await service.upstash.redis("PTTL", "short-interest:lease:US.AAPL/");
    expect(remainingMs).toBeGreaterThan(4 * MINUTE);
  });
});
