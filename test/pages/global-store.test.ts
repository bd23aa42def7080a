import { beforeEach, describe, expect, it, vi } from "vitest";
import { createGlobalStore } from "../../functions/pages/global-store.ts";
import { type KeptReply, keepPage, keepRefusal } from "../../functions/pages/kept.ts";
import { createUpstash } from "../../functions/upstash.ts";
import { control } from "../support/stand-ins.ts";

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const REPLY = new Uint8Array([0, 255, 8, 10]);
const KEY = { symbol: "HK.00700", cursor: "" };
const FAILED = { failed: true, pauseMs: 0 };

async function start(claimMs = HOUR) {
  const upstash = await control.startUpstash();
  let now = NOW;
  return {
    store: createGlobalStore(createUpstash(upstash, 1_000), claimMs, () => now),
    at: (ms: number) => {
      now = ms;
    },
    command: (name: string, ...args: string[]) => control.redis(upstash.id, name, ...args),
  };
}

let started: Awaited<ReturnType<typeof start>>;
beforeEach(async () => {
  started = await start();
});

describe("the global store", () => {
  it("gives a page that nobody has to one asker, and tells the others", async () => {
    const { store } = started;
    expect(await store.read(KEY, "a")).toEqual({ fetch: "yours", restMs: 0, kept: undefined });
    expect(await store.read(KEY, "b")).toMatchObject({ fetch: "others" });
    expect(await store.read({ ...KEY, cursor: "1777478400" }, "b")).toMatchObject({ fetch: "yours" });
  });

  it("gives the reply byte for byte while it is fresh, and claims it once when it is not", async () => {
    const { store, at } = started;
    await store.read(KEY, "a");
    const kept = keepPage(REPLY, "", NOW);
    await store.write(KEY, "a", kept, undefined, []);
    expect(await store.read(KEY, "b")).toEqual({ fetch: "needless", restMs: 0, kept });
    at(NOW + HOUR);
    expect(await store.read(KEY, "b")).toEqual({ fetch: "yours", restMs: 0, kept });
    expect(await store.read(KEY, "c")).toEqual({ fetch: "others", restMs: 0, kept });
  });

  it("keeps a page for 7 days past its freshness, and a refusal not at all", async () => {
    const { store, command } = started;
    await store.write(KEY, "", keepPage(REPLY, "", NOW), undefined, []);
    expect(await command("PTTL", "short-interest:page:HK.00700/")).toBeGreaterThan(7 * 24 * HOUR);
    await store.write(KEY, "", keepRefusal(REPLY, "", NOW), undefined, []);
    expect(await command("PTTL", "short-interest:page:HK.00700/")).toBeLessThanOrEqual(600_000);
  });

  it("lets nobody but its holder give up a claim", async () => {
    const { store } = started;
    await store.read(KEY, "a");
    await store.release(KEY, "b", { failed: false, pauseMs: 0 }, []);
    await store.write({ ...KEY, cursor: "1" }, "b", keepPage(REPLY, "1", NOW), undefined, []);
    expect(await store.read(KEY, "b")).toMatchObject({ fetch: "others" });
    await store.release(KEY, "a", { failed: false, pauseMs: 0 }, []);
    expect(await store.read(KEY, "b")).toMatchObject({ fetch: "yours" });
  });

  it("ends the claim of a dead fetcher by itself", async () => {
    const { store } = await start(50);
    await store.read(KEY, "dead");
    await vi.waitFor(async () => expect(await store.read(KEY, "next")).toMatchObject({ fetch: "yours" }));
  });

  it("keeps a claim for a pause after a refresh that failed", async () => {
    const { store, command } = started;
    await store.read(KEY, "a");
    await store.release(KEY, "a", { failed: false, pauseMs: 5_000 }, []);
    const left = await command("PTTL", "short-interest:page:HK.00700/:claim");
    expect(left).toBeGreaterThan(4_000);
    expect(left).toBeLessThanOrEqual(5_000);
  });

  it("finds the page that a cursor falls into, and not beyond its last row", async () => {
    const { store } = started;
    const kept = keepPage(REPLY, "1700000000", NOW);
    await store.write(
      { ...KEY, cursor: "1700000000" },
      "",
      kept,
      { newest: 1_690_000_000, oldest: 1_600_000_000 },
      [],
    );
    const at = (cursor: string) => store.read({ ...KEY, cursor }, crypto.randomUUID());
    expect((await at("1690000000")).kept).toEqual(kept);
    expect((await at("1600000001")).kept).toEqual(kept);
    expect((await at("1600000000")).kept).toBeUndefined();
    expect((await at("1690000001")).kept).toBeUndefined();
    expect((await store.read({ ...KEY, cursor: "1690000000", num: 5 }, "x")).kept).toBeUndefined();
    expect((await store.read({ symbol: "HK.00001", cursor: "1690000000" }, "x")).kept).toBeUndefined();
  });

  it("drops what it knew of pages that are gone", async () => {
    const { store, command } = started;
    const oldest = 1_600_000_000;
    for (let at = 0; at < 10; at += 1) {
      await command(
        "ZADD",
        "short-interest:index:HK.00700",
        String(oldest + at),
        `1690000000 HK.00700/gone${at}`,
      );
    }
    const kept = keepPage(REPLY, "1700000000", NOW);
    await store.write({ ...KEY, cursor: "1700000000" }, "", kept, { newest: 1_690_000_000, oldest }, []);
    const at = (claim: string) => store.read({ ...KEY, cursor: "1690000000" }, claim);
    await at("a");
    await at("b");
    expect((await at("c")).kept).toEqual(kept);
    expect(await command("ZCARD", "short-interest:index:HK.00700")).toBe(1);
  });

  it("serves nothing past the time for which it is kept", async () => {
    const { store, at } = started;
    await store.write(KEY, "", keepRefusal(REPLY, "", NOW), undefined, []);
    at(NOW + 600_000);
    expect(await store.read(KEY, "a")).toEqual({ fetch: "yours", restMs: 0, kept: undefined });
  });

  it("forgets where a page reached when it is replaced", async () => {
    const { store, command } = started;
    await store.write(
      KEY,
      "",
      keepPage(REPLY, "", NOW),
      { newest: 1_700_000_000, oldest: 1_600_000_000 },
      [],
    );
    await store.write(
      KEY,
      "",
      keepPage(REPLY, "", NOW),
      { newest: 1_700_000_007, oldest: 1_600_000_007 },
      [],
    );
    expect(await command("ZRANGE", "short-interest:index:HK.00700", "0", "-1")).toEqual([
      "1700000007 HK.00700/",
    ]);
  });
});

describe("an OpenD that fails", () => {
  const keyOf = (number: number) => ({ symbol: `US.T${number}`, cursor: "" });

  async function failTimes(times: number) {
    for (let time = 0; time < times; time += 1) {
      await started.store.read(keyOf(time), `claim ${time}`);
      await started.store.release(keyOf(time), `claim ${time}`, FAILED, []);
    }
  }

  /** The rest of ten seconds goes by. */
  const rested = () => started.command("DEL", "short-interest:health:resting");

  it("is left alone after five failures, for ten seconds", async () => {
    await failTimes(4);
    expect(await started.store.read(keyOf(10), "a")).toMatchObject({ fetch: "yours" });
    await started.store.release(keyOf(10), "a", FAILED, []);
    const answer = await started.store.read(keyOf(11), "b");
    expect(answer.fetch).toBe("nobody");
    expect(answer.restMs).toBeGreaterThan(9_000);
    expect(answer.restMs).toBeLessThanOrEqual(10_000);
  });

  it("is not left alone for failures long ago", async () => {
    for (let time = 0; time < 10; time += 1) {
      await started.command(
        "ZADD",
        "short-interest:health",
        String(Date.now() - 31_000 - time),
        `old ${time}`,
      );
    }
    await failTimes(4);
    expect(await started.store.read(keyOf(10), "a")).toMatchObject({ fetch: "yours" });
  });

  it("is not left alone for failures of another kind", async () => {
    for (let time = 0; time < 10; time += 1) {
      await started.store.read(keyOf(time), "a");
      await started.store.release(keyOf(time), "a", { failed: false, pauseMs: 0 }, []);
    }
    expect(await started.store.read(keyOf(11), "b")).toMatchObject({ fetch: "yours" });
  });

  it("is then tried by one at a time, until one gets through", async () => {
    await failTimes(5);
    await rested();
    expect(await started.store.read(keyOf(20), "probe")).toMatchObject({ fetch: "yours" });
    expect(await started.store.read(keyOf(21), "other")).toMatchObject({ fetch: "nobody", restMs: 0 });
    await started.store.release(keyOf(20), "probe", FAILED, []);
    expect((await started.store.read(keyOf(21), "other")).restMs).toBeGreaterThan(9_000);
    await rested();
    expect(await started.store.read(keyOf(21), "again")).toMatchObject({ fetch: "yours" });
    await started.store.write(keyOf(21), "again", keepPage(REPLY, "", NOW), undefined, []);
    for (let time = 30; time < 34; time += 1) {
      expect(await started.store.read(keyOf(time), "c")).toMatchObject({ fetch: "yours" });
    }
  });

  it("does not hold up what is fresh", async () => {
    const kept: KeptReply = keepPage(REPLY, "", NOW);
    await started.store.write(keyOf(40), "", kept, undefined, []);
    await failTimes(5);
    expect(await started.store.read(keyOf(40), "a")).toMatchObject({ fetch: "needless" });
  });
});
