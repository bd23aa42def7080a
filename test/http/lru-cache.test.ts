import { describe, expect, it } from "vitest";
import { createLruCache } from "../../functions/http/lru-cache.ts";

const NOW = 1_800_000_000_000;
const MAX_BYTES = 100_000;
const BODY_BYTES = 20_000;

function start() {
  const memory = createLruCache(MAX_BYTES);
  const put = (key: string, size = BODY_BYTES, until = NOW + 1) =>
    memory.put(key, { body: new Uint8Array(size), headers: new Headers({ "X-Name": "value" }), until });
  const has = (key: string, now = NOW) => memory.get(key, now) !== undefined;
  return { memory, put, has };
}

describe("response memory", () => {
  it("never counts more than its bound, for bodies and keys of any size", () => {
    const { memory, put } = start();
    for (let index = 0; index < 500; index += 1) {
      put(`${index}${"k".repeat((index * 37) % 3_000)}`, (index * 7_919) % 60_000);
      expect(memory.bytes).toBeLessThanOrEqual(MAX_BYTES);
    }
    expect(memory.bytes).toBeGreaterThan(MAX_BYTES / 4);
  });

  it("drops the least recently used response first", () => {
    const { put, has } = start();
    for (let index = 0; index < 4; index += 1) put(`${index}`);
    expect(has("0")).toBe(true);
    put("4");
    expect([has("0"), has("1"), has("4")]).toEqual([true, false, true]);
  });

  it("keeps no response above its bound, and drops no other for it", () => {
    const { memory, put, has } = start();
    put("small");
    const before = memory.bytes;
    put("large", MAX_BYTES);
    expect([has("large"), has("small"), memory.bytes]).toEqual([false, true, before]);
  });

  it("counts a replaced response once, and an ended one no more", () => {
    const { memory, put, has } = start();
    put("a");
    const before = memory.bytes;
    expect(before).toBeGreaterThan(BODY_BYTES);
    put("a");
    expect(memory.bytes).toBe(before);
    expect(has("a", NOW + 1)).toBe(false);
    expect(memory.bytes).toBe(0);
  });
});
