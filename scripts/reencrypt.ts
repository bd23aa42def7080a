import { Redis } from "@upstash/redis";
import { parseEnv, VARIABLE_NAMES } from "../functions/env.ts";
import { Failure } from "../functions/errors.ts";
import { KEYS } from "../functions/webhooks/redis-keys.ts";
import { createSecretCipher, type SecretCipher } from "../functions/webhooks/secret-cipher.ts";
import { variable } from "./dev-vars.ts";

/**
 * `npm run reencrypt`: encrypts the signing secrets of all webhooks with the first key of WEBHOOK_SECRET_KEY. Then the
 * other keys can be removed from the variable.
 */

/** Keys that one SCAN command examines. */
const BATCH = 500;

/** KEYS webhook; ARGV current list, new list → 1, or 0 if the stored list is not the current one */
const REPLACE = `
if redis.call('HGET', KEYS[1], 'secrets') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'secrets', ARGV[2])
return 1
`;

await main().catch((thrown: unknown) => {
  // The messages of the Upstash client contain the command, and so a secret.
  console.error(
    thrown instanceof Failure ? thrown.detail : "Upstash did not respond, or refused the command",
  );
  process.exit(1);
});

async function main(): Promise<void> {
  const { upstash, webhooks } = loadConfig();
  if (!webhooks.secretKeys) {
    throw new Failure("misconfigured", "WEBHOOK_SECRET_KEY is not set, but webhooks need it", {
      parameter: "WEBHOOK_SECRET_KEY",
    });
  }
  const cipher = createSecretCipher(webhooks.secretKeys);
  const redis = new Redis({
    ...upstash,
    automaticDeserialization: false,
    enableTelemetry: false,
    signal: () => AbortSignal.timeout(10_000),
  });
  let [found, changed, unreadable, cursor] = [0, 0, 0, "0"];
  do {
    const [next, keys] = await redis.scan(cursor, { match: KEYS.webhook("*"), count: BATCH });
    for (const key of keys) {
      try {
        if (await reencrypt(redis, cipher, key)) changed += 1;
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown;
        // Continue: the other webhooks do not depend on this one.
        console.error(`${key.slice(KEYS.webhook("").length)}: ${thrown.detail}`);
        unreadable += 1;
      }
    }
    found += keys.length;
    cursor = next;
  } while (cursor !== "0");
  const unchanged = found - changed - unreadable;
  console.log(`webhooks: ${found}; encrypted with the first key: ${changed}; unchanged: ${unchanged}`);
  if (unreadable > 0) process.exit(1);
}

/** @throws Failure `misconfigured` */
function loadConfig() {
  const vars = VARIABLE_NAMES.map((name) => [name, variable(name)] as const);
  // parseEnv requires these two, which this script does not use.
  const unused = { OPEND_URL: "ws://localhost", PUBLIC_ACCESS: "yes" };
  return parseEnv({ ...unused, ...Object.fromEntries(vars.filter(([, value]) => value)) });
}

/** @returns whether the stored secrets were replaced */
async function reencrypt(redis: Redis, cipher: SecretCipher, key: string): Promise<boolean> {
  for (;;) {
    const list = await redis.hget<string>(key, "secrets");
    const replacement =
      list === null ? undefined : await reencryptedList(cipher, key.slice(KEYS.webhook("").length), list);
    if (list === null || replacement === undefined) return false;
    // A concurrent rotation makes the script return 0.
    if ((await redis.createScript<number>(REPLACE).exec([key], [list, replacement])) === 1) return true;
  }
}

/** The list encrypted with the first key, without expired secrets; undefined if nothing changes. */
async function reencryptedList(cipher: SecretCipher, id: string, list: string): Promise<string | undefined> {
  const entries = list.split(" ").map((entry) => entry.split("@"));
  const signing = entries.filter(([, end]) => end === undefined || Number(end) > Date.now());
  const current = await Promise.all(signing.map(([stored = ""]) => cipher.isCurrent(id, stored)));
  if (signing.length === entries.length && current.every(Boolean)) return undefined;
  const encrypted = await Promise.all(
    signing.map(async ([stored = "", ...end]) => {
      const secret = await cipher.decrypt(id, stored);
      return [await cipher.encrypt(id, secret), ...end].join("@");
    }),
  );
  return encrypted.join(" ");
}
