import { Redis } from "@upstash/redis";
import type { Config } from "../../functions/env.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { KEYS } from "../../functions/webhooks/redis-keys.ts";
import { createSecretCipher } from "../../functions/webhooks/secret-cipher.ts";
import { type Check, type Finding, failed, ok, skipped } from "./check.ts";

/** Keys that one SCAN command examines. */
const BATCH = 500;

const SEE_OPERATIONS = "docs/operations.md#webhook-secrets";

/**
 * Whether `WEBHOOK_SECRET_KEY` decrypts the stored signing secrets. `parseEnv` has validated the variable if it is set.
 * @param hasUpstash whether the checks of Upstash passed
 */
export function webhookChecks(config: Config, hasUpstash: boolean): Check[] {
  return [{ name: "webhook key", exit: 25, run: () => checkSecretKey(config, hasUpstash) }];
}

async function checkSecretKey({ upstash, webhooks }: Config, hasUpstash: boolean): Promise<Finding> {
  const { secretKeys } = webhooks;
  if (!hasUpstash) return skipped("not run: an Upstash check failed");
  const stored = await findWebhook(upstash);
  if (!secretKeys) {
    if (!stored) return skipped("WEBHOOK_SECRET_KEY is not set; only webhooks need it");
    return failed(
      "WEBHOOK_SECRET_KEY is not set, but webhooks are stored",
      `Set WEBHOOK_SECRET_KEY to the key that encrypted their secrets. If it is lost, see ${SEE_OPERATIONS}.`,
    );
  }
  if (!stored) return ok(`WEBHOOK_SECRET_KEY is set (keys: ${secretKeys.length})`);
  const [newest = ""] = stored.secrets.split(" ");
  try {
    await createSecretCipher(secretKeys).decrypt(stored.id, newest);
  } catch {
    return failed(
      "No key in WEBHOOK_SECRET_KEY decrypts the stored secrets",
      `Add the old key: NEW,OLD. If it is lost, owners rotate with {"revoke": true} (${SEE_OPERATIONS}).`,
    );
  }
  return ok(`WEBHOOK_SECRET_KEY decrypts the stored secrets (keys: ${secretKeys.length})`);
}

/** The ID and the stored secrets of one webhook; undefined if there is none. */
async function findWebhook({ url, token }: Config["upstash"]) {
  const redis = new Redis({
    url,
    token,
    automaticDeserialization: false,
    enableTelemetry: false,
    signal: () => AbortSignal.timeout(DEADLINES.upstash),
  });
  let cursor = "0";
  do {
    const [next, [key]] = await redis.scan(cursor, { match: KEYS.webhook("*"), count: BATCH });
    if (key !== undefined) {
      const secrets = (await redis.hget<string>(key, "secrets")) ?? "";
      return { id: key.slice(KEYS.webhook("").length), secrets };
    }
    cursor = next;
  } while (cursor !== "0");
  return undefined;
}
