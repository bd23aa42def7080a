import { beforeEach, describe, expect, it } from "vitest";
import { cachePage, type PageSummary } from "../../functions/page-source/cached-reply.ts";
import { circuitOpenMs } from "../../functions/page-source/circuit-breaker.ts";
import { createSharedCache } from "../../functions/page-source/shared-cache.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { control } from "../support/stand-ins.ts";

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const PAGE = cachePage(new Uint8Array([8, 10]), "", NOW);
const SUMMARY: PageSummary = { newest: 1_700_000_000, extent: 10, next: null, range: undefined };
const FAILED = { outcome: "failed" } as const;

async function start() {
  let now = NOW;
  const upstash = createUpstash(await control.startUpstash(), 1_000);
  return {
    store: createSharedCache(upstash, HOUR, () => now),
    openMs: () => circuitOpenMs(upstash, now),
    at: (ms: number) => {
      now = ms;
    },
  };
}

let started: Awaited<ReturnType<typeof start>>;
beforeEach(async () => {
  started = await start();
});

describe("circuit breaker", () => {
  const keyOf = (number: number) => ({ symbol: `US.T${number}`, cursor: "" });

  async function failTimes(times: number) {
    for (let time = 0; time < times; time += 1) {
      await started.store.read(keyOf(time), `lease ${time}`);
      await started.store.release(keyOf(time), `lease ${time}`, FAILED, []);
    }
  }

  it("opens for ten seconds after five failures", async () => {
    await failTimes(4);
    expect(await started.openMs()).toBe(0);
    expect(await started.store.read(keyOf(10), "a")).toMatchObject({ state: "lease-acquired" });
    await started.store.release(keyOf(10), "a", FAILED, []);
    expect(await started.store.read(keyOf(11), "b")).toMatchObject({ state: "circuit-open", waitMs: 10_000 });
    expect(await started.openMs()).toBe(10_000);
  });

  it("ignores failures older than 30 s", async () => {
    await failTimes(4);
    started.at(NOW + 30_000);
    await failTimes(4);
    expect(await started.store.read(keyOf(10), "a")).toMatchObject({ state: "lease-acquired" });
  });

  it("ignores calls that were answered or never made", async () => {
    for (let time = 0; time < 10; time += 1) {
      const outcome = time % 2 === 0 ? "answered" : "not-called";
      await started.store.read(keyOf(time), "a");
      await started.store.release(keyOf(time), "a", { outcome }, []);
    }
    expect(await started.store.read(keyOf(11), "b")).toMatchObject({ state: "lease-acquired" });
  });

  it("admits one probe at a time when half-open, and closes after a reply", async () => {
    await failTimes(5);
    started.at(NOW + 10_000);
    expect(await started.store.read(keyOf(20), "probe")).toMatchObject({ state: "lease-acquired" });
    expect(await started.store.read(keyOf(21), "other")).toMatchObject({ state: "circuit-open", waitMs: 0 });
    await started.store.release(keyOf(20), "probe", FAILED, []);
    expect(await started.store.read(keyOf(21), "other")).toMatchObject({ waitMs: 10_000 });
    started.at(NOW + 20_000);
    expect(await started.store.read(keyOf(21), "again")).toMatchObject({ state: "lease-acquired" });
    await started.store.write(keyOf(21), "again", PAGE, SUMMARY, []);
    for (let time = 30; time < 34; time += 1) {
      expect(await started.store.read(keyOf(time), "c")).toMatchObject({ state: "lease-acquired" });
    }
  });

  it("admits the next probe when one could not call, and after a probe that died", async () => {
    await failTimes(5);
    started.at(NOW + 10_000);
    await started.store.read(keyOf(20), "refused");
    await started.store.release(keyOf(20), "refused", { outcome: "not-called" }, []);
    expect(await started.store.read(keyOf(21), "dead")).toMatchObject({ state: "lease-acquired" });
    expect(await started.store.read(keyOf(22), "next")).toMatchObject({ state: "circuit-open", waitMs: 0 });
    started.at(NOW + 10_000 + HOUR);
    expect(await started.store.read(keyOf(22), "next")).toMatchObject({ state: "lease-acquired" });
  });

  it("does not delay fresh pages", async () => {
    await started.store.write(keyOf(40), "", PAGE, SUMMARY, []);
    await failTimes(5);
    expect(await started.store.read(keyOf(40), "a")).toMatchObject({ state: "fresh" });
  });
});
