import { beforeEach, describe, expect, it } from "vitest";
import { cachedPage, type PageSummary } from "../../functions/page-source/cached-reply.ts";
import { circuitOpenMs } from "../../functions/page-source/circuit-breaker.ts";
import { createSharedCache } from "../../functions/page-source/shared-cache.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { control } from "../support/stand-ins.ts";

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const PAGE = cachedPage(new Uint8Array([8, 10]), "", NOW);
const SUMMARY: PageSummary = { newest: 1_700_000_000, extent: 10, next: null, range: undefined };
const FAILED = { outcome: "failed" } as const;

async function start() {
  let now = NOW;
  const upstash = createUpstash(await control.startUpstash(), 1_000);
  return {
    sharedCache: createSharedCache(upstash, HOUR, () => now),
    openMs: () => circuitOpenMs(upstash, now),
    setTime: (ms: number) => {
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
    for (let attempt = 0; attempt < times; attempt += 1) {
      await started.sharedCache.readOrLease(keyOf(attempt), `lease ${attempt}`);
      await started.sharedCache.release(keyOf(attempt), `lease ${attempt}`, FAILED, []);
    }
  }

  it("opens for 10 s after five failures within 30 s", async () => {
    await failTimes(4);
    expect(await started.openMs()).toBe(0);
    expect(await started.sharedCache.readOrLease(keyOf(10), "a")).toMatchObject({ state: "lease-acquired" });
    await started.sharedCache.release(keyOf(10), "a", FAILED, []);
    expect(await started.sharedCache.readOrLease(keyOf(11), "b")).toMatchObject({
      state: "circuit-open",
      waitMs: 10_000,
    });
    expect(await started.openMs()).toBe(10_000);
  });

  it("ignores failures older than 30 s", async () => {
    await failTimes(4);
    started.setTime(NOW + 30_000);
    await failTimes(4);
    expect(await started.sharedCache.readOrLease(keyOf(10), "a")).toMatchObject({ state: "lease-acquired" });
  });

  it("ignores calls that were answered or never made", async () => {
    for (let call = 0; call < 10; call += 1) {
      const outcome = call % 2 === 0 ? "answered" : "inconclusive";
      await started.sharedCache.readOrLease(keyOf(call), "a");
      await started.sharedCache.release(keyOf(call), "a", { outcome }, []);
    }
    expect(await started.sharedCache.readOrLease(keyOf(11), "b")).toMatchObject({ state: "lease-acquired" });
  });

  it("admits one probe at a time when half-open, and closes after a reply", async () => {
    await failTimes(5);
    started.setTime(NOW + 10_000);
    expect(await started.sharedCache.readOrLease(keyOf(20), "probe")).toMatchObject({
      state: "lease-acquired",
    });
    expect(await started.sharedCache.readOrLease(keyOf(21), "other")).toMatchObject({
      state: "circuit-open",
      waitMs: 0,
    });
    await started.sharedCache.release(keyOf(20), "probe", FAILED, []);
    expect(await started.sharedCache.readOrLease(keyOf(21), "other")).toMatchObject({ waitMs: 10_000 });
    started.setTime(NOW + 20_000);
    expect(await started.sharedCache.readOrLease(keyOf(21), "again")).toMatchObject({
      state: "lease-acquired",
    });
    await started.sharedCache.write(keyOf(21), "again", PAGE, SUMMARY, []);
    for (let number = 30; number < 34; number += 1) {
      expect(await started.sharedCache.readOrLease(keyOf(number), "c")).toMatchObject({
        state: "lease-acquired",
      });
    }
  });

  it("admits another probe if one made no call, or if the lease of a crashed one has expired", async () => {
    await failTimes(5);
    started.setTime(NOW + 10_000);
    await started.sharedCache.readOrLease(keyOf(20), "refused");
    await started.sharedCache.release(keyOf(20), "refused", { outcome: "inconclusive" }, []);
    expect(await started.sharedCache.readOrLease(keyOf(21), "dead")).toMatchObject({
      state: "lease-acquired",
    });
    expect(await started.sharedCache.readOrLease(keyOf(22), "next")).toMatchObject({
      state: "circuit-open",
      waitMs: 0,
    });
    started.setTime(NOW + 10_000 + HOUR);
    expect(await started.sharedCache.readOrLease(keyOf(22), "next")).toMatchObject({
      state: "lease-acquired",
    });
  });

  it("does not delay fresh pages", async () => {
    await started.sharedCache.write(keyOf(40), "", PAGE, SUMMARY, []);
    await failTimes(5);
    expect(await started.sharedCache.readOrLease(keyOf(40), "a")).toMatchObject({ state: "fresh" });
  });
});
