import { Redis } from "@upstash/redis";
import type { Config } from "../../functions/env.ts";
import { DEADLINES } from "../../functions/timeout.ts";
import { KEYS } from "../../functions/webhooks/redis-keys.ts";
import { type Check, type Finding, failed, ok, skipped } from "./check.ts";

/** Keys that one SCAN command examines. */
const BATCH = 500;

/**
 * Whether the signing secrets of webhooks can be encrypted. `parseEnv` has validated the variable if it is set.
 * @param hasUpstash whether the checks of Upstash passed
 */
export function webhookChecks(config: Config, hasUpstash: boolean): Check[] {
  return [{ name: "webhook key", exit: 25, run: () => checkSecretKey(config, hasUpstash) }];
}

async function checkSecretKey({ upstash, webhooks }: Config, hasUpstash: boolean): Promise<Finding> {
  const { secretKeys } = webhooks;
  if (secretKeys) return ok(`WEBHOOK_SECRET_KEY is set (keys: ${secretKeys.length})`);
  if (!hasUpstash) return skipped("not run: an Upstash check failed");
  if (await hasWebhook(upstash)) {
    return failed(
      "WEBHOOK_SECRET_KEY is not set, but webhooks are stored",
      "Set WEBHOOK_SECRET_KEY to the key that encrypted their secrets. To create one: openssl rand -base64 32",
    );
  }
  return skipped("WEBHOOK_SECRET_KEY is not set; only webhooks need it");
}

async function hasWebhook({ url, token }: Config["upstash"]): Promise<boolean> {
  const redis = new Redis({
    url,
    token,
    enableTelemetry: false,
    signal: () => AbortSignal.timeout(DEADLINES.upstash),
  });
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, { match: KEYS.webhook("*"), count: BATCH });
    if (keys.length > 0) return true;
    cursor = next;
  } while (cursor !== "0");
  return false;
}
