import { create, equals, fromBinary } from "@bufbuild/protobuf";
import { array, boolean, nullable, object, parse, string, unknown } from "valibot";
import {
  HkShortInterestItemSchema,
  ResponseSchema,
  UsShortInterestItemSchema,
} from "../../gen/Qot_GetShortInterest_pb.js";
import { exactly, isSame, parseExactly } from "./exact-json.ts";
import {
  cursorAfter,
  type ExpectedHistory,
  type ExpectedRow,
  expectedHistory,
  type PublishedRows,
} from "./oracle.ts";

/** Checks responses against the expected data. */

export type PageFormat = "json" | "csv" | "ndjson" | "protobuf";

/** Rows of a correct page, and its next cursor. */
interface ExpectedPage {
  readonly rows: readonly ExpectedRow[];
  readonly next: string | null;
}

/** Returns all correct pages. A page may have fewer rows if the others cannot be fetched, but at least one. */
function expectedPages(
  published: PublishedRows,
  history: ExpectedHistory,
  cursor: string,
  num: number,
): ExpectedPage[] {
  return published.rowsAfter(history, cursor).flatMap((following) => {
    const maxRows = Math.min(num, following.length);
    return Array.from({ length: Math.max(1, maxRows) }, (_, missing) => {
      const rows = following.slice(0, maxRows - missing);
      const last = rows.at(-1);
      const isEnd = last === undefined || rows.length === following.length;
      return { rows, next: isEnd ? null : cursorAfter(history, last) };
    });
  });
}

/** The number of rows of a correct page and its next cursor, or an error message. */
export type PageCheck = { readonly rows: number; readonly next: string | null } | string;

function pageCheckOf(match: ExpectedPage | undefined, page: string): PageCheck {
  if (!match) return `${page}: the response differs from the expected data`;
  return { rows: match.rows.length, next: match.next };
}

/**
 * Checks a page in any format.
 * @param link the `Link` header with the next cursor
 */
export function checkPage(
  published: PublishedRows,
  requested: {
    readonly symbol: string;
    readonly cursor: string;
    readonly num: number;
    readonly format: PageFormat;
  },
  body: Uint8Array,
  link: string | null,
): PageCheck {
  const history = expectedHistory(requested.symbol);
  const pages = expectedPages(published, history, requested.cursor, requested.num);
  const text = () => new TextDecoder().decode(body);
  const description = `${requested.symbol} after '${requested.cursor}', ${requested.num} rows of ${requested.format}`;
  const encoded = /[?&]next_key=([\w%]+)>; rel="next"$/.exec(link ?? "")?.[1];
  const linked = encoded === undefined ? null : decodeURIComponent(encoded);
  const isLinked = ({ next }: ExpectedPage) => next === linked;
  if (requested.format === "json") {
    const parsedBody = parseExactly(text());
    return pageCheckOf(
      pages.find((page) => isLinked(page) && isSame(parsedBody, recordOf(history, page))),
      description,
    );
  }
  if (requested.format === "csv") {
    const lines = (page: ExpectedPage) =>
      [history.header, ...page.rows.map(({ line }) => line), ""].join("\r\n");
    return pageCheckOf(
      pages.find((page) => isLinked(page) && text() === lines(page)),
      description,
    );
  }
  if (requested.format === "ndjson") {
    const records = linesOf(text());
    return pageCheckOf(
      pages.find((page) => isLinked(page) && isSame(records, recordsOf(page.rows))),
      description,
    );
  }
  return checkReply(published, requested, body, pages.filter(isLinked));
}

/** Checks a page in OpenD's protobuf format. */
export function checkReply(
  published: PublishedRows,
  { symbol, cursor, num }: { readonly symbol: string; readonly cursor: string; readonly num: number },
  body: Uint8Array,
  pages = expectedPages(published, expectedHistory(symbol), cursor, num),
): PageCheck {
  const reply = fromBinary(ResponseSchema, body);
  const match = pages.find(({ rows, next }) => {
    const items = rows.map(({ item }) => item);
    const s2c = {
      hkItemList: items.filter((item) => item.$typeName === HkShortInterestItemSchema.typeName),
      usItemList: items.filter((item) => item.$typeName === UsShortInterestItemSchema.typeName),
      nextKey: next ?? "-1",
    };
    const expected = create(ResponseSchema, { retType: 0, retMsg: "", errCode: 0, s2c });
    return equals(ResponseSchema, reply, expected);
  });
  return pageCheckOf(match, `${symbol} after '${cursor}', ${num} rows in OpenD's format`);
}

/** Checks a page that an MCP tool returned. */
export function checkToolPage(
  published: PublishedRows,
  symbol: string,
  num: number,
  content: unknown,
): PageCheck {
  const { fetched_at, stale, ...page } = parse(ToolPage, content);
  const history = expectedHistory(symbol);
  const pages = expectedPages(published, history, "", num);
  return pageCheckOf(
    pages.find((expectedPage) => isSame(page, recordOf(history, expectedPage))),
    `${symbol}, ${num} rows from an MCP tool`,
  );
}
const ToolPage = object({
  symbol: string(),
  market: string(),
  items: array(unknown()),
  next_key: nullable(string()),
  fetched_at: string(),
  stale: boolean(),
});

const HistoryEnd = object({
  complete: boolean(),
  next_key: nullable(string()),
  error: nullable(object({ code: string() })),
  fetched_at: string(),
  stale: boolean(),
});
const HistoryBody = object({
  symbol: string(),
  market: string(),
  items: array(unknown()),
  ...HistoryEnd.entries,
});

export interface HistoryQuery {
  readonly symbol: string;
  readonly from?: string;
  readonly to?: string;
  readonly order: "asc" | "desc";
  readonly format: "json" | "csv" | "ndjson";
}

/**
 * Checks a history. With the newest rows first, it may be incomplete if it contains an error.
 * @returns `problem`, what is wrong, or `code`, the error code of an incomplete history
 */
export function checkHistory(
  published: PublishedRows,
  { symbol, from, to, order, format }: HistoryQuery,
  text: string,
): { readonly problem?: string; readonly code?: string } {
  const history = expectedHistory(symbol);
  const versions = published.rowsAfter(history, "").map((rows) => {
    const selected = rows.filter(({ date }) => (!from || date >= from) && (!to || date <= to));
    return order === "asc" ? selected.reverse() : selected;
  });
  const wrong = { problem: `wrong history of ${symbol} from ${from} to ${to}, ${order}, as ${format}` };
  if (format === "csv") {
    const lines = (rows: readonly ExpectedRow[]) => [history.header, ...rows.map(({ line }) => line), ""];
    return versions.some((rows) => text === lines(rows).join("\r\n")) ? {} : wrong;
  }
  const { items, ...end } =
    format === "json" ? parse(HistoryBody, parseExactly(text)) : historyOfLines(linesOf(text));
  const isCorrect = (rows: readonly ExpectedRow[]) =>
    isSame(items, recordsOf(end.complete ? rows : rows.slice(0, items.length)));
  if (!versions.some(isCorrect)) return wrong;
  if (end.complete) return end.next_key === null && end.error === null ? {} : wrong;
  if (order === "asc" || end.error === null || end.next_key === null) return wrong;
  return { code: end.error.code };
}

function historyOfLines(lines: readonly unknown[]) {
  return { items: lines.slice(0, -1), ...parse(HistoryEnd, lines.at(-1)) };
}

const LatestBody = object({
  items: array(object({ symbol: string(), error: nullable(object({ code: string() })) })),
});
const LatestItems = object({ items: array(unknown()) });

/**
 * Checks the newest rows of several symbols.
 * @returns `problem`, what is wrong, and `codes`, the error codes of symbols without a row
 */
export function checkLatest(
  published: PublishedRows,
  symbols: readonly string[],
  body: unknown,
): { readonly problem?: string; readonly codes: readonly string[] } {
  const { items } = parse(LatestBody, body);
  const completeItems = parse(LatestItems, body).items;
  const codes: string[] = [];
  if (
    !isSame(
      items.map(({ symbol }) => symbol),
      symbols,
    )
  )
    return { problem: "wrong symbols", codes };
  for (const [index, { symbol, error }] of items.entries()) {
    if (error) {
      codes.push(error.code);
      continue;
    }
    const allowed = [true, false].flatMap((stale) =>
      published.rowsAfter(expectedHistory(symbol), "").map((rows) => latestOf(symbol, rows, stale)),
    );
    if (!allowed.some((latest) => isSame(latest, completeItems[index])))
      return { problem: `wrong newest row of ${symbol}`, codes };
  }
  return { codes };
}

function latestOf(symbol: string, [newest, previous]: readonly ExpectedRow[], stale: boolean) {
  const shares = newest && previous ? newest.shares - previous.shares : undefined;
  const percent = previous && Math.round((Number(shares) / Number(previous.shares)) * 1e4) / 100;
  const change =
    shares === undefined || percent === undefined
      ? null
      : { shares: exactly(shares), percent: exactly(percent) };
  const { market } = expectedHistory(symbol);
  return { symbol, market, latest: newest?.record ?? null, change, stale, error: null };
}

function recordOf({ symbol, market }: ExpectedHistory, { rows, next }: ExpectedPage) {
  return { symbol, market, items: recordsOf(rows), next_key: next };
}

function recordsOf(rows: readonly ExpectedRow[]) {
  return rows.map(({ record }) => record);
}

function linesOf(text: string): unknown[] {
  return text.split("\n").slice(0, -1).map(parseExactly);
}
