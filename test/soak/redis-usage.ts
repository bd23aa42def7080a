import { FIRST_SEEN_PREFIX } from "../../functions/page-source/first-seen-script.ts";
import { INDEX_PREFIX, LEASE_PREFIX, PAGE_PREFIX } from "../../functions/page-source/shared-cache.ts";
import { parseStoredPage } from "../../functions/page-source/stored-values.ts";
import { delay } from "./fairness.ts";
import { expectedHistory } from "./oracle.ts";
import type { World } from "./world.ts";

/**
 * Checks that requests cannot fill Redis. Only first pages, and pages after a row of a stored page, are stored. So their
 * number is limited by the rows of the histories. All other keys with the prefix of pages are small refusals with a short TTL.
 */
const INTERVAL_MS = 5_000;
/** Maximum TTL of a refusal. */
const MAX_REFUSAL_MS = 600_000;
/** Maximum length of a refusal in bytes. Pages are longer. */
const MAX_REFUSAL_BYTES = 150;
/** Maximum TTL of a lease: the backoff after a refusal. */
const MAX_LEASE_MS = 300_000;
/** Prefixes of keys that must have a TTL. */
const EXPIRING = [PAGE_PREFIX, LEASE_PREFIX, INDEX_PREFIX, FIRST_SEEN_PREFIX, "short-interest:permits"];

/** Checks the keys in Redis until the run ends. */
export async function watchStorage(world: World): Promise<void> {
  while (!world.isEnded) {
    await checkStorage(world);
    await delay(INTERVAL_MS);
  }
}

export async function checkStorage(world: World): Promise<void> {
  const { report, upstash } = world.deps;
  const call = (name: string, ...args: string[]) => upstash.redis.call(name, ...args);
  const keys: string[] = [];
  for (const prefix of EXPIRING) {
    const found = await call("KEYS", `${prefix}*`);
    if (Array.isArray(found)) keys.push(...found.map(String));
  }
  let refusals = 0;
  for (const key of keys) {
    const ttlMs = Number(await call("PTTL", key));
    if (key.startsWith(LEASE_PREFIX) && ttlMs > MAX_LEASE_MS)
      report.violation("exhaustedResource", `${key} has a TTL of ${Math.round(ttlMs / 1_000)} s`);
    if (ttlMs === -1) report.violation("exhaustedResource", `${key} has no TTL`);
    if (!key.startsWith(PAGE_PREFIX) || isPage(key.slice(PAGE_PREFIX.length))) continue;
    refusals += 1;
    const reply = parseStoredPage(String((await call("GET", key)) ?? ""))?.reply ?? new Uint8Array();
    if (ttlMs > MAX_REFUSAL_MS)
      report.violation("exhaustedResource", `${key} has a TTL of ${Math.round(ttlMs / 1_000)} s`);
    if (reply.length > MAX_REFUSAL_BYTES)
      report.violation("exhaustedResource", `${key} is not a page of a history, but its reply has rows`);
  }
  report.countMax(
    "maximum number of keys in Redis: pages",
    keys.filter((key) => key.startsWith(PAGE_PREFIX)).length - refusals,
  );
  report.countMax("maximum number of keys in Redis: refusals", refusals);
  report.countMax("maximum number of keys in Redis: in total", keys.length);
}

/** @param name the part of the key after its prefix: symbol, cursor, and optionally `num` */
function isPage(name: string): boolean {
  const [symbol = "", cursor = "", num] = name.split("/");
  const history = expectedHistory(symbol);
  return (
    history.rows.length > 0 &&
    num === undefined &&
    (cursor === "" || history.rows.some((row) => row.cursor === decodeURIComponent(cursor)))
  );
}
