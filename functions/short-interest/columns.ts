import { isFieldSet } from "@bufbuild/protobuf";
import {
  type HkShortInterestItem,
  HkShortInterestItemSchema,
  type UsShortInterestItem,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import type { Row } from "./page.ts";
import type { Market } from "./symbol.ts";

/** A cell: null where OpenD left the field out. Counts are bigint, for they may pass 2^53. */
export type Value = bigint | number | string | null;

export interface Column {
  /** The documented name of the DataFrame column. */
  readonly name: string;
  readonly valueIn: (row: Row) => Value;
}

type FieldOf<Item> = Exclude<keyof Item, "$typeName" | "$unknown">;

function hk(name: string, field: FieldOf<HkShortInterestItem>): Column {
  const descriptor = HkShortInterestItemSchema.field[field];
  return {
    name,
    valueIn: (row) =>
      row.$typeName === HkShortInterestItemSchema.typeName && isFieldSet(row, descriptor) ? row[field] : null,
  };
}

function us(name: string, field: FieldOf<UsShortInterestItem>): Column {
  const descriptor = UsShortInterestItemSchema.field[field];
  return {
    name,
    valueIn: (row) =>
      row.$typeName === UsShortInterestItemSchema.typeName && isFieldSet(row, descriptor) ? row[field] : null,
  };
}

/** The columns of each market, named and ordered as the vendor documents them. */
export const COLUMNS: Readonly<Record<Market, readonly Column[]>> = {
  HK: [
    hk("timestamp", "timestamp"),
    hk("timestamp_str", "timestampStr"),
    hk("aggregated_short", "aggregatedShort"),
    hk("aggregated_short_ratio", "aggregatedShortRatio"),
    hk("close_price", "closePrice"),
    hk("last_close_price", "lastClosePrice"),
  ],
  US: [
    us("timestamp", "timestamp"),
    us("timestamp_str", "timestampStr"),
    us("shares_short", "sharesShort"),
    us("short_percent", "shortPercent"),
    us("avg_daily_share_volume", "avgDailyShareVolume"),
    us("days_to_cover", "daysToCover"),
    us("close_price", "closePrice"),
    us("last_close_price", "lastClosePrice"),
  ],
};

/** The shares that a row counts as sold short; null where OpenD left them out. */
export function sharesIn(row: Row): bigint | null {
  if (row.$typeName === HkShortInterestItemSchema.typeName) {
    return isFieldSet(row, HkShortInterestItemSchema.field.aggregatedShort) ? row.aggregatedShort : null;
  }
  return isFieldSet(row, UsShortInterestItemSchema.field.sharesShort) ? row.sharesShort : null;
}
