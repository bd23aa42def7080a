import { create } from "@bufbuild/protobuf";
import { array, boolean, nullable, number, object, optional, parse, string } from "valibot";
import {
  EMPTY_SUMMARY,
  type PageKey,
  type PageSummary,
  summaryOf,
} from "../../../functions/page-source/cached-reply.ts";
import { HkShortInterestItemSchema } from "../../../gen/Qot_GetShortInterest_pb.js";

/** The number of rows of a page. */
export const PAGE_ROWS = 3;
/** Seconds between two rows. */
const ROW_S = 100;
const NEWEST_S = 1_700_000_000;

/** Wrong replies of OpenD: an unknown security, no rows, an older page, or too few rows. */
export const WRONG_REPLIES = ["denial", "empty", "older", "truncated"] as const;
export type WrongReplyKind = (typeof WRONG_REPLIES)[number];

/** A reply of OpenD, and its request. */
const Reply = object({
  symbol: string(),
  cursor: string(),
  num: optional(number()),
  isDenial: boolean(),
  /** Stands for the values of all rows. A split changes the values, but not the timestamps. */
  values: number(),
  /** Timestamps in seconds, newest first. */
  rows: array(number()),
  next: nullable(string()),
});
export type Reply = ReturnType<typeof parseReply>;

export function encodeReply(reply: Reply): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(JSON.stringify(reply)));
}

/** @throws Error if the bytes are not a reply */
export function parseReply(bytes: Uint8Array) {
  return parse(Reply, JSON.parse(new TextDecoder().decode(bytes)));
}

/** Summarizes a reply with the Worker's own function. */
export function summarize({ isDenial, rows, next }: Reply, key: PageKey): PageSummary {
  if (isDenial) return EMPTY_SUMMARY;
  const items = rows.map((timestamp) => create(HkShortInterestItemSchema, { timestamp: BigInt(timestamp) }));
  return summaryOf({ market: "HK", rows: items, next }, key);
}

/** The history of one security in OpenD. */
export class Security {
  readonly symbol: string;
  /** Whether cursors are not timestamps. */
  readonly hasOpaqueCursors: boolean;
  /** Timestamps in seconds, newest first. */
  rows: readonly number[];
  #older: readonly number[];
  #values = 1;

  constructor(symbol: string, rows: number, hasOpaqueCursors: boolean) {
    this.symbol = symbol;
    this.hasOpaqueCursors = hasOpaqueCursors;
    this.rows = Array.from({ length: rows }, (_, row) => NEWEST_S - row * ROW_S);
    this.#older = this.rows.slice(1);
  }

  /** Adds a newest row. */
  publish(): void {
    const [newest = NEWEST_S] = this.rows;
    this.#older = this.rows;
    this.rows = [newest + ROW_S, ...this.rows];
  }

  /** Changes the values of all rows, as after a split. */
  split(): void {
    this.#values += 1;
  }

  cursorOf(timestamp: number): string {
    return this.hasOpaqueCursors ? `after-${timestamp}` : String(timestamp);
  }

  reply({ symbol, cursor, num }: PageKey, fault: WrongReplyKind | undefined): Reply {
    const history = fault === "older" ? this.#older : this.rows;
    const after = cursor === "" ? Number.POSITIVE_INFINITY : Number(cursor.replace("after-", ""));
    const following = history.filter((timestamp) => timestamp < after);
    const rows = following.slice(0, num ?? PAGE_ROWS);
    const last = rows.at(-1);
    const page = {
      symbol,
      cursor,
      num,
      isDenial: false,
      values: this.#values,
      rows,
      next: following.length > rows.length && last !== undefined ? this.cursorOf(last) : null,
    };
    if (fault === "denial") return { ...page, isDenial: true, rows: [], next: null };
    if (fault === "empty") return { ...page, rows: [], next: null };
    if (fault === "truncated") return { ...page, rows: rows.slice(0, -1), next: null };
    return page;
  }
}
