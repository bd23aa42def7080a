import { freshnessPolicy } from "../../functions/page-source/freshness.ts";
import { PAGE_PREFIX, PUBLICATION_PREFIX } from "../../functions/page-source/shared-cache.ts";
import { parsePublication, parseStoredPage } from "../../functions/page-source/stored-values.ts";
import { FIRST_CURSOR } from "../../functions/short-interest/page.ts";
import { parseSymbol } from "../../functions/short-interest/symbol.ts";

const DAY_MS = 86_400_000;

/** Runs one Redis command. */
type Command = (...command: string[]) => Promise<unknown>;

/**
 * Makes a stored page older. A first page is fresh for at most a day after its fetch.
 * @param key such as `short-interest:page:US.AAPL/`
 */
export async function agePage(redis: Command, key: string, ms: number): Promise<void> {
  const value = String(await redis("GET", key));
  const aged = value.replace(/^\d+/, (fetched) => String(Number(fetched) - ms));
  if (aged === value) throw new Error(`${key} is not a stored page`);
  await redis("SET", key, aged, "KEEPTTL");
}

/** Makes the stored first page of a symbol stale, if it is fresh, but not for longer than necessary. */
export async function makeStale(redis: Command, symbol: string): Promise<void> {
  const key = `${PAGE_PREFIX}${symbol}/`;
  const remainingMs = async () => (await freshUntilOf(redis, symbol)) - Date.now();
  const beforeMs = await remainingMs();
  if (beforeMs <= 0) return;
  await agePage(redis, key, beforeMs + 1);
  // The record of the market may confirm the page. A page that was fetched a day ago is stale nevertheless.
  if ((await remainingMs()) <= 0) return;
  const fetchedAt = Number(/^\d+/.exec(String(await redis("GET", key)))?.[0]);
  await agePage(redis, key, DAY_MS - (Date.now() - fetchedAt));
}

/** Until when the stored first page of a symbol is fresh (Unix time, milliseconds); 0 if none is stored. */
export async function freshUntilOf(redis: Command, symbol: string): Promise<number> {
  const { market } = parseSymbol(symbol);
  const get = async (key: string) => {
    const value = await redis("GET", key);
    return typeof value === "string" ? value : null;
  };
  const page = parseStoredPage(await get(`${PAGE_PREFIX}${symbol}/`));
  if (page === undefined) return 0;
  if (page.isRefusal) return page.expiresAt;
  const publication = parsePublication(await get(PUBLICATION_PREFIX + market));
  return freshnessPolicy.freshUntil({ ...page, market, cursor: FIRST_CURSOR }, publication);
}
