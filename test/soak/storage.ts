import { INDEX_KEYS, LEASE_KEYS, PAGE_KEYS } from "../../functions/page-source/shared-cache.ts";
import { truthOf } from "./oracle.ts";
import { pause } from "./sharing.ts";
import type { World } from "./world.ts";

/**
 * Requests must not fill Redis. A page is stored if it is a first page, or a stored page leads to it: the number of
 * these is limited by the histories. Everything else under the prefix of pages is a small refusal with a short life.
 */
const EVERY_MS = 5_000;
/** A refusal is stored for this long at most. */
const MAX_REFUSAL_MS = 600_000;
/** The length of its reply, in base64. A page has more. */
const MAX_REFUSAL_CHARS = 200;
/** A refusal stops the fetches of its page for this long at most. */
const MAX_LEASE_MS = 300_000;
/** Keys that must expire by themselves. */
const EXPIRING = [PAGE_KEYS, LEASE_KEYS, INDEX_KEYS, "short-interest:client:", "short-interest:opend"];

/** Checks the keys in Redis until the run ends. */
export async function watchStorage(world: World): Promise<void> {
  while (!world.ended) {
    await checkStorage(world);
    await pause(EVERY_MS);
  }
}

export async function checkStorage(world: World): Promise<void> {
  const { report, upstash } = world.parts;
  const call = (name: string, ...args: string[]) => upstash.redis.call(name, ...args);
  const keys: string[] = [];
  for (const prefix of EXPIRING) {
    const found = await call("KEYS", `${prefix}*`);
    if (Array.isArray(found)) keys.push(...found.map(String));
  }
  let refusals = 0;
  for (const key of keys) {
    const ttlMs = Number(await call("PTTL", key));
    if (key.startsWith(LEASE_KEYS) && ttlMs > MAX_LEASE_MS)
      report.violated("fair", `${key} is held for ${Math.round(ttlMs / 1_000)} s`);
    if (ttlMs === -1) report.violated("fair", `${key} never expires`);
    if (!key.startsWith(PAGE_KEYS) || isPage(world, key.slice(PAGE_KEYS.length))) continue;
    refusals += 1;
    const reply = String((await call("HGET", key, "reply")) ?? "");
    if (ttlMs > MAX_REFUSAL_MS)
      report.violated("fair", `${key} is stored for ${Math.round(ttlMs / 1_000)} s`);
    if (reply.length > MAX_REFUSAL_CHARS)
      report.violated("fair", `${key} is no page, and has a reply with rows`);
  }
  report.peak("Redis, at most: pages", keys.filter((key) => key.startsWith(PAGE_KEYS)).length - refusals);
  report.peak("Redis, at most: refusals", refusals);
  report.peak("Redis, at most: keys that expire", keys.length);
}

/** @param name symbol, cursor and perhaps a number of rows, as in the key */
function isPage({ parts: { published } }: World, name: string): boolean {
  const [symbol = "", cursor = "", num] = name.split("/");
  const truth = truthOf(symbol);
  return truth.rows.length > 0 && num === undefined && published.isOfPage(truth, decodeURIComponent(cursor));
}
