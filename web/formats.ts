import type { Language } from "./texts.ts";

/** Stands for a missing value. */
export const NO_VALUE = "–";

/** Hong Kong quotes cheap shares with three decimals. */
const PRICE = { minimumFractionDigits: 2, maximumFractionDigits: 3 } as const;

/**
 * Number formats of a language, whose tag is also the `Intl` locale. Traditional Chinese is formatted as `zh-Hant` on
 * purpose: `zh-HK` abbreviates large numbers as 51.481M, but Hong Kong's financial pages write 萬 and 億.
 */
export function formatsOf(language: Language) {
  const number = (options: Intl.NumberFormatOptions) => {
    const format = new Intl.NumberFormat(language, options);
    return (value: number | bigint) => format.format(value);
  };
  const decimal = number({ maximumFractionDigits: 2 });
  const signed = number({ signDisplay: "exceptZero", maximumFractionDigits: 2 });
  const compact = number({ notation: "compact", maximumSignificantDigits: 5 });
  return {
    count: number({}),
    compact,
    decimal,
    price: number(PRICE),
    signedPrice: number({ ...PRICE, signDisplay: "exceptZero" }),
    priceTick: (value: number) => (value < 100_000 ? decimal(value) : compact(value)),
    days: number({ style: "unit", unit: "day", unitDisplay: "long", maximumFractionDigits: 2 }),
    /** @param value in percent: 12.34 becomes 12.34% */
    percent: (value: number | bigint) => `${decimal(value)}%`,
    signed,
    signedPercent: (value: number | bigint) => `${signed(value)}%`,
    /** Minutes below 2 hours, hours below 2 days, then days. */
    age: (seconds: number) => {
      const [value, unit] =
        seconds >= 172_800
          ? [seconds / 86_400, "day"]
          : seconds >= 7_200
            ? [seconds / 3_600, "hour"]
            : [seconds / 60, "minute"];
      return number({ style: "unit", unit: String(unit), unitDisplay: "long" })(Math.round(Number(value)));
    },
  };
}
export type Formats = ReturnType<typeof formatsOf>;

/** Formats a value, or shows that it is missing. */
export function formatOrNone<Value extends number | bigint>(
  value: Value | null | undefined,
  format: (value: Value) => string,
): string {
  return value === null || value === undefined ? NO_VALUE : format(value);
}
