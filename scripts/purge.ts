import { Redis } from "@upstash/redis";
import { Failure } from "../functions/errors.ts";
import {
  INDEX_PREFIX,
  LEASE_PREFIX,
  PAGE_PREFIX,
  PUBLICATION_PREFIX,
} from "../functions/page-source/shared-cache.ts";
import { formatSymbol, parseSymbol } from "../functions/short-interest/symbol.ts";
import { variable } from "./dev-vars.ts";
import { stop } from "./stop.ts";

/**
 * `npm run purge -- HK.00700 …` or `npm run purge -- --all`: deletes pages from the shared cache. Edge caches revalidate
 * their copies within an hour.
 */

/** Keys that one SCAN command examines, and one DEL command deletes at most. */
const BATCH = 500;

const url = variable("UPSTASH_REDIS_REST_URL");
const token = variable("UPSTASH_REDIS_REST_TOKEN");
const symbols = process.argv.slice(2);
if (url === undefined || token === undefined) {
  stop("UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN must be set in the environment or in .dev.vars");
}
if (symbols.length === 0) stop("usage: npm run purge -- SYMBOL … | --all");

const redis = new Redis({ url, token, enableTelemetry: false, signal: () => AbortSignal.timeout(10_000) });
for (const argument of symbols) {
  // Symbols contain no special characters of a pattern.
  const [name, patterns] =
    argument === "--all"
      ? [
          "all pages",
          [PAGE_PREFIX, LEASE_PREFIX, INDEX_PREFIX, PUBLICATION_PREFIX].map((prefix) => `${prefix}*`),
        ]
      : patternsOf(argument);
  let pages = 0;
  for (const pattern of patterns) pages += await deleteMatching(pattern);
  console.log(`${name}: ${pages} cached ${pages === 1 ? "page" : "pages"} deleted`);
}

function patternsOf(text: string): [string, string[]] {
  try {
    const symbol = formatSymbol(parseSymbol(text));
    return [symbol, [`${PAGE_PREFIX}${symbol}/*`, `${LEASE_PREFIX}${symbol}/*`, `${INDEX_PREFIX}${symbol}`]];
  } catch (thrown) {
    return stop(`${text}: ${Failure.from(thrown).detail}`);
  }
}

/** Deletes the keys that match a pattern. Returns the number of deleted pages. */
async function deleteMatching(pattern: string): Promise<number> {
  let pages = 0;
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, { match: pattern, count: BATCH });
    if (keys.length > 0) await redis.del(...keys);
    pages += keys.filter((key) => key.startsWith(PAGE_PREFIX)).length;
    cursor = next;
  } while (cursor !== "0");
  return pages;
}
