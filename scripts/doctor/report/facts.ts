import { isFieldSet } from "@bufbuild/protobuf";
import { Failure } from "../../../functions/errors.ts";
import { COLUMNS } from "../../../functions/short-interest/columns.ts";
import type { Row } from "../../../functions/short-interest/page.ts";
import { isCalendarTime } from "../../../functions/short-interest/publication-calendar.ts";
import { dateOf, formatSymbol, type Market } from "../../../functions/short-interest/symbol.ts";
import { type S2C, S2CSchema } from "../../../gen/Qot_GetShortInterest_pb.js";
import { type Observation, rowsOf } from "./questions.ts";
import type { DescribeFailure, RefusalFacts } from "./redact.ts";

const DAY_S = 86_400;

/** A page without values and without texts of OpenD: dates are computed from timestamps. */
export interface PageFacts {
  readonly rows: number;
  readonly rows_of_other_market: number;
  readonly newest: string | null;
  readonly oldest: string | null;
  /** How often two neighbors are so many days apart. */
  readonly days_between_rows: Readonly<Record<string, number>>;
  readonly next_key: string;
  /** Rows without a field, by field. */
  readonly absent_fields: Readonly<Record<string, number>>;
}

export interface CallFacts {
  readonly call: Observation["question"]["kind"];
  readonly subject: Observation["question"]["subject"];
  readonly symbol: string;
  readonly num: number;
  readonly page?: PageFacts;
  readonly refusal?: RefusalFacts;
}

export function factsOf({ question, answer }: Observation, describe: DescribeFailure): CallFacts {
  const { kind, subject, symbol, num } = question;
  const facts = { call: kind, subject, symbol: formatSymbol(symbol), num };
  if (answer instanceof Failure) return { ...facts, refusal: describe(answer) };
  return { ...facts, page: pageFactsOf(symbol.market, answer) };
}

function pageFactsOf(market: Market, page: S2C): PageFacts {
  const rows = rowsOf(market, page);
  return {
    rows: rows.length,
    rows_of_other_market: page.hkItemList.length + page.usItemList.length - rows.length,
    newest: dateOfRow(market, rows[0]),
    oldest: dateOfRow(market, rows.at(-1)),
    days_between_rows: countsOf(daysBetween(rows).map(String)),
    next_key: describeNextKey(rows, page),
    absent_fields: absentFieldsOf(market, rows),
  };
}

/** The date of a row's timestamp in its market; null without one. */
export function dateOfRow(market: Market, row: Row | undefined): string | null {
  return row && isCalendarTime(Number(row.timestamp)) ? dateOf(market, row.timestamp) : null;
}

/** Days between neighbors, rounded because of summer time. */
export function daysBetween(rows: readonly Row[]): number[] {
  return rows.slice(1).map(({ timestamp }, index) => {
    const newer = rows[index]?.timestamp ?? timestamp;
    return Math.round(Number(newer - timestamp) / DAY_S);
  });
}

/** The kind of a cursor. An opaque one is not shown, because it may contain anything. */
export function describeNextKey(rows: readonly Row[], page: S2C): string {
  const { nextKey } = page;
  if (!isFieldSet(page, S2CSchema.field.nextKey)) return "absent";
  if (nextKey === "") return "empty";
  if (nextKey === "-1") return "-1";
  if (nextKey === String(rows.at(-1)?.timestamp)) return "timestamp of the last row";
  if (rows.some(({ timestamp }) => String(timestamp) === nextKey)) return "timestamp of another row";
  return `${/^\d+$/.test(nextKey) ? "another number" : "a text"} of ${nextKey.length} characters`;
}

export function absentFieldsOf(market: Market, rows: readonly Row[]): Record<string, number> {
  return countsOf(
    COLUMNS[market].flatMap(({ name, valueIn }) =>
      rows.filter((row) => valueIn(row) === null).map(() => name),
    ),
  );
}

function countsOf(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}
