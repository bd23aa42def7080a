import { isFieldSet, ScalarType } from "@bufbuild/protobuf";
import {
  type HkShortInterestItem,
  HkShortInterestItemSchema,
  type UsShortInterestItem,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import type { Row } from "./page.ts";
import type { Market } from "./symbol.ts";

/** A cell; null if the field is absent in OpenD's reply. Counts are bigint, because they may exceed 2^53. */
export type Value = bigint | number | string | null;

export interface Column {
  /** The documented name of the DataFrame column. */
  readonly name: string;
  readonly meaning: string;
  readonly type: "integer" | "number" | "string";
  readonly valueIn: (row: Row) => Value;
}

type FieldOf<Item> = Exclude<keyof Item, "$typeName" | "$unknown">;

function hk(name: string, field: FieldOf<HkShortInterestItem>, meaning: string): Column {
  const descriptor = HkShortInterestItemSchema.field[field];
  return {
    name,
    meaning,
    type: typeOf(descriptor.scalar),
    valueIn: (row) =>
      row.$typeName === HkShortInterestItemSchema.typeName && isFieldSet(row, descriptor) ? row[field] : null,
  };
}

function us(name: string, field: FieldOf<UsShortInterestItem>, meaning: string): Column {
  const descriptor = UsShortInterestItemSchema.field[field];
  return {
    name,
    meaning,
    type: typeOf(descriptor.scalar),
    valueIn: (row) =>
      row.$typeName === UsShortInterestItemSchema.typeName && isFieldSet(row, descriptor) ? row[field] : null,
  };
}

function typeOf(scalar: ScalarType | undefined): Column["type"] {
  if (scalar === ScalarType.STRING) return "string";
  return scalar === ScalarType.DOUBLE ? "number" : "integer";
}

const TIMESTAMP = "Midnight of the trading day in the market's time zone, Unix time in seconds.";
const DATE = "Trading day, YYYY-MM-DD.";
const CLOSE = "Closing price of the day.";
const LAST_CLOSE = "Closing price of the previous trading day, not of the previous row.";

/** The columns of each market, named and ordered as the vendor documents them. */
export const COLUMNS: Readonly<Record<Market, readonly Column[]>> = {
  HK: [
    hk("timestamp", "timestamp", TIMESTAMP),
    hk("timestamp_str", "timestampStr", DATE),
    hk("aggregated_short", "aggregatedShort", "Short interest: shares sold short and not yet bought back."),
    hk(
      "aggregated_short_ratio",
      "aggregatedShortRatio",
      "Short interest as a percentage of the shares in circulation: 0.56 means 0.56%.",
    ),
    hk("close_price", "closePrice", CLOSE),
    hk("last_close_price", "lastClosePrice", LAST_CLOSE),
  ],
  US: [
    us("timestamp", "timestamp", TIMESTAMP),
    us("timestamp_str", "timestampStr", DATE),
    us("shares_short", "sharesShort", "Short interest: shares sold short."),
    us(
      "short_percent",
      "shortPercent",
      "Short interest ratio in percent: 0.92 means 0.92%. The vendor does not document its denominator.",
    ),
    us("avg_daily_share_volume", "avgDailyShareVolume", "Average daily trading volume, in shares."),
    us("days_to_cover", "daysToCover", "Days to cover: short interest divided by the average daily volume."),
    us("close_price", "closePrice", CLOSE),
    us("last_close_price", "lastClosePrice", LAST_CLOSE),
  ],
};

/** The name of the column that a request may include. */
export const FIRST_SEEN = "first_seen_at";

/**
 * The column with the time at which the service first saw a row.
 * @param firstSeen Unix times in seconds, by the timestamp of the row
 */
export function firstSeenColumn(firstSeen: ReadonlyMap<bigint, number>): Column {
  return {
    name: FIRST_SEEN,
    meaning:
      "When this service first fetched the row, Unix time in seconds, rounded up. null if unknown: the row was there before the first look at the security. Only with include=first_seen_at.",
    type: "integer",
    valueIn: ({ timestamp }) => firstSeen.get(timestamp) ?? null,
  };
}

/** The short interest of a row in shares; null if the field is absent in OpenD's reply. */
export function sharesIn(row: Row): bigint | null {
  if (row.$typeName === HkShortInterestItemSchema.typeName) {
    return isFieldSet(row, HkShortInterestItemSchema.field.aggregatedShort) ? row.aggregatedShort : null;
  }
  return isFieldSet(row, UsShortInterestItemSchema.field.sharesShort) ? row.sharesShort : null;
}
