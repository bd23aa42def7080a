import { beforeEach, describe, expect, it } from "vitest";
import { parseEnv } from "../../functions/env.ts";
import { circuitOpenMs, outcomeOf } from "../../functions/page-source/circuit-breaker.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { expectOnePermitPerCall, startDataCenters } from "../support/data-center.ts";
import { readPermits } from "../support/permit-log.ts";
import {
  cachedPage,
  emptySlot,
  HOUR,
  MINUTE,
  NOW,
  SECOND,
  startSharedCache,
} from "../support/shared-cache.ts";

const PAGE = cachedPage(new Uint8Array([8, 10]), "", NOW);
const FAILED = { outcome: "failed" } as const;
const CIRCUIT = "short-interest:circuit";

const keyOf = (number: number) => ({ symbol: `US.T${number}`, cursor: "" });

let started: Awaited<ReturnType<typeof startSharedCache>>;
let now: number;
beforeEach(async () => {
  started = await startSharedCache();
  now = NOW;
});

function setTime(ms: number) {
  now = ms;
  started.setTime(ms);
}
const look = (number: number) => started.cache.look(keyOf(number));
const openMs = () => circuitOpenMs(started.upstash, now);
const fail = (number: number, leaseId: string) =>
  started.cache.release(emptySlot(keyOf(number)), leaseId, FAILED);

async function failTimes(times: number) {
  for (let attempt = 0; attempt < times; attempt += 1) {
    expect(await started.acquire(keyOf(attempt), `lease-${attempt}`)).toBe("acquired");
    await fail(attempt, `lease-${attempt}`);
  }
}

describe("circuit breaker", () => {
  it("opens for 10 s after five failures within 30 s", async () => {
    await failTimes(4);
    expect(await openMs()).toBe(0);
    expect(await look(10)).toMatchObject({ state: "lease-free", isProbe: false });
    await failTimes(1);
    expect(await look(11)).toMatchObject({ state: "circuit-open", waitMs: 10_000 });
    expect(await openMs()).toBe(10_000);
  });

  it("ignores failures older than 30 s", async () => {
    await failTimes(4);
    setTime(NOW + 30_000);
    await failTimes(4);
    expect(await look(10)).toMatchObject({ state: "lease-free" });
  });

  it("ignores calls that were answered or never made", async () => {
    for (let call = 0; call < 10; call += 1) {
      const outcome = call % 2 === 0 ? "answered" : "inconclusive";
      await started.acquire(keyOf(call), "a");
      await started.cache.release(emptySlot(keyOf(call)), "a", { outcome });
    }
    expect(await look(11)).toMatchObject({ state: "lease-free" });
    expect(await started.command("GET", CIRCUIT)).toBeNull();
  });

  it("forgets its failures after a page or a refusal of OpenD", async () => {
    await failTimes(4);
    await started.write(keyOf(20), { cached: PAGE });
    await failTimes(4);
    await started.cache.release(emptySlot(keyOf(20)), "a", { outcome: "answered" });
    await failTimes(4);
    expect(await openMs()).toBe(0);
  });

  it("is half-open after 10 s: the next call is a probe", async () => {
    await failTimes(5);
    setTime(NOW + 10_000 - 1);
    expect(await look(20)).toMatchObject({ state: "circuit-open", waitMs: 1 });
    setTime(NOW + 10_000);
    expect(await look(20)).toMatchObject({ state: "lease-free", isProbe: true });
    expect(await openMs()).toBe(0);
  });

  it("admits one probe at a time when half-open, and closes after a reply", async () => {
    await failTimes(5);
    setTime(NOW + 10_000);
    expect(await started.acquire(keyOf(20), "probe")).toBe("acquired");
    expect(await look(21)).toMatchObject({ state: "circuit-open", waitMs: 0 });
    await fail(20, "probe");
    expect(await look(21)).toMatchObject({ state: "circuit-open", waitMs: 20_000 });
    setTime(NOW + 30_000);
    expect(await started.acquire(keyOf(21), "again")).toBe("acquired");
    await started.write(keyOf(21), { cached: PAGE, leaseId: "again" });
    for (let number = 30; number < 34; number += 1) {
      expect(await started.acquire(keyOf(number), "c")).toBe("acquired");
    }
  });

  it("is open twice as long after each failed probe, from 10 s to 5 min", async () => {
    await failTimes(5);
    for (const seconds of [10, 20, 40, 80, 160, 300, 300]) {
      expect(await openMs()).toBe(seconds * SECOND);
      setTime(now + seconds * SECOND);
      expect(await started.acquire(keyOf(20), "probe")).toBe("acquired");
      await fail(20, "probe");
    }
  });

  it("is open for 10 s again when it opens after it was closed", async () => {
    await failTimes(5);
    setTime(NOW + 10_000);
    await started.acquire(keyOf(20), "probe");
    await fail(20, "probe");
    expect(await openMs()).toBe(20_000);
    setTime(NOW + 30_000);
    await started.acquire(keyOf(20), "probe");
    await started.write(keyOf(20), { cached: PAGE, leaseId: "probe" });
    await failTimes(5);
    expect(await openMs()).toBe(10_000);
  });

  it("does not double its open time because of calls that began before it opened", async () => {
    for (let call = 0; call < 8; call += 1) await started.acquire(keyOf(call), `lease-${call}`);
    for (let call = 0; call < 5; call += 1) await fail(call, `lease-${call}`);
    for (let call = 5; call < 8; call += 1) await fail(call, `lease-${call}`);
    expect(await openMs()).toBe(10_000);
    setTime(NOW + 10_000);
    expect(await look(20)).toMatchObject({ isProbe: true });
  });

  it("stays half-open for its probe if a call that began before fails meanwhile", async () => {
    for (let call = 0; call < 6; call += 1) await started.acquire(keyOf(call), `lease-${call}`);
    for (let call = 0; call < 5; call += 1) await fail(call, `lease-${call}`);
    setTime(NOW + 40_000);
    await started.acquire(keyOf(20), "probe");
    await fail(5, "lease-5");
    expect(await look(21)).toMatchObject({ state: "circuit-open", waitMs: 0 });
    await fail(20, "probe");
    expect(await openMs()).toBe(20_000);
  });

  it("admits another probe if one made no call, or if the lease of a crashed one has expired", async () => {
    await failTimes(5);
    setTime(NOW + 10_000);
    await started.acquire(keyOf(20), "refused");
    await started.cache.release(emptySlot(keyOf(20)), "refused", { outcome: "inconclusive" });
    expect(await started.acquire(keyOf(21), "dead")).toBe("acquired");
    expect(await look(22)).toMatchObject({ state: "circuit-open", waitMs: 0 });
    setTime(NOW + 10_000 + HOUR);
    expect(await started.acquire(keyOf(22), "next")).toBe("acquired");
  });

  it("does not delay fresh pages", async () => {
    await started.write(keyOf(40), { cached: PAGE });
    await failTimes(5);
    expect(await look(40)).toMatchObject({ state: "fresh" });
  });

  it("is closed an hour after the last failure", async () => {
    await failTimes(5);
    const remainingMs = await started.command("PTTL", CIRCUIT);
    expect(remainingMs).toBeGreaterThan(HOUR - MINUTE);
    expect(remainingMs).toBeLessThanOrEqual(HOUR);
  });

  it("is closed if its value is malformed, and replaces the value", async () => {
    for (const value of ["", "open", "1 2 3", "9999999999999999 x - 0 "]) {
      await started.command("SET", CIRCUIT, value);
      expect(await look(0)).toMatchObject({ state: "lease-free", isProbe: false });
      await failTimes(5);
      expect(await openMs()).toBe(10_000);
      await started.command("DEL", CIRCUIT);
    }
  });
});

describe("outcome of a failure", () => {
  it.each([
    ["failed", ["opend_unreachable", "opend_timeout", "opend_key_refused", "request_timeout"]],
    ["inconclusive", ["upstream_quota_exceeded", "opend_protocol_error", "store_unavailable"]],
  ] as const)("is %s for %s", (outcome, codes) => {
    for (const code of codes) expect(outcomeOf(code)).toBe(outcome);
  });
});

describe("circuit breaker on replies that OpenD's own server does not answer", () => {
  const OPEN = { code: "opend_unreachable", detail: "OpenD failed repeatedly; the circuit breaker is open" };

  it.each([
    ["NN_ProtoRet_TimeOut", { refusal: "NN_ProtoRet_TimeOut" }, "opend_timeout"],
    ["NN_ProtoRet_ByDisConnOrCancel", { refusal: "NN_ProtoRet_ByDisConnOrCancel" }, "opend_unreachable"],
    ["retType -100", { refusal: "", refusalRetType: -100 }, "opend_timeout"],
    ["retType -200", { refusal: "", refusalRetType: -200 }, "opend_unreachable"],
  ])("opens after five %s, and is not closed by a probe with that reply", async (_, options, code) => {
    const { service, clock, dataCenters } = await startDataCenters(1);
    const page = async (symbol: string) => (await dataCenters[0]?.page(symbol))?.failure;
    const circuitMs = () => circuitOpenMs(createUpstash(parseEnv(service.env).upstash, 1_000), clock.now());
    await service.opend.set(options);
    for (let call = 0; call < 5; call += 1) expect(await page(`US.T${call}`)).toMatchObject({ code });
    expect(await page("US.T5")).toMatchObject(OPEN);
    expect((await service.opend.stats()).calls).toBe(5);
    clock.forward(10 * SECOND);
    expect(await page("US.T6")).toMatchObject({ code });
    expect(await circuitMs()).toBeGreaterThan(10 * SECOND);
    expect(await page("US.T7")).toMatchObject(OPEN);
    expect((await service.opend.stats()).calls).toBe(6);
    await expectOnePermitPerCall(service);
    // A settled permit counts from its reply on, and not until the deadline of its call.
    for (const { score } of await readPermits(service.upstash.redis)) {
      expect(score).toBeLessThanOrEqual(Date.now());
    }
  });

  it("stays closed after other refusals", async () => {
    const { service, dataCenters } = await startDataCenters(1);
    await service.opend.set({ refusal: "NN_ProtoRet_SvrFailed" });
    for (let call = 0; call < 6; call += 1) {
      expect((await dataCenters[0]?.page(`US.T${call}`))?.failure?.code).toBe("opend_failed");
    }
    expect((await service.opend.stats()).calls).toBe(6);
  });
});
