import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

describe("the stand-in for Upstash", () => {
  it("answers one command", async () => {
    expect(await (await post("/", ["SET", "a", "1"])).json()).toEqual({ result: "OK" });
    expect(await (await post("/", ["GET", "a"])).json()).toEqual({ result: "1" });
  });

  it("answers a pipeline, its errors in their places", async () => {
    const answer = await (
      await post("/pipeline", [
        ["SET", "p", "x"],
        ["NOSUCH", "p"],
        ["GET", "p"],
      ])
    ).json();
    expect(answer).toEqual([{ result: "OK" }, { error: expect.any(String) }, { result: "x" }]);
  });

  it("answers base64 when asked to", async () => {
    const answer = await (await post("/", ["GET", "p"], { "Upstash-Encoding": "base64" })).json();
    expect(answer).toEqual({ result: Buffer.from("x").toString("base64") });
  });

  it("refuses a wrong token and a wrong command", async () => {
    expect((await post("/", ["GET", "a"], { Authorization: "Bearer no" })).status).toBe(401);
    expect((await post("/", ["NOSUCH"])).status).toBe(400);
  });

  it("serves the vendor's own client", async () => {
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
