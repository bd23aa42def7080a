import { afterEach, describe, expect, it, vi } from "vitest";
import { createCircuitMemory } from "../../functions/page-source/circuit-memory.ts";
import { MINUTE, NOW, SECOND } from "../support/shared-cache.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A memory of a database of its own, and a clock. */
function start(random: number, database: string = crypto.randomUUID()) {
  vi.spyOn(Math, "random").mockReturnValue(random);
  let now = NOW;
  return {
    database,
    memory: createCircuitMemory(database, () => now),
    setTime: (ms: number) => {
      now = ms;
    },
  };
}

describe("memory of an open circuit", () => {
  it("is empty at first", () => {
    expect(start(0).memory.isOpen()).toBe(false);
  });

  it.each([
    ["as long as the circuit was opened", 5 * MINUTE, 0, 5 * MINUTE],
    ["up to twice as long", 5 * MINUTE, 1, 10 * MINUTE],
    ["at least 30 s", 10 * SECOND, 0, 30 * SECOND],
    ["up to a minute after a short period", 10 * SECOND, 1, MINUTE],
  ])("lasts %s", (_, periodMs, random, lastsMs) => {
    const { memory, setTime } = start(random);
    memory.remember(periodMs);
    setTime(NOW + lastsMs - 1);
    expect(memory.isOpen()).toBe(true);
    setTime(NOW + lastsMs);
    expect(memory.isOpen()).toBe(false);
  });

  it("is shared by the requests of an isolate, and not by its databases", () => {
    const { memory, database } = start(0);
    memory.remember(MINUTE);
    expect(start(0, database).memory.isOpen()).toBe(true);
    expect(start(0).memory.isOpen()).toBe(false);
  });
});
