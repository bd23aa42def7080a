import { Redis } from "@upstash/redis";
import { INDEX_KEYS, LEASE_KEYS, PAGE_KEYS } from "../functions/page-source/shared-cache.ts";
import { formatSymbol, parseSymbol } from "../functions/short-interest/symbol.ts";
import { variable } from "./vars.ts";

/**
 * `npm run purge -- HK.00700 …` or `npm run purge -- --all`: deletes what all data centres share. The
 * edge copies made of it are forgotten within five minutes.
 */

/** Keys that SCAN looks at, and DEL deletes, at once. */
const BATCH = 500;

const url = variable("UPSTASH_REDIS_REST_URL");
const token = variable("UPSTASH_REDIS_REST_TOKEN");
const wanted = process.argv.slice(2);
if (url === undefined || token === undefined) {
  stop(
    "UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN are not set, neither in the environment nor in .dev.vars",
  );
}
if (wanted.length === 0) stop("usage: npm run purge -- SYMBOL … | --all");

const redis = new Redis({ url, token, enableTelemetry: false, signal: () => AbortSignal.timeout(10_000) });
for (const each of wanted) {
  // No symbol has a character that a pattern gives a meaning to.
  const [name, patterns] =
    each === "--all"
      ? ["all pages", [`${PAGE_KEYS}*`, `${LEASE_KEYS}*`, `${INDEX_KEYS}*`]]
      : patternsOf(each);
  let pages = 0;
  for (const pattern of patterns) pages += await deleteMatching(pattern);
  console.log(`${name}: ${pages} kept pages deleted`);
}

function patternsOf(text: string): [string, string[]] {
  try {
    const symbol = formatSymbol(parseSymbol(text));
    return [symbol, [`${PAGE_KEYS}${symbol}/*`, `${LEASE_KEYS}${symbol}/*`, `${INDEX_KEYS}${symbol}`]];
  } catch {
    return stop(`${text} is not a symbol such as HK.00700`);
  }
}

/** Deletes the keys of a pattern. Returns how many pages were among them. */
async function deleteMatching(pattern: string): Promise<number> {
  let pages = 0;
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, { match: pattern, count: BATCH });
    if (keys.length > 0) await redis.del(...keys);
    pages += keys.filter((key) => key.startsWith(PAGE_KEYS)).length;
    cursor = next;
  } while (cursor !== "0");
  return pages;
}

function stop(why: string): never {
  console.error(why);
  process.exit(1);
}
