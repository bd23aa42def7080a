import * as v from "valibot";
import { Failure } from "../errors.ts";
import { FIRST_SEEN } from "../short-interest/columns.ts";
import { MAX_CURSOR_LENGTH } from "../short-interest/cursor.ts";
import { MAX_ROWS } from "../short-interest/page.ts";
import { MAX_SYMBOL_LENGTH, SYMBOL } from "../short-interest/symbol.ts";
import { PAGE_FORMATS, requireJson, SERIES_FORMATS } from "./formats.ts";
import { readQuery } from "./query.ts";

/** Parameters of all routes: their validation, and their descriptions in `/openapi.json` and MCP. */

const MAX_SYMBOLS = 50;
const MAX_LIST_LENGTH = 2_000;
/** Problem details repeat the name of a parameter up to this length. */
const MAX_NAME_LENGTH = 64;

/** Validated by `parseSymbol`, whose errors are more exact. */
export const symbolText = v.pipe(
  v.string("symbol must be a market and a code, such as HK.00700 or US.AAPL"),
  v.description("Market and code, case-insensitive: HK.00700, US.AAPL, US.BRK.B. HK.700 means HK.00700."),
  v.examples(["HK.00700"]),
);
export const symbol = v.pipe(symbolText, v.regex(SYMBOL), v.maxLength(MAX_SYMBOL_LENGTH));

const INVALID_NUM = `num must be an integer from 1 to ${MAX_ROWS}`;
export const rowCount = v.pipe(
  v.number(INVALID_NUM),
  v.integer(INVALID_NUM),
  v.minValue(1, INVALID_NUM),
  v.maxValue(MAX_ROWS, INVALID_NUM),
  v.description(`Number of rows, 1 to ${MAX_ROWS}.`),
  v.examples([10]),
);
const num = v.pipe(v.string(), v.regex(/^[1-9]\d?$/, INVALID_NUM), v.transform(Number), rowCount);

const INVALID_NEXT_KEY = `next_key must be the next_key of a response: at most ${MAX_CURSOR_LENGTH} printable characters`;
export const nextKey = v.pipe(
  v.string(INVALID_NEXT_KEY),
  v.maxLength(MAX_CURSOR_LENGTH, INVALID_NEXT_KEY),
  // Not a pattern: few readers of JSON Schema support \P. U+FFFD replaces bytes that are not UTF-8, so no response
  // has a cursor with it.
  v.check((text) => /^[^\p{C}\uFFFD]*$/u.test(text), INVALID_NEXT_KEY),
  v.description("Cursor: the next_key of the previous response. Omit it for the newest rows."),
  v.examples(["1777478400"]),
);

function oneOf<const Names extends readonly string[]>(parameter: string, names: Names) {
  return v.picklist(names, `${parameter} must be one of ${names.join(", ")}`);
}
const FORMAT = "Response format. Overrides the Accept header.";
const pageFormat = v.pipe(oneOf("format", PAGE_FORMATS), v.description(FORMAT), v.examples(["json"]));
const seriesFormat = v.pipe(oneOf("format", SERIES_FORMATS), v.description(FORMAT), v.examples(["json"]));

const include = v.pipe(
  oneOf("include", [FIRST_SEEN]),
  v.description(
    `${FIRST_SEEN} adds this column to each row: when this service first fetched the row. Not with format=protobuf.`,
  ),
  v.examples([FIRST_SEEN]),
);

export const order = v.pipe(
  oneOf("order", ["desc", "asc"]),
  v.description("desc: newest row first. asc: oldest row first; returns the full range or an error."),
  v.examples(["desc"]),
);

const day = (parameter: string, description: string, example: string) => {
  const problem = `${parameter} must be a date such as 2026-04-30`;
  return v.pipe(
    v.string(problem),
    v.isoDate(problem),
    // Rejects days such as February 30.
    v.check((text) => new Date(text).toJSON()?.slice(0, 10) === text, problem),
    v.description(description),
    v.examples([example]),
  );
};
export const from = day("from", "First day (inclusive), YYYY-MM-DD in the market's time zone.", "2026-01-01");
export const to = day("to", "Last day (inclusive), YYYY-MM-DD in the market's time zone.", "2026-04-30");
const INVALID_LIST = `symbols must be a list of 1 to ${MAX_SYMBOLS} symbols`;
export const symbolList = v.pipe(
  v.array(v.string(INVALID_LIST), INVALID_LIST),
  v.minLength(1, INVALID_LIST),
  v.maxLength(MAX_SYMBOLS, INVALID_LIST),
  v.description(`1 to ${MAX_SYMBOLS} symbols, each a market and a code.`),
  v.examples([["HK.00700", "US.AAPL"]]),
);
const INVALID_SYMBOLS = `symbols must be a comma-separated list of 1 to ${MAX_SYMBOLS} symbols`;
const symbols = v.pipe(
  v.string(INVALID_SYMBOLS),
  v.maxLength(MAX_LIST_LENGTH, INVALID_SYMBOLS),
  v.transform((text) => [...new Set(text.split(",").map((item) => item.trim()))]),
  v.check((list) => !list.includes(""), INVALID_SYMBOLS),
  symbolList,
);

const unknown = (names: string) => `Unknown parameter: expected ${names}`;

export const PageQuery = v.strictObject(
  {
    num: v.optional(num, "10"),
    next_key: v.optional(nextKey),
    format: v.optional(pageFormat),
    include: v.optional(include),
  },
  unknown("num, next_key, format or include"),
);

export const HistoryQuery = v.strictObject(
  {
    from: v.optional(from),
    to: v.optional(to),
    order: v.optional(order, "desc"),
    next_key: v.optional(nextKey),
    format: v.optional(seriesFormat),
    include: v.optional(include),
  },
  unknown("from, to, order, next_key, format or include"),
);

/** The parameters that OpenD's own clients send in their messages. */
export const OpendQuery = v.object({ num: rowCount, next_key: nextKey });

export const LatestQuery = v.strictObject({ symbols }, unknown("symbols"));

export const NoQuery = v.strictObject({}, "Unknown parameter: expected none");

/**
 * Validates the query of a URL. Unknown parameters are invalid, so that misspellings are noticed; so are repeated
 * ones, and those that are not percent-encoded UTF-8.
 * @param lists parameters that may be repeated; their values are joined by commas
 * @throws Failure `invalid_parameter`, which names the parameter
 */
export function parseQuery<const Schema extends v.GenericSchema>(
  schema: Schema,
  url: string,
  lists: readonly string[] = [],
): v.InferOutput<Schema> {
  const values = new Map<string, string>();
  for (const { name, value } of readQuery(url)) {
    const shortName = name.slice(0, MAX_NAME_LENGTH);
    if (value === undefined) throw invalid(name, `${shortName} must be percent-encoded UTF-8`);
    const previous = values.get(name);
    if (previous !== undefined && !lists.includes(name))
      throw invalid(name, `${shortName} must not be repeated`);
    values.set(name, previous === undefined ? value : `${previous},${value}`);
  }
  return parseInput(schema, Object.fromEntries(values));
}

/**
 * Validates a JSON body. An empty body counts as an empty object.
 * @throws Failure `unsupported_media_type`; `invalid_parameter`, which names the member
 */
export async function parseBody<const Schema extends v.GenericSchema>(
  schema: Schema,
  request: { header: (name: string) => string | undefined; text: () => Promise<string> },
): Promise<v.InferOutput<Schema>> {
  const text = await request.text();
  if (text === "") return parseInput(schema, {});
  requireJson(request.header("Content-Type"));
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw invalid("body", "The body is not valid JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalid("body", "The body must be a JSON object");
  }
  return parseInput(schema, body);
}

/**
 * Validates input of any kind.
 * @throws Failure `invalid_parameter`, which names the parameter
 */
export function parseInput<const Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, input, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const key = String(issue.path?.[0]?.key ?? "input");
  // Valibot reports a missing and an unknown member with the same message.
  const isMissing = /^(strict_)?object$/.test(issue.type) && issue.expected !== "never";
  throw invalid(key, isMissing ? `${key} is missing` : issue.message);
}

/** @throws Failure `invalid_parameter` if `from` is after `to` */
export function checkRange({ from, to }: { from?: string | undefined; to?: string | undefined }): void {
  if (from !== undefined && to !== undefined && from > to) throw invalid("from", "from must not be after to");
}

function invalid(parameter: string, detail: string): Failure {
  return new Failure("invalid_parameter", detail, { parameter: parameter.slice(0, MAX_NAME_LENGTH) });
}
