import { afterEach, describe, expect, it, vi } from "vitest";
import { type CircuitStorage, createCircuitMemory } from "../../functions/page-source/circuit-memory.ts";
import { createEdgeStorage } from "../bench/week/edge-storage.ts";
import { MINUTE, NOW, SECOND } from "../support/shared-cache.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A memory of a database of its own, and a clock. */
function start(random: number, database: string = crypto.randomUUID(), storage?: CircuitStorage) {
  vi.spyOn(Math, "random").mockReturnValue(random);
  let now = NOW;
  return {
    database,
    memory: createCircuitMemory(database, () => now, storage),
    setTime: (ms: number) => {
      now = ms;
    },
  };
}

describe("memory of an open circuit", () => {
  it("is empty at first", async () => {
    expect(await start(0).memory.isOpen()).toBe(false);
  });

  it.each([
    ["as long as the circuit was opened", 5 * MINUTE, 0, 5 * MINUTE],
    ["up to twice as long", 5 * MINUTE, 1, 10 * MINUTE],
    ["at least 30 s", 10 * SECOND, 0, 30 * SECOND],
    ["up to a minute after a short period", 10 * SECOND, 1, MINUTE],
  ])("lasts %s", async (_, periodMs, random, lastsMs) => {
    const { memory, setTime } = start(random);
    await memory.remember(periodMs);
    setTime(NOW + lastsMs - 1);
    expect(await memory.isOpen()).toBe(true);
    setTime(NOW + lastsMs);
    expect(await memory.isOpen()).toBe(false);
  });

  it("is shared by the requests of an isolate, and not by its databases", async () => {
    const { memory, database } = start(0);
    await memory.remember(MINUTE);
    expect(await start(0, database).memory.isOpen()).toBe(true);
    expect(await start(0).memory.isOpen()).toBe(false);
  });

  it("is shared by the isolates of a data center, and lasts as long in each", async () => {
    const storage = { cache: createEdgeStorage(() => NOW), origin: "https://a.test" };
    const [first, second] = [start(0, undefined, storage), start(0, undefined, storage)];
    await first.memory.remember(5 * MINUTE);
    expect(await second.memory.isOpen()).toBe(true);
    second.setTime(NOW + 5 * MINUTE);
    expect(await second.memory.isOpen()).toBe(false);
    const other = { ...storage, cache: createEdgeStorage(() => NOW) };
    expect(await start(0, undefined, other).memory.isOpen()).toBe(false);
  });

  it("is empty if the cached entry cannot be read", async () => {
    const body = new ReadableStream({ pull: (controller) => controller.error(new Error("The read fails")) });
    const cache = { match: async () => new Response(body), put: async () => undefined };
    expect(await start(0, undefined, { cache, origin: "https://a.test" }).memory.isOpen()).toBe(false);
  });

  it("is that of the isolate if the cache fails", async () => {
    const fail = () => Promise.reject(new Error("The cache fails"));
    const { memory } = start(0, undefined, { cache: { match: fail, put: fail }, origin: "https://a.test" });
    expect(await memory.isOpen()).toBe(false);
    await memory.remember(MINUTE);
    expect(await memory.isOpen()).toBe(true);
  });
});
