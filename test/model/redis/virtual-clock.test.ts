import { beforeEach, describe, expect, it } from "vitest";
import { VirtualRedis } from "./virtual-redis.ts";

const virtual = await VirtualRedis.create();
beforeEach(() => virtual.reset());

describe("virtual Redis", () => {
  it("fails if a script uses an undeclared key", () => {
    expect(() => virtual.run({ script: "return redis.call('GET', 'b')", keys: ["a"], args: [] })).toThrow(
      "undeclared key b",
    );
  });

  it("fails if a command is unknown", () => {
    expect(() => virtual.command("FLUSHALL")).toThrow("unknown command FLUSHALL");
  });

  it("expires a key by the injected clock, one millisecond after its TTL", () => {
    virtual.micros = 1_000_000;
    virtual.command("SET", "key", "value", "PX", "10");
    virtual.micros = 1_010_999;
    expect([virtual.command("GET", "key"), virtual.command("PTTL", "key")]).toEqual(["value", 0]);
    virtual.micros = 1_011_000;
    expect([virtual.command("GET", "key"), virtual.command("PTTL", "key")]).toEqual([null, -2]);
    virtual.reset({ keysEndEarly: true });
    virtual.command("SET", "key", "value", "PX", "10");
    virtual.micros = 1_020_999;
    expect(virtual.command("PTTL", "key")).toBe(1);
    virtual.micros = 1_021_000;
    expect(virtual.command("PTTL", "key")).toBe(-2);
  });

  it("restores a saved state", () => {
    virtual.command("ZADD", "set", "1", "a");
    const restore = virtual.save();
    virtual.command("ZADD", "set", "2", "b");
    virtual.micros += 1_000;
    const laterMicros = virtual.micros;
    restore();
    expect(virtual.command("ZRANGE", "set", "0", "-1")).toEqual(["a"]);
    expect(virtual.micros).toBe(laterMicros - 1_000);
  });
});
