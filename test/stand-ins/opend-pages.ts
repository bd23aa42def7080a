import { clearField, fromBinary } from "@bufbuild/protobuf";
import type { RequestFrame } from "../../functions/opend/frame.ts";
import { QotMarket } from "../../gen/Qot_Common_pb.js";
import {
  HkShortInterestItemSchema,
  RequestSchema,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import { type CursorKind, cursorOf, startOf } from "./opend-cursors.ts";
import { ENGLISH_REFUSALS, isCallFault, REFUSALS, type WrongReply, wrongRange } from "./opend-faults.ts";
import { hkHistory, isForbidden, laterRows, usHistory } from "./sample-data.ts";

/** Options of the stand-in's pages. Most of them contradict what the vendor documents or the service assumes. */
export interface PageOptions {
  readonly cursors?: CursorKind;
  /** A cursor that is not a number returns the newest rows, in place of a refusal. */
  readonly toleratesCursors?: boolean;
  /** The cursor after the last page, in place of `-1`. */
  readonly endKey?: "empty" | "absent";
  /**
   * Histories end with the last row that is published at this time (Unix time, milliseconds), 2026-04-30 at the
   * earliest. Without it they end there.
   */
  readonly until?: number;
  /** The number of rows that are published in addition, by symbol. */
  readonly published?: Readonly<Record<string, number>>;
  /** The number of newest rows that are not yet published. */
  readonly unpublished?: number;
  /** Only the newest row of each month exists. */
  readonly isMonthly?: boolean;
  /** Fields that no row has, such as `closePrice`. */
  readonly missingFields?: readonly string[];
  /** Pages have this many rows fewer than `num`, and one at least. */
  readonly shortBy?: number;
  /** One share became this many, and all rows are rewritten. */
  readonly split?: number;
  /** The text with which every call is refused. */
  readonly refusal?: string;
  /** The `retType` of these refusals, in place of -1. */
  readonly refusalRetType?: number;
  /** The text with which calls for unknown securities are refused. */
  readonly unknownRefusal?: string;
  /** Refusals are in English. */
  readonly isEnglish?: boolean;
  /** An unknown security has a page without rows, in place of a refusal. */
  readonly hasEmptyUnknown?: boolean;
  /** The market for which the account has no permission. */
  readonly deniedMarket?: "HK" | "US";
  /** Wrong replies for single securities. */
  readonly wrongReplies?: readonly WrongReply[];
  readonly fault?: string;
}

/**
 * Answers calls for pages.
 * @param counts the number of calls that got each wrong reply
 */
export function pageReply(request: RequestFrame, options: PageOptions, counts: Map<WrongReply, number>) {
  const { c2s } = fromBinary(RequestSchema, request.body);
  const { code = "", market = 0 } = c2s?.security ?? {};
  const { nextKey = "", num = 10 } = c2s ?? {};
  const refusals = options.isEnglish ? ENGLISH_REFUSALS : REFUSALS;
  const marketName = market === QotMarket.QotMarket_HK_Security ? "HK" : "US";
  if (options.refusal !== undefined) return refused(options.refusal, options.refusalRetType);
  if (isForbidden(code) || options.deniedMarket === marketName) return refused(refusals.noPermission);
  const { until = 0, published = {} } = options;
  const later = laterRows({ market: marketName, code }, until, published[`${marketName}.${code}`] ?? 0);
  const hk = market === QotMarket.QotMarket_HK_Security ? hkHistory(code, options.split, later) : undefined;
  const us = market === QotMarket.QotMarket_US_Security ? usHistory(code, options.split, later) : undefined;
  const known = hk ?? us ?? (options.hasEmptyUnknown ? [] : undefined);
  if (known === undefined) return refused(options.unknownRefusal ?? refusals.unknownStock);
  const all = options.isMonthly ? known.filter(isNewestOfMonth) : known;
  const rowsWanted = Math.min(50, Math.max(1, num === 0 ? 10 : num));
  const range = rangeOf(`${marketName}.${code}`, nextKey, rowsWanted, options, counts);
  if (typeof range === "string") return refused(range);
  const history = all.slice(...range);
  const { cursors = "timestamp", toleratesCursors = false } = options;
  const isTolerated = toleratesCursors && Number.isNaN(Number(nextKey));
  const from = isTolerated ? 0 : startOf(cursors, history, nextKey, rowsWanted);
  if (!Number.isInteger(from)) return refused("nextKey");
  const to = from + Math.max(1, rowsWanted - (options.shortBy ?? 0));
  const last = history[to - 1];
  const isEnd = to >= history.length || last === undefined;
  const items = history.slice(from, to);
  for (const row of items) for (const name of options.missingFields ?? []) clear(row, name);
  return {
    retType: 0,
    retMsg: "",
    errCode: 0,
    s2c: {
      hkItemList: items.filter((row) => row.$typeName === HkShortInterestItemSchema.typeName),
      usItemList: items.filter((row) => row.$typeName === UsShortInterestItemSchema.typeName),
      ...(isEnd ? endKeyOf(options) : { nextKey: cursorOf(cursors, to, last.timestamp, rowsWanted) }),
    },
  };
}

type SampleRow = NonNullable<ReturnType<typeof hkHistory> | ReturnType<typeof usHistory>>[number];

const refused = (retMsg: string, retType = -1) => ({ retType, retMsg });

function endKeyOf({ endKey }: PageOptions): { nextKey?: string } {
  if (endKey === "absent") return {};
  return { nextKey: endKey === "empty" ? "" : "-1" };
}

function isNewestOfMonth(row: SampleRow, index: number, rows: readonly SampleRow[]): boolean {
  return row.timestampStr.slice(0, 7) !== rows[index - 1]?.timestampStr.slice(0, 7);
}

function clear(row: SampleRow, name: string): void {
  if (row.$typeName === HkShortInterestItemSchema.typeName) {
    const field = HkShortInterestItemSchema.fields.find(({ localName }) => localName === name);
    if (field) clearField(row, field);
  } else {
    const field = UsShortInterestItemSchema.fields.find(({ localName }) => localName === name);
    if (field) clearField(row, field);
  }
}

/** The range of rows that are visible to a call, or the message of its refusal. */
function rangeOf(
  symbol: string,
  nextKey: string,
  rowsWanted: number,
  { unpublished = 0, wrongReplies = [], fault = "" }: PageOptions,
  counts: Map<WrongReply, number>,
): [number, number] | string {
  const published: [number, number] = [unpublished, Number.POSITIVE_INFINITY];
  const wrong = wrongReplies.find(
    (reply) => reply.symbol === symbol && (counts.get(reply) ?? 0) < reply.times,
  );
  if (!wrong || nextKey !== "" || isCallFault(fault)) return published;
  counts.set(wrong, (counts.get(wrong) ?? 0) + 1);
  const range = wrongRange(wrong, rowsWanted);
  return typeof range === "string" ? range : [unpublished + range[0], unpublished + range[1]];
}
