import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSecretCipher } from "../../functions/webhooks/secret-cipher.ts";
import { type RedisHost, startRedis } from "../stand-ins/redis.ts";
import { type StandInUpstash, startUpstash } from "../stand-ins/upstash.ts";

let redis: RedisHost;
let upstash: StandInUpstash;
beforeAll(async () => {
  redis = await startRedis();
  upstash = await startUpstash(await redis.open(), "upstash-secret");
});
afterAll(async () => {
  await upstash.close();
  await redis.close();
});

const DAY = 86_400_000;
const [OLD, NEW, LOST] = [randomBytes(32), randomBytes(32), randomBytes(32)].map(
  (bytes) => new Uint8Array(bytes),
);
const cipher = (...keys: (typeof OLD)[]) => createSecretCipher(keys.flatMap((key) => key ?? []));
const text = (...keys: (typeof OLD)[]) => keys.map((key) => Buffer.from(key ?? []).toString("base64")).join();
const keyOf = (id: string) => `short-interest:webhooks:webhook:${id}`;
const store = (id: string, secrets: string) => upstash.redis.call("HSET", keyOf(id), "secrets", secrets);
const stored = async (id: string) =>
  String(await upstash.redis.call("HGET", keyOf(id), "secrets")).split(" ");

function reencrypt(vars: Record<string, string>) {
  const env = {
    PATH: process.env.PATH,
    DEV_VARS_FILE: "none",
    UPSTASH_REDIS_REST_URL: upstash.url,
    UPSTASH_REDIS_REST_TOKEN: upstash.token,
    ...vars,
  };
  return new Promise<{ code: number; printed: string }>((resolve) => {
    execFile(process.execPath, ["scripts/reencrypt.ts"], { env }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, printed: stdout + stderr });
    });
  });
}

it("npm run reencrypt encrypts all signing secrets with the first key and keeps their expiry times", async () => {
  const later = Date.now() + DAY;
  await store("wh_clear", "whsec_clear");
  await store(
    "wh_old",
    `${await cipher(OLD).encrypt("wh_old", "whsec_a")} ${await cipher(OLD).encrypt("wh_old", "whsec_b")}@${later}`,
  );
  await store("wh_new", await cipher(NEW).encrypt("wh_new", "whsec_new"));
  // An expired secret may be encrypted with a removed key.
  await store("wh_ended", `whsec_now ${await cipher(LOST).encrypt("wh_ended", "whsec_ended")}@1`);
  await upstash.redis.call("SET", "short-interest:webhooks:symbol-status", "x");
  const untouched = await stored("wh_new");

  const first = await reencrypt({ WEBHOOK_SECRET_KEY: text(NEW, OLD) });
  expect(first).toEqual({
    code: 0,
    printed: "webhooks: 4; encrypted with the first key: 3; unchanged: 1\n",
  });
  const [a = "", b = ""] = await stored("wh_old");
  expect(await cipher(NEW).decrypt("wh_old", a)).toBe("whsec_a");
  expect(b).toMatch(new RegExp(`@${later}$`));
  expect(await cipher(NEW).decrypt("wh_old", b.split("@")[0] ?? "")).toBe("whsec_b");
  for (const [id, secret] of [
    ["wh_clear", "whsec_clear"],
    ["wh_ended", "whsec_now"],
  ] as const) {
    const list = await stored(id);
    expect(list.length).toBe(1);
    expect(list[0]).not.toContain("whsec_");
    expect(await cipher(NEW).decrypt(id, list[0] ?? "")).toBe(secret);
  }
  expect(await stored("wh_new")).toEqual(untouched);

  const second = await reencrypt({ WEBHOOK_SECRET_KEY: text(NEW) });
  expect(second).toEqual({
    code: 0,
    printed: "webhooks: 4; encrypted with the first key: 0; unchanged: 4\n",
  });
});

it.each([
  [{}, "WEBHOOK_SECRET_KEY is not set, but webhooks need it"],
  [{ WEBHOOK_SECRET_KEY: "short" }, "WEBHOOK_SECRET_KEY is not a comma-separated list of 32 bytes in base64"],
  [
    { WEBHOOK_SECRET_KEY: text(LOST) },
    "WEBHOOK_SECRET_KEY has no key that decrypts the secrets of a webhook",
  ],
  [{ WEBHOOK_SECRET_KEY: text(NEW), UPSTASH_REDIS_REST_URL: "" }, "UPSTASH_REDIS_REST_URL is not set"],
])("npm run reencrypt with %j changes nothing and prints the reason: %s", async (vars, reason) => {
  await store("wh_one", await cipher(NEW).encrypt("wh_one", "whsec_one"));
  const before = await stored("wh_one");
  const { code, printed } = await reencrypt(vars);
  expect(code).toBe(1);
  expect(printed).toContain(reason);
  expect(await stored("wh_one")).toEqual(before);
});
