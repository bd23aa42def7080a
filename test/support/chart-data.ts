import type { Page } from "playwright-core";

/** Answers of the API for tests of the charts. The rows look like a market, and are the same in each run. */

export interface ChartRow {
  readonly timestamp_str: string;
  readonly [column: string]: string | number | null;
}

const DAY_MS = 86_400_000;

/** US rows of mid-month and end of month, newest first, up to 2026-04-30. */
export function usRows(count: number, seed = 1): ChartRow[] {
  const walk = walkFrom(seed);
  return Array.from({ length: count }, (_, half) => {
    const month = 3 - Math.floor(half / 2);
    const date = half % 2 === 0 ? Date.UTC(2026, month + 1, 0) : Date.UTC(2026, month, 15);
    const { shares, price } = walk();
    return {
      timestamp: date / 1_000,
      timestamp_str: dayOf(date),
      shares_short: shares,
      short_percent: round(shares / 147e6),
      days_to_cover: round(shares / 52e6),
      close_price: price,
    };
  });
}

/** Weekly Hong Kong rows, newest first, up to 2026-04-30. */
export function hkRows(count: number, seed = 2): ChartRow[] {
  const walk = walkFrom(seed);
  return Array.from({ length: count }, (_, week) => {
    const date = Date.UTC(2026, 3, 30) - week * 7 * DAY_MS;
    const { shares, price } = walk();
    return {
      timestamp: date / 1_000,
      timestamp_str: dayOf(date),
      aggregated_short: shares,
      aggregated_short_ratio: round(shares / 92e6),
      close_price: price,
    };
  });
}

/** Answers all requests for a symbol with these rows. The newest is the first. */
export async function answerWith(page: Page, symbol: string, rows: readonly ChartRow[]): Promise<void> {
  const body = JSON.stringify({ symbol, market: symbol.slice(0, 2), items: rows, next_key: null });
  await page.route(`**/v1/short-interest/${symbol}*`, (route) => route.fulfill({ body }));
}

/** A slow walk of short interest and price. */
function walkFrom(seed: number) {
  let state = seed;
  const random = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647 - 0.5;
  };
  random();
  let [shares, price, drift] = [96e6, 210, 0];
  return () => {
    drift = 0.7 * drift + 0.05 * random();
    price *= 1 + 0.06 * random() + 0.4 * drift;
    shares *= 1 - drift + 0.05 * random();
    return { shares: Math.round(shares), price: round(price) };
  };
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const round = (value: number) => Math.round(value * 100) / 100;
