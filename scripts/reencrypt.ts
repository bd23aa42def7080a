import { Redis } from "@upstash/redis";
import { parseEnv, VARIABLE_NAMES } from "../functions/env.ts";
import { Failure } from "../functions/errors.ts";
import { KEYS } from "../functions/webhooks/keys.ts";
import { createSecretCipher, type SecretCipher } from "../functions/webhooks/secret-cipher.ts";
import { variable } from "./vars.ts";

/**
 * `npm run reencrypt`: encrypts the signing secrets of all webhooks under the first key of WEBHOOK_SECRET_KEY. After
 * that the variable's other keys can be taken away.
 */

/** Keys that SCAN looks at in one command. */
const BATCH = 500;

/** KEYS webhook; ARGV stored list before, and after → 1, or 0 where another list is stored */
const REPLACE = `
if redis.call('HGET', KEYS[1], 'secrets') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'secrets', ARGV[2])
return 1
`;

await main().catch((thrown: unknown) => {
  // The client's own messages hold the command, and so a secret.
  console.error(
    thrown instanceof Failure ? thrown.detail : "Upstash does not answer, or refuses the command",
  );
  process.exit(1);
});

async function main(): Promise<void> {
  const { upstash, webhooks } = configuration();
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
        // The others must not wait for the owner of this one to rotate its secret.
        console.error(`${key.slice(KEYS.webhook("").length)}: ${thrown.detail}`);
        unreadable += 1;
      }
    }
    found += keys.length;
    cursor = next;
  } while (cursor !== "0");
  const unchanged = found - changed - unreadable;
  console.log(`webhooks: ${found}; encrypted under the first key: ${changed}; unchanged: ${unchanged}`);
  if (unreadable > 0) process.exit(1);
}

/** @throws Failure `misconfigured` */
function configuration() {
  const vars = VARIABLE_NAMES.map((name) => [name, variable(name)] as const);
  // Nothing is asked of OpenD here.
  return parseEnv({ OPEND_URL: "ws://localhost", ...Object.fromEntries(vars.filter(([, value]) => value)) });
}

/** @returns whether there was something to encrypt */
async function reencrypt(redis: Redis, cipher: SecretCipher, key: string): Promise<boolean> {
  for (;;) {
    const list = await redis.hget<string>(key, "secrets");
    const after = list === null ? undefined : await renewed(cipher, key.slice(KEYS.webhook("").length), list);
    if (list === null || after === undefined) return false;
    // A rotation may have come in between.
    if ((await redis.createScript<number>(REPLACE).exec([key], [list, after])) === 1) return true;
  }
}

/** The stored list under the first key, without secrets that sign no longer; undefined where it is so already. */
async function renewed(cipher: SecretCipher, id: string, list: string): Promise<string | undefined> {
  const entries = list.split(" ").map((entry) => entry.split("@"));
  const signing = entries.filter(([, end]) => end === undefined || Number(end) > Date.now());
  const current = await Promise.all(signing.map(([stored = ""]) => cipher.isCurrent(id, stored)));
  if (signing.length === entries.length && current.every(Boolean)) return undefined;
  const after = await Promise.all(
    signing.map(async ([stored = "", ...end]) => {
      const secret = await cipher.decrypt(id, stored);
      return [await cipher.encrypt(id, secret), ...end].join("@");
    }),
  );
  return after.join(" ");
}
