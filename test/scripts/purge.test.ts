import { execFile } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type RedisHost, startRedis } from "../stand-ins/redis.ts";
import { type StandInUpstash, startUpstash } from "../stand-ins/upstash.ts";

let redis: RedisHost;
let upstash: StandInUpstash;
beforeAll(async () => {
  redis = await startRedis();
  upstash = await startUpstash(await redis.open());
});
afterAll(async () => {
  await upstash.close();
  await redis.close();
});

function purge(...args: string[]) {
  const env = {
    PATH: process.env.PATH,
    DEV_VARS_FILE: "none",
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: upstash.token,
  };
  return new Promise<{ code: number; printed: string }>((resolve) => {
    execFile(process.execPath, ["scripts/purge.ts", ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, printed: stdout + stderr });
    });
  });
}

const store = (name: string) => upstash.redis.call("SET", `short-interest:page:${name}`, "a page");

it("npm run purge deletes the cached pages of a symbol, prints their number, and keeps when rows were first seen", async () => {
  for (const name of ["HK.00700/", "US.AAPL/", "US.AAPL/1777521600"]) await store(name);
  expect(await purge("HK.700")).toEqual({ code: 0, printed: "HK.00700: 1 cached page deleted\n" });
  await upstash.redis.call("SET", "short-interest:publication:US", "a publication");
  await upstash.redis.call("SET", "short-interest:first-seen:HK.00700", "a record");
  expect(await purge("--all")).toEqual({ code: 0, printed: "all pages: 2 cached pages deleted\n" });
  expect(await upstash.redis.call("EXISTS", "short-interest:publication:US")).toBe(0);
  expect(await upstash.redis.call("KEYS", "*")).toEqual(["short-interest:first-seen:HK.00700"]);
});

it.each([
  ["JP.1", "Short interest is available for the markets HK and US only"],
  ["AAPL", "A symbol must be a market and a code, such as HK.00700 or US.AAPL"],
])("npm run purge with the argument %s prints the reason and exits with 1", async (argument, reason) => {
  expect(await purge(argument)).toEqual({ code: 1, printed: `${argument}: ${reason}\n` });
});
