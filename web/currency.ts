/**
 * Trading currency of a security, by the Hong Kong exchange's allocation of stock codes. The API has no such column.
 * @returns ISO 4217 code
 */
export function currencyOf(symbol: string): "CNY" | "HKD" | "USD" {
  if (!symbol.startsWith("HK.")) return "USD";
  const code = Number(symbol.slice("HK.".length));
  const isIn = (from: number, to: number) => code >= from && code <= to;
  // Counters in renminbi, then funds in US dollars.
  if (isIn(80_000, 89_999)) return "CNY";
  return isIn(9_000, 9_199) || isIn(9_800, 9_849) ? "USD" : "HKD";
}
