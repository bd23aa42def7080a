import { create, equals, fromBinary } from "@bufbuild/protobuf";
import { array, boolean, nullable, object, parse, string, unknown } from "valibot";
import {
  HkShortInterestItemSchema,
  ResponseSchema,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import { exactly, isSame, parseExactly } from "./exact-json.ts";
import { type Publication, type TrueRow, type Truth, truthOf } from "./oracle.ts";

/** Checks answers against the expected data. Each check returns what is wrong, or nothing. */

export type PageFormat = "json" | "csv" | "ndjson" | "protobuf";

/** Correct rows, and the cursor after them. */
interface TruePage {
  readonly rows: readonly TrueRow[];
  readonly next: string | null;
}

/** A page may be shorter when the rows after it cannot be fetched, but it is not empty then. */
function pagesFor(published: Publication, truth: Truth, cursor: string, num: number): TruePage[] {
  return published.after(truth, cursor).flatMap((following) => {
    const most = Math.min(num, following.length);
    return Array.from({ length: Math.max(1, most) }, (_, less) => {
      const rows = following.slice(0, most - less);
      return { rows, next: rows.length === following.length ? null : (rows.at(-1)?.cursor ?? null) };
    });
  });
}

/** The number of rows of a correct answer, or what is wrong with the answer. */
export type Checked = { readonly rows: number; readonly next: string | null } | string;

function found(right: TruePage | undefined, what: string): Checked {
  if (!right) return `${what} differs from what OpenD has`;
  return { rows: right.rows.length, next: right.next };
}

/** @param link the header: outside JSON it alone has the cursor */
export function checkPage(
  published: Publication,
  asked: {
    readonly symbol: string;
    readonly cursor: string;
    readonly num: number;
    readonly format: PageFormat;
  },
  body: Uint8Array,
  link: string | null,
): Checked {
  const truth = truthOf(asked.symbol);
  const pages = pagesFor(published, truth, asked.cursor, asked.num);
  const text = () => new TextDecoder().decode(body);
  const what = `${asked.symbol} after '${asked.cursor}', ${asked.num} rows of ${asked.format}`;
  const linked = /[?&]next_key=(\w+)>; rel="next"$/.exec(link ?? "")?.[1] ?? null;
  const isLinked = ({ next }: TruePage) => next === linked;
  if (asked.format === "json") {
    const answer = parseExactly(text());
    return found(
      pages.find((page) => isLinked(page) && isSame(answer, recordOf(truth, page))),
      what,
    );
  }
  if (asked.format === "csv") {
    const lines = (page: TruePage) => [truth.header, ...page.rows.map(({ line }) => line), ""].join("\r\n");
    return found(
      pages.find((page) => isLinked(page) && text() === lines(page)),
      what,
    );
  }
  if (asked.format === "ndjson") {
    const records = linesOf(text());
    return found(
      pages.find((page) => isLinked(page) && isSame(records, recordsOf(page.rows))),
      what,
    );
  }
  return checkReply(published, asked, body, pages.filter(isLinked));
}

/** Checks a page in OpenD's own format. */
export function checkReply(
  published: Publication,
  { symbol, cursor, num }: { readonly symbol: string; readonly cursor: string; readonly num: number },
  body: Uint8Array,
  pages = pagesFor(published, truthOf(symbol), cursor, num),
): Checked {
  const reply = fromBinary(ResponseSchema, body);
  const right = pages.find(({ rows, next }) => {
    const items = rows.map(({ item }) => item);
    const s2c = {
      hkItemList: items.filter((item) => item.$typeName === HkShortInterestItemSchema.typeName),
      usItemList: items.filter((item) => item.$typeName === UsShortInterestItemSchema.typeName),
      nextKey: next ?? "-1",
    };
    const said = create(ResponseSchema, { retType: 0, retMsg: "", errCode: 0, s2c });
    return equals(ResponseSchema, reply, said);
  });
  return found(right, `${symbol} after '${cursor}', ${num} rows in OpenD's format`);
}

/** Checks a page that a tool of the Model Context Protocol returned. */
export function checkTold(published: Publication, symbol: string, num: number, told: unknown): Checked {
  const { fetched_at, stale, ...page } = parse(ToldPage, told);
  const truth = truthOf(symbol);
  const pages = pagesFor(published, truth, "", num);
  return found(
    pages.find((each) => isSame(page, recordOf(truth, each))),
    `${symbol}, ${num} rows from a tool`,
  );
}
const ToldPage = object({
  symbol: string(),
  market: string(),
  items: array(unknown()),
  next_key: nullable(string()),
  fetched_at: string(),
  stale: boolean(),
});

const End = object({
  complete: boolean(),
  next_key: nullable(string()),
  error: nullable(object({ code: string() })),
  fetched_at: string(),
  stale: boolean(),
});
const Series = object({ symbol: string(), market: string(), items: array(unknown()), ...End.entries });

export interface Stretch {
  readonly symbol: string;
  readonly from?: string;
  readonly to?: string;
  readonly order: "asc" | "desc";
  readonly format: "json" | "csv" | "ndjson";
}

/**
 * Checks a history. Newest first, it may end early and say so.
 * @returns the code of the problem that ended it early
 */
export function checkHistory(
  published: Publication,
  { symbol, from, to, order, format }: Stretch,
  text: string,
): { readonly problem?: string; readonly code?: string } {
  const truth = truthOf(symbol);
  const versions = published.after(truth, "").map((rows) => {
    const within = rows.filter(({ date }) => (!from || date >= from) && (!to || date <= to));
    return order === "asc" ? within.reverse() : within;
  });
  const wrong = { problem: `the history of ${symbol} from ${from} to ${to}, ${order}, as ${format}` };
  if (format === "csv") {
    const lines = (rows: readonly TrueRow[]) => [truth.header, ...rows.map(({ line }) => line), ""];
    return versions.some((rows) => text === lines(rows).join("\r\n")) ? {} : wrong;
  }
  const { items, ...end } = format === "json" ? parse(Series, parseExactly(text)) : seriesOf(linesOf(text));
  const isRight = (rows: readonly TrueRow[]) =>
    isSame(items, recordsOf(end.complete ? rows : rows.slice(0, items.length)));
  if (!versions.some(isRight)) return wrong;
  if (end.complete) return end.next_key === null && end.error === null ? {} : wrong;
  if (order === "asc" || end.error === null || end.next_key === null) return wrong;
  return { code: end.error.code };
}

function seriesOf(lines: readonly unknown[]) {
  return { items: lines.slice(0, -1), ...parse(End, lines.at(-1)) };
}

const Latest = object({
  items: array(object({ symbol: string(), error: nullable(object({ code: string() })) })),
});
const LatestItems = object({ items: array(unknown()) });

/**
 * Checks the newest rows of several symbols.
 * @returns the codes of the symbols that failed
 */
export function checkLatest(
  published: Publication,
  symbols: readonly string[],
  answer: unknown,
): { readonly problem?: string; readonly codes: readonly string[] } {
  const { items } = parse(Latest, answer);
  const whole = parse(LatestItems, answer).items;
  const codes: string[] = [];
  if (
    !isSame(
      items.map(({ symbol }) => symbol),
      symbols,
    )
  )
    return { problem: "other symbols", codes };
  for (const [at, { symbol, error }] of items.entries()) {
    if (error) {
      codes.push(error.code);
      continue;
    }
    const right = [true, false].flatMap((stale) =>
      published.after(truthOf(symbol), "").map((rows) => latestOf(symbol, rows, stale)),
    );
    if (!right.some((each) => isSame(each, whole[at]))) return { problem: `the newest of ${symbol}`, codes };
  }
  return { codes };
}

function latestOf(symbol: string, [newest, before]: readonly TrueRow[], stale: boolean) {
  const shares = newest && before ? newest.shares - before.shares : undefined;
  const percent = before && Math.round((Number(shares) / Number(before.shares)) * 1e4) / 100;
  const change =
    shares === undefined || percent === undefined
      ? null
      : { shares: exactly(shares), percent: exactly(percent) };
  const { market } = truthOf(symbol);
  return { symbol, market, latest: newest?.record ?? null, change, stale, error: null };
}

function recordOf({ symbol, market }: Truth, { rows, next }: TruePage) {
  return { symbol, market, items: recordsOf(rows), next_key: next };
}

function recordsOf(rows: readonly TrueRow[]) {
  return rows.map(({ record }) => record);
}

function linesOf(text: string): unknown[] {
  return text.split("\n").slice(0, -1).map(parseExactly);
}
