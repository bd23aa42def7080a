import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { UNDECLARED_KEY } from "./declared-keys.ts";
import { type RedisHost, startRedis } from "./redis.ts";
import { type StandInUpstash, startUpstash } from "./upstash.ts";

let host: RedisHost;
let upstash: StandInUpstash;
beforeAll(async () => {
  host = await startRedis();
  upstash = await startUpstash(await host.open());
});
afterAll(async () => {
  await upstash.close();
  await host.close();
});

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(upstash.url + path, {
    method: "POST",
    headers: { Authorization: `Bearer ${upstash.token}`, ...headers },
    body: JSON.stringify(body),
  });

describe("Upstash stand-in", () => {
  it("runs one command", async () => {
    expect(await (await post("/", ["SET", "a", "1"])).json()).toEqual({ result: "OK" });
    expect(await (await post("/", ["GET", "a"])).json()).toEqual({ result: "1" });
  });

  it("returns results and errors of a pipeline in order", async () => {
    const results = await (
      await post("/pipeline", [
        ["SET", "p", "x"],
        ["NOSUCH", "p"],
        ["GET", "p"],
      ])
    ).json();
    expect(results).toEqual([{ result: "OK" }, { error: expect.any(String) }, { result: "x" }]);
  });

  it("encodes results as base64 if Upstash-Encoding is base64", async () => {
    const response = await (await post("/", ["GET", "p"], { "Upstash-Encoding": "base64" })).json();
    expect(response).toEqual({ result: Buffer.from("x").toString("base64") });
  });

  it("rejects a wrong token with 401 and an unknown command with 400", async () => {
    expect((await post("/", ["GET", "a"], { Authorization: "Bearer no" })).status).toBe(401);
    expect((await post("/", ["NOSUCH"])).status).toBe(400);
  });

  it("serves @upstash/redis and @upstash/ratelimit", async () => {
    const redis = new Redis({ url: upstash.url, token: upstash.token, enableTelemetry: false });
    await redis.set("greeting", "héllo");
    expect(await redis.get("greeting")).toBe("héllo");
    expect(await redis.multi().set("m", "1").incr("m").exec()).toEqual(["OK", 2]);
    const ratelimit = new Ratelimit({
      redis,
      limiter: Ratelimit.slidingWindow(1, "10 s"),
      ephemeralCache: false,
    });
    expect((await ratelimit.limit("me")).success).toBe(true);
    expect((await ratelimit.limit("me")).success).toBe(false);
  });
});

describe.each(["redis-server", "imitation"] as const)(
  "Lua script on the Upstash stand-in over %s",
  (kind) => {
    let ownHost: RedisHost;
    let own: StandInUpstash;
    beforeAll(async () => {
      vi.stubEnv("STAND_IN_REDIS", kind === "imitation" ? kind : "");
      ownHost = await startRedis();
      vi.unstubAllEnvs();
      own = await startUpstash(await ownHost.open());
    });
    afterAll(async () => {
      await own.close();
      await ownHost.close();
    });

    const run = async (script: string, keys: readonly string[], ...args: string[]) => {
      const response = await fetch(own.url, {
        method: "POST",
        headers: { Authorization: `Bearer ${own.token}` },
        body: JSON.stringify(["EVAL", script, keys.length, ...keys, ...args]),
      });
      return response.json();
    };

    it("can use its declared keys", async () => {
      const script = "redis.call('SET', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])";
      expect(await run(script, ["declared"], "1")).toEqual({ result: "1" });
      expect(await run("return redis.call('DEL', KEYS[1], KEYS[2])", ["declared", "b"])).toEqual({
        result: 1,
      });
    });

    it.each([
      ["the only key", "return redis.call('SET', 'other', '1')"],
      ["a key derived from a declared one", "return redis.call('GET', KEYS[1] .. ':claim')"],
      ["the key of a command in lower case", "return redis.call('zadd', 'other', 1, 'a')"],
      ["the key of a pcall", "return redis.pcall('GET', 'other')"],
      ["the last of several keys", "return redis.call('DEL', KEYS[1], 'other')"],
    ])("fails if it does not declare %s", async (_, script) => {
      expect(await run(script, ["declared"])).toEqual({ error: expect.stringContaining(UNDECLARED_KEY) });
      expect(await own.redis.call("EXISTS", "other")).toBe(0);
      expect(own.violations().at(-1)).toContain(UNDECLARED_KEY);
    });

    it("fails if the key positions of a command are unknown", async () => {
      const script = "return redis.call('RENAME', KEYS[1], 'other')";
      expect(await run(script, ["declared"])).toEqual({ error: expect.stringContaining("RENAME") });
    });

    it("is also checked if it is run by EVALSHA", async () => {
      const redis = new Redis({ url: own.url, token: own.token, enableTelemetry: false });
      const read = redis.createScript<number>("return redis.call('EXISTS', ARGV[1] or KEYS[1])");
      expect(await read.exec(["absent"], [])).toBe(0);
      const before = own.requests();
      expect(await read.exec(["absent"], [])).toBe(0);
      await expect(read.exec(["absent"], ["other"])).rejects.toThrow(UNDECLARED_KEY);
      expect(own.requests() - before).toBe(2);
    });
  },
);
