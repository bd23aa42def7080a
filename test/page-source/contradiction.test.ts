import { describe, expect, it } from "vitest";
import type { OpendOptions } from "../stand-ins/opend.ts";
import { startDataCenters as start } from "../support/data-center.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WELL: OpendOptions = { fault: "", unpublished: 0 };

/** Two data centers with a stale page, and an OpenD that results its refresh with this. */
async function startStale(faults: OpendOptions) {
  const started = await start(2);
  const [here, there] = started.dataCenters;
  if (!here || !there) throw new Error("There are two data centers");
  for (const dataCenter of [here, there]) await dataCenter.page("US.AAPL", { num: 50 });
  started.clock.forward(2 * HOUR);
  await started.service.opend.set(faults);
  return {
    ...started,
    here,
    there,
    /** Lets every copy lose its trust, and the lease of a doubted page end. */
    async later() {
      started.clock.forward(3 * MINUTE);
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
  it("leaves the stored page in place everywhere, and is asked again", async () => {
    const { here, there, later, service, calls } = await startStale(faults);
    const { result: before } = await here.page("US.AAPL");
    expect(await calls()).toBe(2);
    await service.opend.set(WELL);
    for (const dataCenter of [here, there, here, there]) {
      const { result } = await dataCenter.page("US.AAPL");
      expect(result?.page.rows).toEqual(before?.page.rows);
      expect(result?.stale).toBeDefined();
    }
    expect(await calls()).toBe(2);
    await later();
    for (const dataCenter of [here, there, here, there]) await dataCenter.page("US.AAPL");
    expect(await calls()).toBe(3);
    expect((await here.page("US.AAPL")).result).toMatchObject({ stale: undefined });
  });

  it("is believed when it repeats a minute later", async () => {
    const { here, there, later, calls, clock } = await startStale(faults);
    const { result: before } = await here.page("US.AAPL");
    await later();
    expect((await here.page("US.AAPL")).result?.page.rows).toEqual(before?.page.rows);
    expect(await calls()).toBe(3);
    clock.forward(3 * MINUTE);
    await there.page("US.AAPL");
    for (const dataCenter of [here, there]) {
      const { result, failure } = await dataCenter.page("US.AAPL");
      if ("fault" in faults) expect(failure?.code).toBe("unknown_symbol");
      else expect(result?.page.rows).not.toEqual(before?.page.rows);
    }
    expect(await calls()).toBe(3);
  });
});

describe("refresh after a split, with the same dates and other values", () => {
  it("replaces the stored page at once", async () => {
    const { here, clock, calls } = await startStale(WELL);
    await here.page("US.AAPL");
    expect((await here.page("US.AAPL")).result?.stale).toBeUndefined();
    clock.forward(DAY);
    expect(await calls()).toBe(2);
  });
});

describe("refresh that OpenD refuses for lack of a right", () => {
  it("never replaces the stored page, and is asked again after minutes", async () => {
    const { here, there, clock, service, calls } = await startStale({ fault: "no permission" });
    for (let time = 0; time < 4; time += 1) {
      clock.forward(10 * MINUTE);
      await service.upstash.redis("DEL", "short-interest:lease:US.AAPL/");
      for (const dataCenter of [here, there, here, there]) {
        expect((await dataCenter.page("US.AAPL")).result?.stale).toBeDefined();
      }
    }
    expect(await calls()).toBe(5);
    const left = await service.upstash.redis("PTTL", "short-interest:lease:US.AAPL/");
    expect(left).toBeGreaterThan(4 * MINUTE);
  });
});
