import * as v from "valibot";
import { Failure } from "../errors.ts";
import { MAX_ROWS } from "../short-interest/page.ts";
import { MAX_SYMBOL_LENGTH, SYMBOL } from "../short-interest/symbol.ts";
import { requireJson } from "./formats.ts";
import { readQuery } from "./query.ts";

/** The parameters of all routes: how they are checked, and, in `/openapi.json`, how they are described. */

const MAX_SYMBOLS = 50;
const MAX_LIST_LENGTH = 2_000;
const MAX_CURSOR_LENGTH = 256;
/** How much of a parameter's name is said back. */
const MAX_NAME_LENGTH = 64;

/** Checked by `parseSymbol`, which tells what is wrong with it more exactly. */
export const symbolText = v.pipe(
  v.string("symbol is a market and a code, such as HK.00700"),
  v.description("Market and code, in any case: HK.00700, US.AAPL, US.BRK.B. HK.700 is HK.00700."),
  v.examples(["HK.00700"]),
);
export const symbol = v.pipe(symbolText, v.regex(SYMBOL), v.maxLength(MAX_SYMBOL_LENGTH));

const NUM = `num is a whole number from 1 to ${MAX_ROWS}`;
export const rowCount = v.pipe(
  v.number(NUM),
  v.integer(NUM),
  v.minValue(1, NUM),
  v.maxValue(MAX_ROWS, NUM),
  v.description("Rows wanted."),
);
const num = v.pipe(v.string(), v.regex(/^[1-9]\d?$/, NUM), v.transform(Number), rowCount);

const NEXT_KEY = `next_key is the next_key of an answer: at most ${MAX_CURSOR_LENGTH} printable characters`;
export const nextKey = v.pipe(
  v.string(NEXT_KEY),
  v.maxLength(MAX_CURSOR_LENGTH, NEXT_KEY),
  // Not as a pattern: few programs that read the description know \P. Decoders put U+FFFD in place of bytes that are
  // not UTF-8, so a cursor with it is not one that an answer had.
  v.check((text) => /^[^\p{C}\uFFFD]*$/u.test(text), NEXT_KEY),
  v.description("The next_key of the answer before; absent for the newest rows."),
  v.examples(["1777478400"]),
);

function oneOf<const Names extends readonly string[]>(parameter: string, names: Names) {
  return v.picklist(names, `${parameter} is one of ${names.join(", ")}`);
}
const FORMAT = "Wins over the Accept header.";
const pageFormat = v.pipe(oneOf("format", ["json", "csv", "ndjson", "protobuf"]), v.description(FORMAT));
const seriesFormat = v.pipe(oneOf("format", ["json", "csv", "ndjson"]), v.description(FORMAT));

export const order = v.pipe(
  oneOf("order", ["desc", "asc"]),
  v.description("desc is newest row first; asc is oldest first, and comes whole or not at all."),
);

const day = (parameter: string, description: string) => {
  const problem = `${parameter} is a day such as 2026-04-30`;
  return v.pipe(
    v.string(problem),
    v.isoDate(problem),
    // There is no February 30.
    v.check((text) => new Date(text).toJSON()?.slice(0, 10) === text, problem),
    v.description(description),
    v.examples(["2026-04-30"]),
  );
};
export const from = day("from", "First day, in the market's time zone.");
export const to = day("to", "Last day, in the market's time zone.");
const LIST = `symbols is a list of 1 to ${MAX_SYMBOLS} symbols`;
export const symbolList = v.pipe(
  v.array(v.string(LIST), LIST),
  v.minLength(1, LIST),
  v.maxLength(MAX_SYMBOLS, LIST),
  v.description("Each as a market and a code. One that fails is a problem at its place."),
  v.examples([["HK.00700", "US.AAPL"]]),
);
const SYMBOLS = `symbols is a comma-separated list of 1 to ${MAX_SYMBOLS} symbols`;
const symbols = v.pipe(
  v.string(SYMBOLS),
  v.maxLength(MAX_LIST_LENGTH, SYMBOLS),
  v.transform((text) => [...new Set(text.split(",").map((each) => each.trim()))]),
  v.check((list) => !list.includes(""), SYMBOLS),
  symbolList,
);

const unknown = (names: string) => `There is no such parameter, but ${names}`;

export const PageQuery = v.strictObject(
  {
    num: v.optional(num, "10"),
    next_key: v.optional(nextKey),
    format: v.optional(pageFormat),
  },
  unknown("num, next_key and format"),
);

export const HistoryQuery = v.strictObject(
  {
    from: v.optional(from),
    to: v.optional(to),
    order: v.optional(order, "desc"),
    next_key: v.optional(nextKey),
    format: v.optional(seriesFormat),
  },
  unknown("from, to, order, next_key and format"),
);

/** Of OpenD's own clients, as it is in their messages. */
export const OpendQuery = v.object({ num: rowCount, next_key: nextKey });

export const LatestQuery = v.strictObject({ symbols }, unknown("symbols and no other"));

export const NoQuery = v.strictObject({}, "There are no parameters here");

/**
 * Checks the query of a URL. A parameter that the schema does not have is refused, so that a misspelt one is noticed.
 * So is one that is given twice, and one that is not percent-encoded UTF-8.
 * @param lists parameters that may be given more than once; their values are joined by commas
 * @throws Failure `invalid_parameter`, which names the parameter
 */
export function parseQuery<const Schema extends v.GenericSchema>(
  schema: Schema,
  url: string,
  lists: readonly string[] = [],
): v.InferOutput<Schema> {
  const values = new Map<string, string>();
  for (const { name, value } of readQuery(url)) {
    const shown = name.slice(0, MAX_NAME_LENGTH);
    if (value === undefined) throw invalid(name, `${shown} is not percent-encoded UTF-8`);
    const before = values.get(name);
    if (before !== undefined && !lists.includes(name))
      throw invalid(name, `${shown} is given more than once`);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  return parseInput(schema, Object.fromEntries(values));
}

/**
 * Checks a body of JSON. None at all is an empty object.
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
    throw invalid("body", "The body is not JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalid("body", "The body is not a JSON object");
  }
  return parseInput(schema, body);
}

/**
 * Checks input of any kind.
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
  // A strict object says the same of a member that it lacks and of one that it does not know.
  const missing = issue.type === "strict_object" && issue.expected !== "never";
  throw invalid(key, missing ? `${key} is missing` : issue.message);
}

/** @throws Failure `invalid_parameter` for a range that ends before it begins */
export function checkRange({ from, to }: { from?: string | undefined; to?: string | undefined }): void {
  if (from !== undefined && to !== undefined && from > to) throw invalid("from", "from is after to");
}

function invalid(parameter: string, detail: string): Failure {
  return new Failure("invalid_parameter", detail, { parameter: parameter.slice(0, MAX_NAME_LENGTH) });
}
