import { beforeEach, describe, expect, it, vi } from "vitest";
import type { PageKey } from "../../functions/page-source/cached-reply.ts";
import { createPermits, type Permits } from "../../functions/rate-limit/permits.ts";
import { LeaseNotAcquired } from "../../functions/rate-limit/required-lease.ts";
import { countsCommands, startCountedUpstash } from "../support/counted-upstash.ts";
import { readPermits } from "../support/permit-log.ts";
import { cachedPage, emptySlot, HOUR, MINUTE, NOW, startSharedCache } from "../support/shared-cache.ts";

const REPLY = new Uint8Array([8, 10]);
const KEY = { symbol: "US.AAPL", cursor: "" };
const LEASE = "short-interest:lease:US.AAPL/";
const CIRCUIT = "short-interest:circuit";
const RULE = { limit: 3, windowMs: HOUR, maxInFlightMs: 6_000, maxWaitMs: 0, clientShare: 30 };

/** A shared cache, and permits on the same Upstash. */
async function start(address?: Awaited<ReturnType<typeof startCountedUpstash>>) {
  const started = await startSharedCache(address ? { address } : {});
  const { upstash, url, cache, command } = started;
  const permits: Permits = createPermits({
    upstash,
    database: url,
    rule: RULE,
    waitUntil: () => undefined,
    now: () => Date.now(),
  });
  return {
    ...started,
    permits,
    log: () => readPermits(command),
    /** Looks for a page, and then requests its lease and a permit. Returns the outcome. */
    async request(key: PageKey, leaseId: string): Promise<unknown> {
      return take(key, leaseId, (await cache.look(key)).slot);
    },
    /** Requests lease and permit with a slot that was read before. */
    take,
  };

  async function take(key: PageKey, leaseId: string, slot = emptySlot(key)): Promise<unknown> {
    const lease = cache.lease(slot, leaseId);
    return permits.acquire({ client: "me", priority: "known-page", lease }).then(
      () => "granted",
      (thrown: unknown) => (thrown instanceof LeaseNotAcquired ? thrown.reply : thrown),
    );
  }
}

let started: Awaited<ReturnType<typeof start>>;
beforeEach(async () => {
  started = await start();
});

describe("lease of a page with the permit of its call", () => {
  it("is acquired in one request", async () => {
    const { take, requests, command, log } = started;
    const before = await requests();
    expect(await take(KEY, "a")).toBe("granted");
    expect((await requests()) - before).toBe(1);
    expect(await command("GET", LEASE)).toBe("a");
    expect(await log()).toHaveLength(1);
  });

  it("expires after the time that a fetch may take", async () => {
    await started.take(KEY, "a");
    const remainingMs = await started.command("PTTL", LEASE);
    expect(remainingMs).toBeGreaterThan(HOUR - MINUTE);
    expect(remainingMs).toBeLessThanOrEqual(HOUR);
  });

  it("is granted to one of 20 concurrent requests, with one permit", async () => {
    const { take, log } = started;
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, index) => take(KEY, `lease-${index}`)));
    expect(outcomes.filter((outcome) => outcome === "granted")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "held")).toHaveLength(19);
    expect(await log()).toHaveLength(1);
  });

  it("is granted for each page apart", async () => {
    const { take } = started;
    expect(await take(KEY, "a")).toBe("granted");
    expect(await take({ ...KEY, cursor: "1700000000" }, "b")).toBe("granted");
    expect(await take({ ...KEY, symbol: "US.TSLA" }, "c")).toBe("granted");
  });

  it("is refused as held while another reader fetches the page, without a permit", async () => {
    const { request, log } = started;
    expect(await request(KEY, "a")).toBe("granted");
    expect(await request(KEY, "b")).toBe("held");
    expect(await log()).toHaveLength(1);
  });

  it("is refused as held after a failed refresh, without a permit", async () => {
    const { request, take, cache, log } = started;
    await request(KEY, "a");
    const backoff = { ms: MINUTE, code: "opend_failed" } as const;
    await cache.release(emptySlot(KEY), "a", { outcome: "answered", backoff });
    expect(await take(KEY, "b")).toBe("held");
    expect(await log()).toHaveLength(1);
  });

  it("is refused as changed after the page was stored or replaced, without a permit", async () => {
    const { cache, write, take, command, log } = started;
    const { slot: empty } = await cache.look(KEY);
    await write(KEY, { cached: cachedPage(REPLY, "", NOW) });
    expect(await take(KEY, "a", empty)).toBe("changed");
    const { slot: first } = await cache.look(KEY);
    await write(KEY, { cached: cachedPage(REPLY, "", NOW + 1) });
    expect(await take(KEY, "a", first)).toBe("changed");
    expect(await command("GET", LEASE)).toBeNull();
    expect(await log()).toEqual([]);
    const { slot: second } = await cache.look(KEY);
    expect(await take(KEY, "a", second)).toBe("granted");
  });

  it("is refused as changed after the page was deleted", async () => {
    const { cache, write, take, command } = started;
    await write(KEY, { cached: cachedPage(REPLY, "", NOW) });
    const { slot } = await cache.look(KEY);
    await command("DEL", "short-interest:page:US.AAPL/");
    expect(await take(KEY, "a", slot)).toBe("changed");
    expect(await started.request(KEY, "a")).toBe("granted");
  });

  it("is granted after an unconfirmed reply, which does not change the page", async () => {
    const { cache, write, take, command } = started;
    await write(KEY, { cached: cachedPage(REPLY, "", NOW) });
    const { slot } = await cache.look(KEY);
    const contradiction = { newest: 0, extent: 0, next: null, range: undefined };
    const cached = cachedPage(REPLY, "", NOW + 1);
    expect(await write(KEY, { cached, summary: contradiction })).toBe("unconfirmed");
    await command("DEL", LEASE);
    expect(await take(KEY, "a", slot)).toBe("granted");
  });

  it("is left to the caller if the limit refuses the permit", async () => {
    const { take, command, log } = started;
    for (const number of [1, 2, 3]) await take({ ...KEY, symbol: `US.T${number}` }, "other");
    expect(await take(KEY, "a")).toMatchObject({ code: "upstream_quota_exceeded" });
    expect(await command("GET", LEASE)).toBe("a");
    expect(await log()).toHaveLength(3);
  });

  it.runIf(countsCommands)("reads twice if it is held, and writes nothing", async () => {
    const upstash = await startCountedUpstash();
    const { take } = await start(upstash);
    await take(KEY, "a");
    expect(await upstash.commandsOf(() => take(KEY, "b"))).toEqual({ eval: 2, mget: 2, time: 1 });
  });
});

describe("lease while the circuit is not closed", () => {
  const open = (untilMs: number, probe = "-", probeUntilMs = 0) =>
    started.command("SET", CIRCUIT, `${untilMs} 10000 ${probe} ${probeUntilMs} ${NOW}`);

  it("is refused as open, without a permit", async () => {
    const { take, command, log } = started;
    await open(NOW + 1);
    expect(await take(KEY, "a")).toBe("open");
    expect(await command("GET", LEASE)).toBeNull();
    expect(await log()).toEqual([]);
  });

  it("is granted to one probe when the circuit is half-open", async () => {
    const { take, log } = started;
    await open(NOW);
    const keys = Array.from({ length: 10 }, (_, number) => ({ ...KEY, symbol: `US.T${number}` }));
    const outcomes = await Promise.all(keys.map((key, index) => take(key, `lease-${index}`)));
    expect(outcomes.filter((outcome) => outcome === "granted")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "open")).toHaveLength(9);
    expect(await log()).toHaveLength(1);
  });

  it("is granted to another probe after the first one was refused its permit", async () => {
    const { take, cache, setTime, permits, command } = started;
    for (const number of [1, 2, 3]) await take({ ...KEY, symbol: `US.T${number}` }, "other");
    await open(NOW);
    expect(await take(KEY, "probe")).toMatchObject({ code: "upstream_quota_exceeded" });
    const other = { ...KEY, symbol: "US.TSLA" };
    expect(await cache.look(other)).toMatchObject({ state: "circuit-open", waitMs: 0 });
    await cache.release(emptySlot(KEY), "probe", { outcome: "inconclusive" });
    await command("DEL", "short-interest:permits");
    setTime(NOW + 1);
    expect(await cache.look(other)).toMatchObject({ state: "lease-free", isProbe: true });
    // The isolate remembers the refusal for two seconds.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + MINUTE });
    try {
      expect(permits.rememberedRefusal({ client: "me", priority: "known-page" })).toBeUndefined();
      expect(await take(other, "next")).toBe("granted");
    } finally {
      vi.useRealTimers();
    }
  });

  it("that is refused as held does not claim the probe", async () => {
    const { take, cache } = started;
    await take(KEY, "a");
    await open(NOW);
    expect(await take(KEY, "b")).toBe("held");
    expect(await cache.look({ ...KEY, symbol: "US.TSLA" })).toMatchObject({
      state: "lease-free",
      isProbe: true,
    });
  });
});
